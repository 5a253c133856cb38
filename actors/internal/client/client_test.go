package client_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/internal/actortest"
	"github.com/hublink-go/hublink/actors/internal/client"
	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/supervisor"
)

func alone(
	t *testing.T, calls client.Callbacks, test func(w *actortest.World, ref supervisor.Ref),
) {
	actortest.Run(t, func(w *actortest.World) {
		calls.Deadline = 10 * time.Second
		door := client.Door{
			Callbacks: calls, Updater: w.Peer("updater"), Connection: w.Peer("connection"), Log: w.Log,
			Reboot: func(reason string) { _ = w.Sys.Ref("ended/actor").Send(reason) },
		}
		w.Peer("ended")
		test(w, w.Start("client", func(supervisor.Heir) supervisor.Behavior { return client.New(&door) }))
	})
}

func TestClientAloneDecides(t *testing.T) {
	for name, c := range map[string]struct {
		ask  func(context.Context, firmware.Offer) firmware.Decision
		want firmware.Decision
	}{
		"no callback": {nil, firmware.Apply()},
		"an answer": {func(context.Context, firmware.Offer) firmware.Decision {
			return firmware.Ignore("not now")
		}, firmware.Ignore("not now")},
		"a panic": {func(context.Context, firmware.Offer) firmware.Decision {
			panic("bug")
		}, firmware.Apply()},
	} {
		t.Run(name, func(t *testing.T) {
			calls := client.Callbacks{UpdateAvailable: c.ask}
			alone(t, calls, func(w *actortest.World, ref supervisor.Ref) {
				w.Tell(ref, message.Decide{Offer: firmware.Offer{UUID: "u"}})
				w.Require("updater", message.Decided{UUID: "u", Decision: c.want})
			})
		})
	}
}

// A callback that hangs keeps the others waiting for its deadline, no longer.
func TestClientAloneGoesOnAfterADeadline(t *testing.T) {
	var mu sync.Mutex
	var told []int
	calls := client.Callbacks{
		Error: func(ctx context.Context, _ error) { <-ctx.Done() },
		Progress: func(_ context.Context, _, _ string, percent int) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, percent)
		},
	}
	alone(t, calls, func(w *actortest.World, ref supervisor.Ref) {
		w.Tell(ref,
			message.TellError{Err: errors.New("failed")},
			message.TellProgress{Percent: 1}, message.TellProgress{Percent: 2})
		w.Settle(9 * time.Second)
		mu.Lock()
		require.Empty(t, told)
		mu.Unlock()
		w.Settle(2 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, []int{2}, told, "the newest progress only")
	})
}

func TestClientAloneReboots(t *testing.T) {
	alone(t, client.Callbacks{}, func(w *actortest.World, ref supervisor.Ref) {
		w.Tell(ref, message.DoReboot{Reason: "update"})
		w.Require("ended", "update")
	})
	fails := func(context.Context, string) error { return errors.New("no permission") }
	alone(t, client.Callbacks{Reboot: fails}, func(w *actortest.World, ref supervisor.Ref) {
		w.Tell(ref, message.DoReboot{Reason: "update"})
		w.Settle(3 * time.Second) // connection does not answer the hang-up
		w.Require("connection", message.Hangup{})
		w.Require("ended", "update (the reboot callback failed: no permission)")
	})
}
