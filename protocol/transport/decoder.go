package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/hublink-go/hublink/protocol"
)

// Errors of the decoder, wrapped in a CloseError.
var (
	errNotMinimal  = errors.New("frame length is not in its shortest form")
	errLength      = errors.New("frame length has its highest bit set")
	errCloseShort  = errors.New("close frame with one byte")
	errCloseCode   = errors.New("close frame with a code that must not be sent")
	errCloseReason = errors.New("reason of a close frame is not UTF-8")
	errFragments   = errors.New("message has too many fragments")
)

// Decoder turns bytes into events: the receiving half of RFC 6455 without I/O. It checks the rules
// for a receiver and the limits as early as the bytes allow. After an error or a close it ignores
// all input.
type Decoder struct {
	state  ws.State // role, and whether a fragmented message is incomplete
	rsv1   bool     // an extension uses RSV1 (RFC 6455 section 5.8)
	limits struct{ message, fragments int }

	header   [ws.MaxHeaderSize]byte
	have     int       // bytes of header
	frame    ws.Header // complete once payload is set
	payload  bool      // between the header and the end of the payload
	left     int       // payload bytes still to come
	control  []byte    // payload of a control frame, which can come between fragments
	text     bool      // the message: its type
	marked   bool      // the message: RSV1 of its first frame
	frames   int       // the message: frames so far
	total    int       // the message: payload bytes announced so far
	checked  int       // the message: bytes known to be UTF-8
	finished bool      // a close arrived or an error was found
}

// NewDecoder returns the decoder of one end. rsv1 means that an extension uses the RSV1 bit of the
// first frame of a message. The decoder does not check that such a message is UTF-8; the extension
// does.
func NewDecoder(role Role, l Limits, rsv1 bool) Decoder {
	l = l.orDefault()
	d := Decoder{state: ws.StateClientSide, rsv1: rsv1}
	if role == RoleServer {
		d.state = ws.StateServerSide
	}
	d.limits.message, d.limits.fragments = l.Message, l.Fragments
	return d
}

// Idle reports whether the next byte starts a frame.
func (d *Decoder) Idle() bool { return d.have == 0 }

// Pending returns how many bytes of the payload of a data frame come next, or 0 outside of one and
// after the end. The caller can read them directly into the message, see Filled.
func (d *Decoder) Pending() int {
	if d.finished || !d.payload || d.frame.OpCode.IsControl() {
		return 0
	}
	return d.left
}

// Decode consumes n bytes of in until an event is complete or in ends. It appends payload to msg,
// the current message, which is empty at the start; the next call takes the result. With
// EventMessage the result is the whole message. The error is a *CloseError with the code to send to
// the peer.
func (d *Decoder) Decode(in, msg []byte) (n int, out []byte, ev Event, err error) {
	for n < len(in) && !d.finished {
		if !d.payload {
			k, err := d.readHeader(in[n:])
			n += k
			if err != nil {
				return n, msg, Event{}, d.fail(err)
			}
			if !d.payload {
				return n, msg, Event{}, nil
			}
		}
		k := min(d.left, len(in)-n)
		if d.frame.OpCode.IsControl() {
			d.control = append(d.control, in[n:n+k]...)
			d.unmask(d.control[len(d.control)-k:])
		} else {
			msg = append(msg, in[n:n+k]...)
			d.unmask(msg[len(msg)-k:])
		}
		n += k
		ev, err := d.advance(msg)
		if err != nil || ev.Kind != EventNone {
			return n, msg, ev, err
		}
	}
	if d.finished {
		n = len(in)
	}
	return n, msg, Event{}, nil
}

// Filled is Decode for bytes that the caller read into msg: its last n bytes, at most Pending.
func (d *Decoder) Filled(msg []byte, n int) (Event, error) {
	d.unmask(msg[len(msg)-n:])
	return d.advance(msg)
}

func (d *Decoder) unmask(p []byte) {
	if d.frame.Masked {
		ws.Cipher(p, d.frame.Mask, int(d.frame.Length)-d.left)
	}
	d.left -= len(p)
}

// readHeader collects a header, which can arrive in pieces, and refuses an invalid one as early as
// possible.
func (d *Decoder) readHeader(in []byte) (n int, err error) {
	if d.have < 2 {
		n = copy(d.header[d.have:2], in)
		if d.have += n; d.have < 2 {
			return n, nil
		}
		if err := d.startFrame(); err != nil {
			return n, err
		}
	}
	size := ws.HeaderSize(d.frame)
	k := copy(d.header[d.have:size], in[n:])
	n += k
	if d.have += k; d.have < size {
		return n, nil
	}
	return n, d.startPayload(size)
}

