package protocol

import "github.com/go-json-experiment/json/jsontext"

// Reply is the content of a phx_reply.
type Reply struct {
	OK bool // status "ok"
	// any JSON value, or raw bytes when the message was binary; nil means none
	Response jsontext.Value
}

// ParseReply reads the payload of a phx_reply. A reply without a readable status is not OK.
// Response refers to the payload.
func ParseReply(m Message) Reply {
	if m.Binary {
		return Reply{OK: m.Status == "ok", Response: m.Payload}
	}
	status, _ := member(m.Payload, "status")
	response, _ := member(m.Payload, "response")
	return Reply{OK: isText(status, "ok"), Response: response}
}
