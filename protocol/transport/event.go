package transport

import "github.com/gobwas/ws"

// Role is an end of a link. The client masks its frames (RFC 6455 section 5.3).
type Role uint8

// The two ends.
const (
	RoleClient Role = iota
	RoleServer
)

// EventKind names the meaning of a control frame or of the last frame of a message.
type EventKind uint8

// The events.
const (
	EventNone    EventKind = iota // no event is complete
	EventMessage                  // Type, RSV1, Payload
	EventPing                     // Payload, at most 125 bytes
	EventPong                     // Payload, at most 125 bytes
	EventClose                    // Code, 1005 for none; Payload: the reason
)

// Event is one message or control frame that arrived or is sent.
type Event struct {
	Kind    EventKind
	Type    Kind   // of a message
	RSV1    bool   // RSV1 of the first frame: an extension transformed the message
	Code    int    // of a close
	Payload []byte // from a Decoder: control frames only, valid until its next call
}

// validCode reports whether a close frame can have the code. The table of gobwas/ws ends at 1011,
// but NervesHub closes with 1012 when it drains a node.
func validCode(code int) bool {
	switch {
	case code < 1000, code > 4999:
		return false
	case code >= 3000:
		return true
	default:
		return code <= 1003 || code >= 1007 && code <= 1014
	}
}

func opOf(e Event) ws.OpCode {
	switch {
	case e.Kind == EventPing:
		return ws.OpPing
	case e.Kind == EventPong:
		return ws.OpPong
	case e.Kind == EventClose:
		return ws.OpClose
	case e.Type == Binary:
		return ws.OpBinary
	default:
		return ws.OpText
	}
}
