package transport

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"time"
)

// Kind reports whether a message is text, which is UTF-8, or binary.
type Kind uint8

// The two kinds of messages.
const (
	Text Kind = iota + 1
	Binary
)

func (k Kind) String() string {
	switch k {
	case Text:
		return "text"
	case Binary:
		return "binary"
	default:
		return "unknown"
	}
}

// Conn is one established link. ReadMessage is for one goroutine at a time, everything else for
// any.
type Conn interface {
	// ReadMessage appends the next whole message to buf[:0] and returns it; the result belongs to the
	// caller and shares memory with buf where that was large enough. It answers pings (at most 10 a
	// second after a burst of 32) and the peer's close.
	//
	// The error is a *CloseError when the protocol ended the link: the code as received, 1005 when the
	// peer's close had none, 1006 when the stream ended without one, 1002, 1007 or 1009 when the peer
	// broke the protocol or a limit, which it has then been told. Otherwise it is a network error: a
	// timeout (Limits.ReadIdle; a Close can still be sent then), or one that wraps net.ErrClosed after
	// Close or Abort. The error is final; it comes again at every later call.
	ReadMessage(buf []byte) (Kind, []byte, error)

	// WriteMessage sends p as one frame with one Write and does not keep it. ErrMessageTooBig and
	// ErrInvalidUTF8 leave the link as it was. After any other error nothing can be written any more
	// and ReadMessage ends within Limits.Drain, with what the peer still had to say.
	WriteMessage(k Kind, p []byte) error

	// Close sends a close frame, ends the sending side, waits at most Limits.Drain for the peer to end
	// its side, and drops the link. A code that must not be sent (1005, 1006, 1015, reserved ones) is
	// left out; a reason is cut to 123 bytes. Messages that arrive after it may be dropped. Later
	// calls do nothing and return nil.
	Close(code int, reason string) error

	// Abort drops the link at once, without a close frame.
	Abort() error

	// Info describes the ends of the link.
	Info() ConnInfo
}

// Dialer opens links. The error is or wraps a *RefusedError when an HTTP server answered and did
// not upgrade, and a *PhaseError otherwise.
type Dialer interface {
	Dial(ctx context.Context, req Request) (Conn, error)
}

// Request says where to dial and what to send along.
type Request struct {
	// URL is the address: ws, wss, or http and https meaning the same. A fragment is not sent; user
	// information is an error.
	URL *url.URL
	// Header goes with the upgrade request; its values appear in no error. The headers of the
	// handshake itself and Origin (the hub refuses a foreign one) are an error.
	Header http.Header
}

// Limits bound what a peer can make us hold or wait for. Zero means the value given with the field.
type Limits struct {
	HandshakeBytes int // bytes of the answer to an upgrade request; 64 KiB
	// bytes of a message, also once inflated, and of a frame, both ways; 8,000,000 as the hub has it
	Message int
	// how many times its compressed size a message from the peer may have; no limit. The hub: 25
	InflateRatio int
	Fragments    int           // frames of one message; 131,072
	WriteTimeout time.Duration // for one Write; 10 s
	ReadIdle     time.Duration // longest time without any byte from the peer; none
	Drain        time.Duration // longest time that a close takes; 1 s
}

func (l Limits) orDefault() Limits {
	return Limits{
		HandshakeBytes: cmp.Or(l.HandshakeBytes, 64<<10),
		Message:        cmp.Or(l.Message, 8_000_000),
		InflateRatio:   l.InflateRatio,
		Fragments:      cmp.Or(l.Fragments, 128<<10),
		WriteTimeout:   cmp.Or(l.WriteTimeout, 10*time.Second),
		ReadIdle:       l.ReadIdle,
		Drain:          cmp.Or(l.Drain, time.Second),
	}
}

// inflated bounds what a compressed message of n bytes may stand for.
func (l Limits) inflated(n int) int {
	if l.InflateRatio == 0 {
		return l.Message
	}
	return min(l.Message, l.InflateRatio*n)
}