// startFrame checks the first two bytes (RFC 6455 section 5.2). The length is provisional: 126 and
// 127 announce the longer forms, and exceed the limit of a control frame too.
func (d *Decoder) startFrame() error {
	a, b := d.header[0], d.header[1]
	h := ws.Header{
		Fin:    a&0x80 != 0,
		OpCode: ws.OpCode(a & 0x0f),
		Masked: b&0x80 != 0,
		Length: int64(b & 0x7f),
	}
	rsv := a >> 4 & 7
	if marks := h.OpCode == ws.OpText || h.OpCode == ws.OpBinary; d.rsv1 && marks {
		d.marked = rsv == ws.Rsv(true, false, false)
		if d.marked {
			rsv = 0
		}
	}
	h.Rsv = rsv
	if err := ws.CheckHeader(h, d.state); err != nil {
		return &CloseError{Code: protocol.CloseProtocolError, Err: err}
	}
	if h.Length == 127 {
		h.Length = 1 << 16 // for HeaderSize
	}
	d.frame = h
	return nil
}

// startPayload reads the length and the mask of a complete header.
func (d *Decoder) startPayload(size int) error {
	h := &d.frame
	switch d.header[1] & 0x7f {
	case 126:
		h.Length = int64(binary.BigEndian.Uint16(d.header[2:]))
		if h.Length < 126 {
			return &CloseError{Code: protocol.CloseProtocolError, Err: errNotMinimal}
		}
	case 127:
		n := binary.BigEndian.Uint64(d.header[2:])
		if n>>63 != 0 {
			return &CloseError{Code: protocol.CloseProtocolError, Err: errLength}
		}
		if h.Length = int64(n); h.Length <= 0xffff {
			return &CloseError{Code: protocol.CloseProtocolError, Err: errNotMinimal}
		}
	}
	if h.Masked {
		copy(h.Mask[:], d.header[size-4:])
	}
	if h.OpCode.IsData() {
		if err := d.startData(); err != nil {
			return err
		}
	}
	d.payload, d.left = true, int(h.Length)
	return nil
}

func (d *Decoder) startData() error {
	if d.frame.OpCode != ws.OpContinuation {
		d.text, d.frames, d.total, d.checked = d.frame.OpCode == ws.OpText, 0, 0, 0
	}
	if d.frame.Length > int64(d.limits.message-d.total) {
		return &CloseError{
			Code: protocol.CloseTooBig,
			Err:  fmt.Errorf("%w: over %d bytes", ErrMessageTooBig, d.limits.message),
		}
	}
	d.total += int(d.frame.Length)
	if d.frames++; d.frames > d.limits.fragments {
		return &CloseError{Code: protocol.CloseTooBig, Err: errFragments}
	}
	return nil
}

// advance checks new payload and ends a complete frame.
func (d *Decoder) advance(msg []byte) (Event, error) {
	control := d.frame.OpCode.IsControl()
	text := d.text && !d.marked && !control
	if text && !d.checkText(msg) {
		return Event{}, d.fail(&CloseError{Code: protocol.CloseInvalidData, Err: ErrInvalidUTF8})
	}
	if d.left > 0 {
		return Event{}, nil
	}
	d.have, d.payload = 0, false
	switch {
	case control:
		return d.endControl()
	case !d.frame.Fin:
		d.state = d.state.Set(ws.StateFragmented)
		return Event{}, nil
	case text && d.checked != len(msg): // msg ends within a character
		return Event{}, d.fail(&CloseError{Code: protocol.CloseInvalidData, Err: ErrInvalidUTF8})
	}
	d.state = d.state.Clear(ws.StateFragmented)
	ev := Event{Kind: EventMessage, Type: Binary, RSV1: d.marked}
	if d.text {
		ev.Type = Text
	}
	return ev, nil
}

// checkText checks the new bytes of msg. It leaves an incomplete character at the end for the next
// call.
func (d *Decoder) checkText(msg []byte) bool {
	fresh := msg[d.checked:]
	whole := len(fresh)
	for i := 1; i < utf8.UTFMax && i <= len(fresh); i++ {
		if last := fresh[len(fresh)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				whole -= i
			}
			break
		}
	}
	d.checked += whole
	return utf8.Valid(fresh[:whole])
}

func (d *Decoder) endControl() (Event, error) {
	p := d.control
	d.control = d.control[:0]
	switch d.frame.OpCode {
	case ws.OpPing:
		return Event{Kind: EventPing, Payload: p}, nil
	case ws.OpPong:
		return Event{Kind: EventPong, Payload: p}, nil
	}
	if len(p) == 0 {
		d.finished = true
		return Event{Kind: EventClose, Code: protocol.CloseNoStatus}, nil
	}
	if len(p) == 1 {
		return Event{}, d.fail(&CloseError{Code: protocol.CloseProtocolError, Err: errCloseShort})
	}
	code := int(binary.BigEndian.Uint16(p))
	switch {
	case !validCode(code):
		return Event{}, d.fail(
			&CloseError{Code: protocol.CloseProtocolError, Err: fmt.Errorf("%w: %d", errCloseCode, code)},
		)
	case !utf8.Valid(p[2:]):
		return Event{}, d.fail(&CloseError{Code: protocol.CloseInvalidData, Err: errCloseReason})
	}
	d.finished = true
	return Event{Kind: EventClose, Code: code, Payload: p[2:]}, nil
}

func (d *Decoder) fail(err error) error {
	d.finished = true
	return err
}
