package channels_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/internal/actortest"
	"github.com/hublink-go/hublink/actors/internal/channels"
	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/supervisor"

	exts "github.com/hublink-go/hublink/extensions"
)

// stand is an actor in place of an extension.
type stand struct{}

var errStand = errors.New("crashed")

func (stand) Init(*supervisor.Ctx) error { return nil }

func (stand) Receive(_ *supervisor.Ctx, msg any) error {
	if m, ok := msg.(message.ExtensionMessage); ok && m.Event == "crash" {
		return errStand
	}
	return nil
}

func (stand) Terminate(*supervisor.Ctx, error) {}

func extensionsAlone(t *testing.T, test func(*alone)) {
	actortest.Run(t, func(w *actortest.World) {
		a := &alone{World: w, topic: "extensions"}
		door := channels.ExtensionsDoor{
			Door: &channels.Door{
				Connection: w.Peer("connection"), Board: &a.board, Rand: w.Rand, Log: w.Log,
			},
			Device:    w.Peer("device"),
			Factories: []exts.Factory{{Name: "one", Versions: []string{"0.0.1"}}},
			Branch:    w.Branch("branch"),
			Events:    a,
			Spec: func(f *exts.Factory) supervisor.ChildSpec {
				return supervisor.ChildSpec{
					ID: f.Name, Restart: supervisor.Temporary,
					Supervisor: &supervisor.Spec{
						Name: f.Name, Intensity: supervisor.Intensity{Within: time.Second}, // none
						Children: []supervisor.ChildSpec{{
							ID: f.Name, New: func(supervisor.Heir) supervisor.Behavior { return stand{} },
						}},
					},
				}
			},
		}
		a.ref = w.Start("extensions", func(supervisor.Heir) supervisor.Behavior {
			return channels.NewExtensions(&door)
		})
		w.Require("connection", message.AskLink{Topic: message.TopicExtensions})
		a.Tell(a.ref, message.LinkState{Gen: 1, Up: true})
		a.Require("device", message.AskOffered{})
		test(a)
	})
}

// A hub that does not ask for extensions is joined anyway, 5 s after the device has joined.
func TestExtensionsChannelAloneWaitsForTheOffer(t *testing.T) {
	extensionsAlone(t, func(a *alone) {
		a.Settle(time.Minute)
		require.Empty(t, a.transmitted(), "the device has not joined")
		a.Tell(a.ref, message.ExtensionsPending{})
		a.Settle(5*time.Second - time.Millisecond)
		require.Empty(t, a.transmitted())
		a.Settle(time.Millisecond)
		require.Equal(t, []string{"phx_join"}, a.transmitted())
		a.Tell(a.ref, message.ExtensionsOffered{})
		require.Equal(t, []string{"phx_join"}, a.transmitted(), "joins again with the offer")
	})
}

func TestExtensionsChannelAloneAttaches(t *testing.T) {
	extensionsAlone(t, func(a *alone) {
		a.Tell(a.ref, message.ExtensionsOffered{})
		require.Equal(t, []string{"phx_join"}, a.transmitted())
		a.reply(`["one","two"]`)
		require.ElementsMatch(t, []string{"one:attached", "two:error"}, a.transmitted())
		require.Equal(t, []string{"one"}, a.board.Read().Extensions)

		a.Tell(a.ref,
			message.ExtensionPush{Name: "one", Event: "report"},
			message.ExtensionPush{Name: "two", Event: "report"})
		require.Equal(t, []string{"one:report"}, a.transmitted(), "two is not attached")

		a.push("one:crash", "{}")
		require.Equal(t, []string{"one:error"}, a.transmitted())
		require.Equal(t, []string{"quarantined one"}, a.events)
		require.Empty(t, a.board.Read().Extensions)

		a.push("attach", `{"extensions":["one"]}`)
		require.Equal(t, []string{"one:attached"}, a.transmitted())
		a.push("detach", `{"extensions":["one"]}`)
		require.Equal(t, []string{"one:detached"}, a.transmitted())
		require.Empty(t, a.board.Read().Extensions)
	})
}
