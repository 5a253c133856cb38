package message

import "github.com/go-json-experiment/json/jsontext"

// Messages to an extension's actor.
type (
	// ExtensionAttached comes from channel/extensions; the hub listens, Version was agreed. Lost: the
	// actor asks when it starts.
	ExtensionAttached struct{ Version string }
	// ExtensionDetached comes from channel/extensions; be silent. Lost: pushes are dropped there.
	ExtensionDetached struct{}
	// ExtensionMessage comes from channel/extensions, by the hub. Lost: the hub asks again.
	ExtensionMessage struct {
		Event   string
		Payload jsontext.Value
	}
	// ExtensionSent comes from channel/extensions; a push of that size was written to the socket or
	// dropped. Lost with the channel: its next incarnation attaches anew, which empties the window.
	ExtensionSent struct{ Bytes int }
)
