package channels_test

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/internal/actortest"
	"github.com/hublink-go/hublink/actors/internal/board"
	"github.com/hublink-go/hublink/actors/internal/channels"
	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/hub"
	"github.com/hublink-go/hublink/supervisor"

	exts "github.com/hublink-go/hublink/extensions"
)

// alone is a topic actor among peers.
type alone struct {
	*actortest.World
	ref    supervisor.Ref
	topic  string
	board  board.Board
	events []string
}

func (a *alone) Joined() { a.events = append(a.events, "joined") }

func (a *alone) UpdateNoted(note firmware.Note, uuid, _ string, _ error) {
	require.Equal(a.T, firmware.NoteFailed, note)
	a.events = append(a.events, "failed "+uuid)
}

func (a *alone) Quarantined(name string, _ error) {
	a.events = append(a.events, "quarantined "+name)
}

// transmitted returns the events of what went to connection.
func (a *alone) transmitted() (events []string) {
	for _, m := range a.Sent("connection") {
		if t, ok := m.(message.Transmit); ok {
			events = append(events, t.Item.Msg.Event)
		}
	}
	return events
}

// reply answers the join, which went out as the first transmission.
func (a *alone) reply(response string) {
	a.Tell(a.ref, message.Sent{Tag: 1, Ref: "1"}, message.Delivered{Gen: 1, Msg: protocol.Message{
		JoinRef: "1", Ref: "1", Topic: a.topic, Event: "phx_reply",
		Payload: jsontext.Value(`{"status":"ok","response":` + response + `}`),
	}})
}

func (a *alone) push(event, payload string) {
	a.Tell(a.ref, message.Delivered{Gen: 1, Msg: protocol.Message{
		JoinRef: "1", Topic: a.topic, Event: event, Payload: jsontext.Value(payload),
	}})
}

func deviceAlone(t *testing.T, factories []exts.Factory, test func(*alone)) {
	actortest.Run(t, func(w *actortest.World) {
		a := &alone{World: w, topic: "device"}
		door := channels.DeviceDoor{
			Door: &channels.Door{
				Connection: w.Peer("connection"), Board: &a.board, Rand: w.Rand, Log: w.Log,
			},
			Updater: w.Peer("updater"), Client: w.Peer("client"), Extensions: w.Peer("extensions"),
			Factories: factories, Events: a,
		}
		a.ref = w.Start("device", func(supervisor.Heir) supervisor.Behavior {
			return channels.NewDevice(&door)
		})
		w.Require("connection", message.AskLink{Topic: message.TopicDevice})
		test(a)
	})
}

// join takes the channel through its join.
func (a *alone) join() {
	a.T.Helper()
	a.Tell(a.ref, message.LinkState{Gen: 1, Up: true})
	a.Require("updater", message.AskParams{})
	yes := true
	a.Tell(a.ref, message.JoinParams{Join: hub.JoinParams{Validated: &yes}})
	require.Equal(a.T, []string{"phx_join"}, a.transmitted())
	a.reply("{}")
}

func TestDeviceChannelAloneJoins(t *testing.T) {
	deviceAlone(t, []exts.Factory{{Name: "health"}}, func(a *alone) {
		a.join()
		a.Require("connection", message.DeviceJoined{})
		a.Require("updater", message.ChannelUp{Validated: true})
		a.Require("client", message.TellConnected{})
		a.Require("extensions", message.ExtensionsPending{})
		require.Equal(t, []string{"joined"}, a.events)
		require.Equal(t, board.Connected, a.board.Read().Connection)

		a.push("extensions:get", `{"extensions":{"health":["0.0.1"],"unknown":["1.0.0"]}}`)
		got := a.Sent("extensions")
		require.Len(t, got, 1)
		require.NotContains(t, got[0].(message.ExtensionsOffered).Advertised, "unknown")

		a.push("identify", "{}")
		a.push("reboot", "{}")
		a.Require("client", message.TellIdentify{})
		a.Require("updater", message.RebootWanted{Reason: "the hub asked for it"})

		a.push("scripts/run", `{"ref":"r1","text":"uptime"}`)
		require.Equal(t, []string{"scripts/run"}, a.transmitted())

		a.Tell(a.ref, message.LinkState{Gen: 1})
		a.Require("updater", message.ChannelDown{})
		a.Require("client", message.TellDisconnected{})
	})
}

const update = `{"update_available":true,"firmware_url":"https://example.com/fw",` +
	`"firmware_meta":{"uuid":"u1","version":"1.1.0"}}`

// An updater that asks again and again has crashed over the offer: the third time it is refused.
func TestDeviceChannelAloneDropsAnOffer(t *testing.T) {
	deviceAlone(t, nil, func(a *alone) {
		a.join()
		a.Sent("updater")
		a.Sent("connection")
		a.push("update", update)
		for range 2 {
			got := a.Sent("updater")
			offered, ok := got[len(got)-1].(message.Offered)
			require.True(t, ok, "%v", got)
			require.Equal(t, "u1", offered.Offer.UUID)
			require.Empty(t, a.transmitted())
			a.Tell(a.ref, message.AskChannel{})
		}
		a.Require("updater", message.ChannelUp{Validated: true})
		require.Equal(t, []string{"status_update", "status_update"}, a.transmitted())
		require.Equal(t, "failed u1", a.events[1])
		require.Empty(t, a.Sent("extensions"), "the device has none")
	})
}

// A report goes out once, and its arrival is known from a heartbeat after it.
func TestDeviceChannelAloneReports(t *testing.T) {
	deviceAlone(t, nil, func(a *alone) {
		a.join()
		a.Sent("updater")
		a.Sent("connection")
		report := message.Push{Event: "status_update", Payload: jsontext.Value(`{}`), Seq: 1}
		a.Tell(a.ref, report, report)
		require.Equal(t, []string{"status_update"}, a.transmitted())
		a.Tell(a.ref, message.Sent{Tag: 2, Ref: "2"})
		a.Require("updater", message.ReportWritten{Seq: 1})
		a.Tell(a.ref, message.Confirmed{Ref: "2"})
		a.Require("updater")
		a.Tell(a.ref, message.Confirmed{Ref: "3"})
		a.Require("updater", message.ReportConfirmed{Seq: 1})
	})
}
