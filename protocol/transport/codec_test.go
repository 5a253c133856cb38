package transport_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/protocol/transport/transporttest"
)

func TestProtocol(t *testing.T) {
	transporttest.TestProtocol(
		t,
		func(nc net.Conn, role transport.Role, l transport.Limits, d *transport.Deflate) transport.Conn {
			return transport.NewDeflateConn(nc, role, l, nil, d)
		},
	)
}

// decode feeds wire in pieces of at most size bytes and says in words what came of it. direct puts
// the payload of data frames straight into the message.
func decode(d *transport.Decoder, wire []byte, size int, direct bool) (events []string) {
	var msg []byte
	for len(wire) > 0 {
		piece := wire[:min(size, len(wire))]
		var (
			n   int
			ev  transport.Event
			err error
		)
		if pending := d.Pending(); direct && pending > 0 {
			n = min(len(piece), pending)
			msg = append(msg, piece[:n]...)
			ev, err = d.Filled(msg, n)
		} else {
			n, msg, ev, err = d.Decode(piece, msg)
		}
		wire = wire[n:]
		if e := describe(ev, msg, err); e != "" {
			events = append(events, e)
		}
		if ev.Kind == transport.EventMessage {
			msg = nil
		}
	}
	return events
}

func describe(ev transport.Event, msg []byte, err error) string {
	var ce *transport.CloseError
	switch {
	case errors.As(err, &ce):
		return fmt.Sprintf("end: found %d", ce.Code)
	case err != nil:
		return fmt.Sprintf("not a CloseError: %v", err)
	case ev.Kind == transport.EventNone:
		return ""
	case ev.Kind == transport.EventClose:
		return fmt.Sprintf("end: received %d %x", ev.Code, ev.Payload)
	case ev.Kind != transport.EventMessage:
		return fmt.Sprintf("control %d %x", ev.Kind, ev.Payload)
	case ev.Type == transport.Text && !ev.RSV1 && !utf8.Valid(msg):
		return fmt.Sprintf("text that is not UTF-8: %x", msg)
	default:
		return fmt.Sprintf("%v %v %x", ev.Type, ev.RSV1, msg)
	}
}

// What comes of a byte stream must not depend on how it was cut into reads.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte("\x81\x05hello\x89\x01p\x88\x02\x03\xe8"), false, false, byte(1))
	f.Add([]byte("\x81\x85\x01\x02\x03\x04hello"), true, false, byte(3))
	f.Add([]byte("\x01\x02\xe2\x82\x80\x01\xac\xc1\x01x"), false, true, byte(2))
	f.Add([]byte("\x82\x7e\x00\x7e0123456789"), false, false, byte(4))
	f.Add([]byte("\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"), false, false, byte(5))
	f.Add([]byte("\x81\x30bad \x89 with more of the frame behind it"), false, false, byte(6))
	f.Fuzz(func(t *testing.T, wire []byte, server, rsv1 bool, size byte) {
		const limit = 300
		role := transport.RoleClient
		if server {
			role = transport.RoleServer
		}
		fresh := func() *transport.Decoder {
			d := transport.NewDecoder(role, transport.Limits{Message: limit, Fragments: 4}, rsv1)
			return &d
		}
		piece := int(size)%16 + 1
		whole := decode(fresh(), wire, len(wire), false)
		if diff := cmp.Diff(whole, decode(fresh(), wire, piece, false)); diff != "" {
			t.Errorf("in pieces of %d:\n%s", piece, diff)
		}
		if diff := cmp.Diff(whole, decode(fresh(), wire, piece, true)); diff != "" {
			t.Errorf("in place, in pieces of %d:\n%s", piece, diff)
		}
		for i, e := range whole {
			switch {
			case strings.HasPrefix(e, "end") && i != len(whole)-1:
				t.Errorf("%q was not the end: %q", e, whole[i+1])
			case strings.HasPrefix(e, "text that"), strings.HasPrefix(e, "not a"):
				t.Error(e)
			case len(e) > 2*limit+20:
				t.Errorf("a message of %d bytes got past the limit", len(e)/2)
			}
		}
	})
}

// Whatever one end encodes the other end decodes, and nothing else comes of it.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("hello"), byte(0), true, 1000, uint32(0x01020304))
	f.Add([]byte(""), byte(3), false, 1012, uint32(0))
	f.Add(bytes.Repeat([]byte("x"), 200), byte(1), true, 0, uint32(7))
	f.Fuzz(func(t *testing.T, payload []byte, kind byte, fromClient bool, code int, mask uint32) {
		sender, receiver := transport.RoleServer, transport.RoleClient
		if fromClient {
			sender, receiver = receiver, sender
		}
		ev := transport.Event{
			Kind:    transport.EventMessage + transport.EventKind(kind%4),
			Payload: payload,
		}
		if ev.Kind == transport.EventMessage {
			if ev.Type = transport.Binary; utf8.Valid(payload) {
				ev.Type = transport.Text
			}
		}
		if ev.Kind == transport.EventClose {
			ev.Code = code
		}
		e := transport.NewEncoder(sender)
		frame, err := e.Append(
			nil,
			ev,
			[4]byte{byte(mask), byte(mask >> 8), byte(mask >> 16), byte(mask >> 24)},
		)
		if err != nil {
			if len(payload) <= 125 {
				t.Errorf("cannot encode %v: %v", ev.Kind, err)
			}
			return
		}
		d := transport.NewDecoder(receiver, transport.Limits{}, false)
		n, msg, got, err := d.Decode(frame, nil)
		if err != nil || n != len(frame) || got.Kind != ev.Kind {
			t.Fatalf("%v came back as %v after %d of %d bytes: %v", ev.Kind, got.Kind, n, len(frame), err)
		}
		switch ev.Kind {
		case transport.EventMessage:
			if got.Type != ev.Type || !bytes.Equal(msg, payload) {
				t.Errorf("message changed: %v %x", got.Type, msg)
			}
		case transport.EventClose:
			if !bytes.HasPrefix(payload, got.Payload) ||
				got.Code != code && got.Code != protocol.CloseNoStatus ||
				!e.Closed() {
				t.Errorf("close changed: %d %q", got.Code, got.Payload)
			}
		default:
			if !bytes.Equal(got.Payload, payload) {
				t.Errorf("payload changed: %x", got.Payload)
			}
		}
	})
}
