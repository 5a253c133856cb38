package transport

import (
	"encoding/binary"
	"fmt"
	"net"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// maxReason is the space of a control frame after the code, in bytes (RFC 6455 section 5.5.1).
const maxReason = ws.MaxControlFramePayloadSize - 2

// Encoder turns events into frames: the sending half of RFC 6455 without I/O. After a close it
// refuses all events (section 5.5.1). The zero value is a client's.
type Encoder struct {
	role   Role
	closed bool
}

// NewEncoder returns the encoder of one end.
func NewEncoder(role Role) Encoder { return Encoder{role: role} }

// Closed reports whether the encoder has made the close frame.
func (e *Encoder) Closed() bool { return e.closed }

// Append appends the frame of ev to dst. A client masks it with mask, which must be unpredictable
// (RFC 6455 section 10.3); a server ignores mask. After a close the error wraps net.ErrClosed.
func (e *Encoder) Append(dst []byte, ev Event, mask [4]byte) ([]byte, error) {
	if e.closed {
		return dst, errClosing
	}
	var scratch [ws.MaxControlFramePayloadSize]byte
	payload := ev.Payload
	switch {
	case ev.Kind == EventNone:
		return dst, nil
	case ev.Kind == EventClose:
		payload = appendClosePayload(scratch[:0], ev.Code, payload)
		e.closed = true
	case ev.Kind != EventMessage && len(payload) > ws.MaxControlFramePayloadSize:
		return dst, fmt.Errorf("control frame with %d bytes: %w", len(payload), ErrMessageTooBig)
	}
	h := ws.Header{
		Fin:    true,
		Rsv:    ws.Rsv(ev.RSV1, false, false),
		OpCode: opOf(ev),
		Masked: e.role == RoleClient,
		Mask:   mask,
		Length: int64(len(payload)),
	}
	dst = appendHeader(dst, h)
	start := len(dst)
	dst = append(dst, payload...)
	if h.Masked {
		ws.Cipher(dst[start:], mask, 0)
	}
	return dst, nil
}

var errClosing = fmt.Errorf("a close frame was sent: %w", net.ErrClosed)

// appendHeader is ws.WriteHeader without its writer, which needs an allocation for each frame.
func appendHeader(dst []byte, h ws.Header) []byte {
	first, masked := h.Rsv<<4|byte(h.OpCode), byte(0)
	if h.Fin {
		first |= 0x80
	}
	if h.Masked {
		masked = 0x80
	}
	switch n := h.Length; {
	case n < 126:
		dst = append(dst, first, masked|byte(n))
	case n <= 0xffff:
		dst = binary.BigEndian.AppendUint16(append(dst, first, masked|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(
			append(dst, first, masked|127),
			uint64(n),
		) //nolint:gosec // a length
	}
	if h.Masked {
		dst = append(dst, h.Mask[:]...)
	}
	return dst
}

// appendClosePayload omits a code that must not be sent (RFC 6455 section 7.4), and its reason,
// which needs a code.
func appendClosePayload(dst []byte, code int, reason []byte) []byte {
	if !validCode(code) {
		return dst
	}
	for len(reason) > maxReason || !utf8.Valid(reason) {
		reason = reason[:min(len(reason)-1, maxReason)]
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(code)) //nolint:gosec // at most 4999
	return append(dst, reason...)
}
