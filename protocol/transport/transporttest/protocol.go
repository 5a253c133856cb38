package transporttest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/protocol/transport/internal/duplex"
)

// Case is one case of RFC 6455 or RFC 7692: the frames of the peer and their result. After the last
// frame the peer ends its side.
type Case struct {
	Name     string
	Deflate  *transport.Deflate // the agreed compression; nil means none
	Frames   []Frame
	Messages []Message // messages before the end
	Pongs    []string  // payloads of the sent pongs
	// Code is the code with which reading ends, and the code of the sent close frame. After 1006 no
	// close frame is sent.
	Code int
	// Found means that Code is from this end and not from the peer's close frame.
	Found bool
}

// Message is a delivered message.
type Message struct {
	Kind transport.Kind
	Data string
}

// Frame is a valid or an invalid frame.
type Frame struct {
	First     byte // FIN, RSV1 to RSV3, opcode
	Payload   string
	Form      int    // bits of the length field: 7, 16 or 64; zero means the shortest form
	Announce  uint64 // a false value of the length field, when not zero
	WrongMask bool   // masked by a server, unmasked by a client
	Cut       int    // number of missing bytes at the end of the frame
}

// caseLimits are the limits of the cases.
var caseLimits = transport.Limits{Message: 100_000, Fragments: 8}

// Drive returns a link over a stream.
type Drive func(nc net.Conn, role transport.Role, l transport.Limits,
	d *transport.Deflate) transport.Conn

// TestProtocol runs the cases for both roles with the driver drive. The bytes arrive at once, one
// by one, and in random pieces.
func TestProtocol(t *testing.T, drive Drive) {
	t.Helper()
	roles := map[string]transport.Role{"client": transport.RoleClient, "server": transport.RoleServer}
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			for name, role := range roles {
				for _, slice := range []int{0, 1, 1000} {
					t.Run(fmt.Sprintf("%s/%d", name, slice), func(t *testing.T) { c.run(t, role, slice, drive) })
				}
			}
		})
	}
}

func (c Case) run(t *testing.T, role transport.Role, slice int, drive Drive) {
	peer, ours := duplex.New("peer", "ours")
	conn := drive(NewFaulty(ours, Plan{Read: Direction{Slice: slice}}), role, caseLimits, c.Deflate)
	defer conn.Abort() //nolint:errcheck // the end of the test
	go func() {
		_, _ = peer.Write(c.wire(role == transport.RoleServer))
		_ = peer.CloseWrite()
	}()
	for i := 0; ; i++ {
		kind, data, err := conn.ReadMessage(nil)
		if err != nil {
			if i != len(c.Messages) {
				t.Errorf("got %d messages, want %d", i, len(c.Messages))
			}
			c.checkEnd(t, err)
			break
		}
		if i >= len(c.Messages) || kind != c.Messages[i].Kind || string(data) != c.Messages[i].Data {
			t.Fatalf("message %d: got %v %.50q", i, kind, data)
		}
	}
	sent, _ := io.ReadAll(peer)
	c.checkSent(t, sent, role == transport.RoleClient)
}

func (c Case) checkEnd(t *testing.T, err error) {
	var ce *transport.CloseError
	if !errors.As(err, &ce) || ce.Code != c.Code || ce.Received == c.Found {
		t.Errorf("reading ended with %v, want code %d, found by us: %v", err, c.Code, c.Found)
	}
}

// checkSent checks the sent bytes: the pongs and one close frame.
func (c Case) checkSent(t *testing.T, wire []byte, masked bool) {
	var pongs []string
	code := 0
	for len(wire) > 0 {
		if code != 0 {
			t.Fatalf("%d bytes were sent behind the close frame", len(wire))
		}
		op, payload, rest := cutFrame(t, wire, masked)
		wire = rest
		switch {
		case op == 0x8a:
			pongs = append(pongs, string(payload))
		case op == 0x88 && len(payload) == 0:
			code = protocol.CloseNoStatus
		case op == 0x88 && len(payload) >= 2:
			code = int(binary.BigEndian.Uint16(payload))
		default:
			t.Fatalf("sent a frame %#x with %d bytes", op, len(payload))
		}
	}
	want := c.Code
	if want == protocol.CloseAbnormal {
		want = 0
	}
	if code != want {
		t.Errorf("sent a close with code %d, want %d", code, want)
	}
	if fmt.Sprint(pongs) != fmt.Sprint(c.Pongs) {
		t.Errorf("sent pongs %.100q, want %.100q", pongs, c.Pongs)
	}
}

// cutFrame removes a control frame from the front of wire.
func cutFrame(t *testing.T, wire []byte, masked bool) (op byte, payload, rest []byte) {
	head := 2
	if masked {
		head += 4
	}
	if len(wire) < head || wire[1]>>7 == 1 != masked || len(wire) < head+int(wire[1]&0x7f) {
		t.Fatalf("sent what is no whole frame, or masked wrongly: % x", wire)
	}
	n := int(wire[1] & 0x7f)
	payload = bytes.Clone(wire[head : head+n])
	for i := range payload {
		if masked {
			payload[i] ^= wire[2+i%4]
		}
	}
	return wire[0], payload, wire[head+n:]
}

// wire returns the bytes that the peer sends.
func (c Case) wire(masked bool) []byte {
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable
	out := make([]byte, 0, 256)
	for _, f := range c.Frames {
		out = append(out, f.bytes(masked != f.WrongMask, rnd)...)
	}
	return out
}

func (f Frame) bytes(masked bool, rnd *rand.Rand) []byte {
	n := uint64(len(f.Payload))
	if f.Announce != 0 {
		n = f.Announce
	}
	bit := byte(0)
	if masked {
		bit = 0x80
	}
	out := []byte{f.First}
	switch {
	case f.Form == 7, f.Form == 0 && n < 126:
		out = append(out, bit|byte(n))
	case f.Form == 16, f.Form == 0 && n < 65536:
		out = binary.BigEndian.AppendUint16(append(out, bit|126), uint16(n)) //nolint:gosec // chosen so
	default:
		out = binary.BigEndian.AppendUint64(append(out, bit|127), n)
	}
	payload := []byte(f.Payload)
	if masked {
		var mask [4]byte
		binary.BigEndian.PutUint32(mask[:], rnd.Uint32())
		out = append(out, mask[:]...)
		for i := range payload {
			payload[i] ^= mask[i%4]
		}
	}
	out = append(out, payload...)
	return out[:len(out)-f.Cut]
}
