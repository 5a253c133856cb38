package protocol

import "github.com/go-json-experiment/json/jsontext"

// Message is one Phoenix channel message: [join_ref, ref, topic, event, payload] (Phoenix V2
// serializer). An empty JoinRef or Ref means null. A Message is immutable once it was sent or
// delivered.
type Message struct {
	JoinRef string
	Ref     string
	Topic   string
	Event   string
	// Payload is one JSON value in every wire form; the codecs translate. Empty means {}. When Binary
	// is set, Payload is the raw bytes of a packed binary message of vsn 2.0.0.
	Payload jsontext.Value
	Binary  bool
	Status  string // "ok" or "error", of a phx_reply with Binary set
}

// Events and topics of the Phoenix channel protocol itself.
const (
	TopicPhoenix   = "phoenix" // heartbeats
	EventJoin      = "phx_join"
	EventLeave     = "phx_leave"
	EventReply     = "phx_reply"
	EventError     = "phx_error"
	EventClose     = "phx_close"
	EventHeartbeat = "heartbeat"
)

// intern returns text as a string. It does not allocate for the topics and events that a hub sends
// often.
func intern(text []byte) string {
	switch string(text) {
	case TopicPhoenix:
		return TopicPhoenix
	case "device":
		return "device"
	case "extensions":
		return "extensions"
	case "console":
		return "console"
	case EventReply:
		return EventReply
	case EventError:
		return EventError
	case EventClose:
		return EventClose
	case EventJoin:
		return EventJoin
	case EventLeave:
		return EventLeave
	case EventHeartbeat:
		return EventHeartbeat
	case "update":
		return "update"
	case "extensions:get":
		return "extensions:get"
	case "health:check":
		return "health:check"
	case "health:report":
		return "health:report"
	case "logging:send":
		return "logging:send"
	case "fwup_progress":
		return "fwup_progress"
	case "status_update":
		return "status_update"
	default:
		return string(text)
	}
}
