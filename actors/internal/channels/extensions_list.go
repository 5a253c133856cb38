package channels

import (
	"github.com/go-json-experiment/json/jsontext"
	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/protocol/hub"
)

// extensionsList is the concern of `extensions:get` on the device topic: it tells
// channel/extensions what the hub has said on this join.
type extensionsList struct {
	door *DeviceDoor
	said *message.ExtensionsOffered // nil: nothing yet
	log  *zerolog.Logger
}

// joined begins to wait for the hub's list.
func (l *extensionsList) joined() {
	l.said = nil
	l.tell()
}

// get takes in the hub's list.
func (l *extensionsList) get(payload jsontext.Value) {
	advertised, err := hub.ParseExtensionsGet(payload)
	if err != nil {
		l.log.Debug().Err(err).Msg("extensions:get without a readable list; offering everything")
	}
	l.said = &message.ExtensionsOffered{Advertised: l.own(advertised)}
	l.tell()
}

// tell tells channel/extensions; one that is being restarted asks.
func (l *extensionsList) tell() {
	switch {
	case len(l.door.Factories) == 0:
	case l.said != nil:
		_ = l.door.Extensions.Send(*l.said)
	default:
		_ = l.door.Extensions.Send(message.ExtensionsPending{})
	}
}

// own returns the part of the hub's list that the device has; the rest would only take memory. Nil
// stays nil.
func (l *extensionsList) own(advertised map[string][]string) map[string][]string {
	if advertised == nil {
		return nil
	}
	own := make(map[string][]string, len(l.door.Factories))
	for _, f := range l.door.Factories {
		if versions, ok := advertised[f.Name]; ok {
			own[f.Name] = versions
		}
	}
	return own
}
