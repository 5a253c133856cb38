package protocol_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hublink-go/hublink/protocol"
)

// A socket is driven by what happens and by its deadline; here both come from a script.
func Example() {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	socket := protocol.NewSocket(protocol.SocketConfig{}, rand.New(rand.NewPCG(1, 2)))
	run := func(in protocol.SocketInput) {
		for _, e := range socket.Step(now, in, nil) {
			switch e.Kind {
			case protocol.DoDial:
				fmt.Println("dial")
			case protocol.DoSend:
				frame, _ := protocol.JSON{}.Append(nil, e.Msg)
				fmt.Printf("send %s\n", frame)
			case protocol.DoHangup:
				fmt.Println("hang up:", e.Reason)
			}
		}
	}
	run(protocol.SocketInput{Kind: protocol.SocketStart})
	run(protocol.SocketInput{Kind: protocol.SocketOpened})
	run(
		protocol.SocketInput{
			Kind: protocol.SocketTransmit,
			Msg:  protocol.Message{Topic: "device", Event: protocol.EventJoin},
		},
	)
	for range 2 { // the hub does not answer the heartbeat
		now = socket.Deadline()
		run(protocol.SocketInput{})
	}
	// Output:
	// dial
	// send ["1","1","device","phx_join",{}]
	// send [null,"2","phoenix","heartbeat",{}]
	// hang up: heartbeat timeout
}
