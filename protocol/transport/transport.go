package transport

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"time"
)

// Kind is the kind of a message: text in UTF-8, or binary.
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

// Conn is one established link. One goroutine at a time may call ReadMessage; the other methods are
// safe for concurrent use.
type Conn interface {
	// ReadMessage appends the next whole message to buf[:0] and returns it. The caller owns the
	// result, which shares the memory of buf if that is large enough. ReadMessage answers pings (at
	// most 10 a second after a burst of 32) and the peer's close (RFC 6455 section 5.5).
	//
	// The error is a *CloseError when the protocol ended the link: the received code, 1005 for a close
	// without a code, 1006 for the end of the stream without a close, and 1002, 1007 or 1009, which is
	// also sent to the peer, for a broken rule or limit. Otherwise it is a network error: a timeout
	// (Limits.ReadIdle, after which Close can still send its frame), or an error that wraps
	// net.ErrClosed after Close or Abort. Every later call returns the same error.
	ReadMessage(buf []byte) (Kind, []byte, error)

	// WriteMessage sends p as one frame with one Write and does not keep p. ErrMessageTooBig and
	// ErrInvalidUTF8 do not change the link. After any other error all writes fail, and ReadMessage
	// returns the remaining messages and ends within Limits.Drain.
	WriteMessage(k Kind, p []byte) error

	// Close sends a close frame, ends the sending side, waits at most Limits.Drain for the peer to end
	// its side, and drops the link (RFC 6455 section 7.1.1). It omits a code that must not be sent
	// (1005, 1006, 1015, reserved ones) and cuts the reason to 123 bytes. It can drop messages that
	// arrive later. A later call returns nil.
	Close(code int, reason string) error

	// Abort drops the link at once, without a close frame.
	Abort() error

	// Info describes the ends of the link.
	Info() ConnInfo
}

// Dialer opens links. The error has a *RefusedError when an HTTP server answered without upgrading,
// else a *PhaseError.
type Dialer interface {
	Dial(ctx context.Context, req Request) (Conn, error)
}

// Request has the URL and the headers of a dial.
type Request struct {
	// URL has the scheme ws or wss, or http or https with the same meaning. A fragment is not sent;
	// user information is an error.
	URL *url.URL
	// Header is added to the upgrade request. No error contains its values. Headers of the handshake
	// and Origin are an error; NervesHub refuses a foreign Origin.
	Header http.Header
}

// Limits bound the memory and the time that a peer can cost. The zero value of a field means the
// value in its comment.
type Limits struct {
	HandshakeBytes int // bytes of the answer to an upgrade request; 64 KiB
	// Message limits the bytes of a message, inflated too, and of a frame, in both directions;
	// 8,000,000 as in NervesHub.
	Message int
	// InflateRatio limits a message to a multiple of its compressed size; no limit. NervesHub has 25.
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

// inflated returns the limit of a message that has n bytes compressed.
func (l Limits) inflated(n int) int {
	if l.InflateRatio == 0 {
		return l.Message
	}
	return min(l.Message, l.InflateRatio*n)
}
