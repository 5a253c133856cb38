package channels

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/hublink-go/hublink/actors/internal/board"
	"github.com/hublink-go/hublink/protocol/hub"
)

// script refuses a support script, because the device does not run any: without an answer the
// operator on the hub waits for half a minute. The hub shows the output.
func script(b *board.Board, payload jsontext.Value) []hub.Push {
	s, err := hub.ParseScript(payload)
	if err != nil { // without a ref the hub does not know what is answered
		b.Count(func(n *board.Counters) { n.BadFrames++ })
		return nil
	}
	const refusal = "this device does not run support scripts"
	return []hub.Push{
		hub.ScriptResult{Ref: s.Ref, Failed: true, Output: refusal, Reason: refusal}.Push(),
	}
}
