package actors_test

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

var newer = hubtest.Metadata{
	UUID: "22222222-2222-5222-8222-222222222222", Product: "press", Platform: "ram",
	Architecture: "generic", Version: "1.1.0",
}

// offer pushes a firmware of a size by hand.
func offer(r *rig, size int64) *hubtest.Firmware {
	r.t.Helper()
	fw, err := r.hub.Firmware().Add(newer, hubtest.Generated(1, size))
	require.NoError(r.t, err)
	require.NoError(r.t, r.seen.Update().Offer(fw))
	return fw
}

// waitReboot waits until the device has ended for a reboot.
func waitReboot(r *rig) {
	r.t.Helper()
	require.ErrorIs(r.t, r.dev.Wait(), actors.ErrReboot)
}

// The embedder's callbacks may panic or hang: the default applies and nothing else is hurt.
func TestClientThatMisbehaves(t *testing.T) {
	for name, misbehave := range map[string]func(context.Context){
		"panics": func(context.Context) { panic("the embedder's bug") },
		"hangs":  func(ctx context.Context) { <-ctx.Done() },
	} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, func(r *rig) {
				r.cfg.Client = actors.Client{
					UpdateAvailable: func(ctx context.Context, _ firmware.Offer) firmware.Decision {
						misbehave(ctx)
						return firmware.Ignore("too late to be heard")
					},
					Progress:  func(ctx context.Context, _ actors.Progress) { misbehave(ctx) },
					Connected: misbehave,
					Deadline:  2 * time.Second,
				}
			}, func(r *rig) {
				talk := r.seen.Converse(t)
				offer(r, 1<<20)
				talk.ExpectLater("the default decision is to apply", hubtest.Status("completed"))
				waitReboot(r)
				require.Equal(t, 1, r.seen.Net().Sockets(), "a callback never costs the link")
			})
		})
	}
}

// A panic value may be what a callback was given: only its type is logged.
func TestPanicValuesAreNotLogged(t *testing.T) {
	var log bytes.Buffer
	inVirtualTime(t, func(r *rig) {
		r.cfg.Logger = zerolog.New(zerolog.SyncWriter(&log))
		r.cfg.Client.UpdateAvailable = func(_ context.Context, o firmware.Offer) firmware.Decision {
			panic(map[string]string{"offer": string(o.URL)})
		}
	}, func(r *rig) {
		offer(r, 1<<20)
		waitReboot(r)
		require.Contains(t, log.String(), "panic with a map[string]string")
		require.Contains(t, log.String(), "TestPanicValuesAreNotLogged", "the stack is")
		require.NotContains(t, log.String(), "http", "no address in a log")
	})
}

// What the updater waits for is never left out, however slow a callback is and however much happens
// meanwhile.
func TestSlowClientStillReboots(t *testing.T) {
	var slow atomic.Bool
	slow.Store(true)
	inVirtualTime(t, func(r *rig) {
		r.cfg.Client = actors.Client{Deadline: 20 * time.Second, Identify: func(ctx context.Context) {
			if slow.Swap(false) {
				<-ctx.Done()
			}
		}}
	}, func(r *rig) {
		start := time.Now()
		require.NoError(t, r.seen.Identify())
		require.NoError(t, r.seen.Reboot())
		r.settle(10 * time.Second)
		for range 100 {
			require.NoError(t, r.seen.Identify())
			r.settle(time.Millisecond)
		}
		waitReboot(r)
		require.Less(
			t,
			time.Since(start),
			30*time.Second,
			"as soon as the slow callback is over, and not with the next try",
		)
	})
}

func TestClientDecides(t *testing.T) {
	for status, decision := range map[string]firmware.Decision{
		"ignored":     firmware.Ignore("on battery"),
		"rescheduled": firmware.Reschedule(time.Hour, "busy"),
	} {
		t.Run(status, func(t *testing.T) {
			inVirtualTime(t, func(r *rig) {
				r.cfg.Client.UpdateAvailable = func(context.Context,
					firmware.Offer,
				) firmware.Decision {
					return decision
				}
			}, func(r *rig) {
				offer(r, 1<<20)
				r.settle(10 * time.Second)
				require.Equal(t, []string{"received", status}, r.seen.Update().Statuses())
				require.NotContains(t, r.slots.Calls(), "flip")
			})
		})
	}
}

func TestRebootByTheHub(t *testing.T) {
	inVirtualTime(t, nil, func(r *rig) {
		require.NoError(t, r.seen.Reboot())
		waitReboot(r)
		require.Equal(t, 1, r.seen.Snapshot().Reboots, "announced before it goes down")
	})
}
