package hubtest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/hublink-go/hublink/protocol/hubtest"
	"github.com/hublink-go/hublink/protocol/transport"
)

// A device connects, joins and is offered a firmware, all in memory.
func Example() {
	hub, err := hubtest.Start(hubtest.Config{Mode: hubtest.Memory, Profile: hubtest.ProfileSnapshot})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer hub.Close()
	firmware, err := hub.Firmware().Add(
		hubtest.Metadata{UUID: "fw-2", Version: "2.0.0"},
		hubtest.Generated(1, 5<<20),
	)
	if err != nil {
		fmt.Println(err)
		return
	}

	// The device's part, which an agent would play.
	headers, err := hub.Secret("device-1").Sign(time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	request := transport.Request{URL: &url.URL{
		Scheme: "ws", Host: "hub.test", Path: "/device-socket/websocket", RawQuery: "vsn=2.0.0",
	}, Header: http.Header{}}
	for _, h := range headers {
		request.Header.Set(h.Name, h.Value)
	}
	conn, err := hub.Dialer().Dial(context.Background(), request)
	if err != nil {
		fmt.Println(err)
		return
	}
	join := `["1","1","device","phx_join",{"device_api_version":"2.1.0","nerves_fw_uuid":"fw-1"}]`
	if err := conn.WriteMessage(transport.Text, []byte(join)); err != nil {
		fmt.Println(err)
		return
	}

	// The operator's part.
	device := hub.Device("device-1")
	if err := device.WaitJoined(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("runs", device.Snapshot().Running.UUID)
	if err := device.Update().Offer(firmware); err != nil {
		fmt.Println(err)
	}
	for range 2 {
		_, frame, err := conn.ReadMessage(nil)
		fmt.Println(string(frame[:min(56, len(frame))]), err)
	}
	// Output:
	// runs fw-1
	// ["1","1","device","phx_reply",{"response":{},"status":"o <nil>
	// [null,null,"device","update",{"update_available":true,"f <nil>
}
