package actors_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/protocol/hubtest"
	"github.com/hublink-go/hublink/tests/output"
)

// logged is a log that may be read while it is written.
type logged struct{ output.Text }

func (l *logged) count(text string) int { return strings.Count(l.String(), text) }

const fallbackLine = "hub refuses MessagePack"

// packed configures MessagePack and gives the device a log.
func packed(log *logged) func(*rig) {
	return func(r *rig) {
		r.cfg.Hub.Serializer = actors.MessagePack
		r.cfg.Logger = zerolog.New(log)
	}
}

// requireTalk shows that both sides understand each other.
func requireTalk(t *testing.T, r *rig, serializer string) {
	t.Helper()
	before := count(r, hubtest.Event("extensions", "health:report"))
	require.NoError(t, r.seen.Extensions().CheckHealth())
	r.settle(time.Minute) // with heartbeats
	status := r.dev.Status()
	require.Equal(t, actors.Connected, status.Connection)
	require.Equal(t, serializer, status.Serializer)
	require.Equal(t, []string{"health"}, status.Extensions)
	require.Zero(t, status.Counters.BadFrames)
	require.Equal(t, before+1, count(r, hubtest.Event("extensions", "health:report")))
}

func TestMessagePack(t *testing.T) {
	var log logged
	inVirtualTime(t, packed(&log), func(r *rig) {
		requireTalk(t, r, actors.MessagePack)
		require.Equal(t, 1, r.seen.Net().Sockets())
		require.Zero(t, log.count(fallbackLine))
	})
}

// A hub that refuses MessagePack gets JSON in the same breath, and is not asked again.
func TestMessagePackFallsBackToJSON(t *testing.T) {
	var log logged
	inVirtualTime(t, func(r *rig) {
		packed(&log)(r)
		r.hub.Door().Refuse(hubtest.Refusal{Status: 403}) // the second request gets it
	}, func(r *rig) {
		requireTalk(t, r, actors.JSON)
		require.EqualValues(t, 1, r.dev.Status().Counters.Dials, "the refusal costs no wait")
		require.NoError(t, r.dev.Reconnect())
		r.settle(2 * time.Minute)
		require.Equal(t, 2, r.seen.Net().Sockets())
		requireTalk(t, r, actors.JSON)
		require.Equal(t, 1, log.count(fallbackLine), "said once")
	})
}

// The fallback survives a crash of the actor that dials.
func TestMessagePackFallbackSurvivesACrash(t *testing.T) {
	var log logged
	inVirtualTime(t, func(r *rig) {
		packed(&log)(r)
		r.hub.Door().Refuse(hubtest.Refusal{Status: 403})
	}, func(r *rig) {
		r.crash("link/connection")
		requireTalk(t, r, actors.JSON)
		require.True(t, r.hit())
		require.Equal(t, 1, r.seen.Net().Sockets(), "the socket goes on in the form in which it began")
		require.NoError(t, r.dev.Reconnect())
		r.settle(2 * time.Minute)
		requireTalk(t, r, actors.JSON)
	})
}

// Who refuses JSON too, like a proxy in between, says nothing about what the hub speaks.
func TestMessagePackOutlastsAProxy(t *testing.T) {
	var log logged
	inVirtualTime(t, func(r *rig) {
		packed(&log)(r)
		r.hub.Door().Refuse(hubtest.Refusal{Status: 403, Times: 4})
	}, func(r *rig) {
		require.Contains(t, r.dev.Status().Problem, "403")
		r.settle(2 * time.Minute)
		require.EqualValues(t, 3, r.dev.Status().Counters.Dials)
		requireTalk(t, r, actors.MessagePack)
		require.Zero(t, log.count(fallbackLine))
	})
}

// A release that knows JSON only, from the first connection to the report.
func TestMessagePackWithAnOldHub(t *testing.T) {
	var log logged
	inVirtualTime(t, func(r *rig) {
		packed(&log)(r)
		r.hub.Close()
		start := time.Now()
		r.hub = hubtest.Run(t, hubtest.Config{
			Mode: hubtest.Memory, Profile: hubtest.ProfileOld, Record: 10_000,
			Now: func() time.Time { return today.Add(time.Since(start)) },
		})
		r.seen = r.hub.Device(identity)
		r.cfg.Hub.Dialer = r.hub.Dialer()
	}, func(r *rig) {
		requireTalk(t, r, actors.JSON)
		require.Equal(t, 1, log.count(fallbackLine))
	})
}

func TestSerializerIsChecked(t *testing.T) {
	_, err := actors.New(actors.Config{Hub: actors.Hub{Serializer: "bson"}})
	require.ErrorContains(t, err, `Hub.Serializer is "bson": allowed are json and msgpack`)
}
