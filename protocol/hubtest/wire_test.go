package hubtest

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
)

// FuzzWire: no frame of a device makes the hub panic, and what it says in answer can be read by the
// device.
func FuzzWire(f *testing.F) {
	f.Add([]byte(`[1,2,"device","x",{}]`), false, false)
	f.Add([]byte(` [ null , 7 , "phoenix" , "heartbeat" , {} ] `), false, false)
	f.Add([]byte("\x00\x01\x01\x06\x0d12devicestatus_update\x01"), true, false)
	f.Add([]byte("\x95\x01\x02\xa6device\xa1x\x80"), true, true)
	f.Add(
		[]byte("\x95\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00\xc0\xa6device\xa1x\xc4\x01\xff"),
		true,
		true,
	)
	f.Fuzz(func(t *testing.T, data []byte, isBinary, msgpack bool) {
		w := wire{msgpack: msgpack}
		kind := transport.Text
		if isBinary {
			kind = transport.Binary
		}
		m, err := w.decode(kind, data)
		if err != nil {
			return
		}
		answer := protocol.Message{
			JoinRef: m.JoinRef,
			Ref:     m.Ref,
			Topic:   "device",
			Event:   protocol.EventReply,
			Payload: []byte(`{"status":"ok"}`),
		}
		frame, err := w.encode(nil, answer)
		require.NoError(t, err)
		var codec protocol.Codec = protocol.JSON{}
		if msgpack {
			codec = protocol.MessagePack{}
		}
		back, err := codec.Decode(frame, w.kind() == transport.Binary)
		require.NoError(t, err, "%q", frame)
		if !w.integers &&
			utf8.ValidString(m.JoinRef+m.Ref) { // a packed push may have refs that JSON cannot tell back
			require.Equal(t, answer, back)
		}
	})
}
