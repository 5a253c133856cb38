package extension_test

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/internal/actortest"
	"github.com/hublink-go/hublink/actors/internal/board"
	"github.com/hublink-go/hublink/actors/internal/extension"
	"github.com/hublink-go/hublink/actors/internal/message"

	exts "github.com/hublink-go/hublink/extensions"
)

// echo pushes what it is sent.
type echo struct{ host exts.Host }

// Handle implements extensions.Extension.
func (e echo) Handle(ev exts.Event) error {
	if ev.Kind == exts.Message {
		return e.host.Push(ev.Name, ev.Payload)
	}
	return nil
}

func TestExtensionAlone(t *testing.T) {
	actortest.Run(t, func(w *actortest.World) {
		door := extension.Door{Channel: w.Peer("channel"), Board: new(board.Board), Log: w.Log}
		factory := &exts.Factory{
			Name: "echo", Versions: []string{"0.0.1"},
			New: func(h exts.Host) (exts.Extension, error) { return echo{h}, nil },
		}
		branch := w.Branch("extensions")
		require.NoError(t, branch.Start(w.T.Context(), extension.Spec(&door, factory)))
		w.Settle(0)
		w.Require("channel", message.ExtensionReady{Name: "echo"})
		ref := branch.Ref("echo/echo")
		hello := message.ExtensionMessage{Event: "hello", Payload: jsontext.Value(`{"a":1}`)}
		w.Tell(ref, hello)
		w.Require("channel") // not attached: nothing
		w.Tell(ref, message.ExtensionAttached{Version: "0.0.1"}, hello)
		w.Require("channel", message.ExtensionPush{
			Name: "echo", Event: "hello", Payload: jsontext.Value(`{"a":1}`),
		})
		w.Tell(ref, message.ExtensionDetached{}, hello)
		w.Require("channel")
		branch.Stop(w.T.Context(), "echo")
	})
}
