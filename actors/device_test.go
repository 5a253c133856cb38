package actors_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/ramdev"
)

// stuckSlots has a boot record whose medium does not answer for a while.
type stuckSlots struct {
	*ramdev.Device
	after time.Duration
}

func (s stuckSlots) State(ctx context.Context) (firmware.BootState, error) {
	select {
	case <-time.After(s.after):
		return s.Device.State(ctx)
	case <-ctx.Done():
		return firmware.BootState{}, ctx.Err()
	}
}

// A start that takes too long leaves nothing running, though its context has ended: the bubble
// would not end otherwise.
func TestStartThatTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.cfg.System = nil
		slots := stuckSlots{r.slots, time.Minute}
		r.cfg.Firmware.Slots, r.cfg.Firmware.Applier = slots, slots
		dev, err := actors.New(r.cfg)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = dev.Start(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotContains(t, err.Error(), "shut down", "it was stopped in order")
		require.ErrorIs(t, dev.Reconnect(), actors.ErrNotRunning)
		require.NoError(t, dev.Start(t.Context()), "a failed start can be repeated")
		require.ErrorContains(t, dev.Start(t.Context()), "make a new one")
		require.NoError(t, dev.Stop(t.Context()))
		require.ErrorContains(t, dev.Start(t.Context()), "make a new one")
		_, err = r.sys.Shutdown(t.Context())
		require.NoError(t, err)
		r.rt.CloseIdleConnections()
		r.hub.Close()
	})
}

// What needs a running device says so, before its start, meanwhile and after its end.
func TestCallsOfADeviceThatDoesNotRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		dev, err := actors.New(r.cfg)
		require.NoError(t, err)
		r.dev = dev
		calls := func() {
			require.ErrorIs(t, dev.Reconnect(), actors.ErrNotRunning)
			require.ErrorIs(t, dev.Reboot("no reason"), actors.ErrNotRunning)
			require.ErrorIs(t, dev.Commit(t.Context()), actors.ErrNotRunning)
		}
		calls()
		require.ErrorIs(t, dev.Wait(), actors.ErrNotRunning)
		require.NoError(t, dev.Stop(t.Context()), "there is nothing to stop")

		meanwhile := make(chan error)
		// must not race with the start; either answer is right
		go func() { meanwhile <- dev.Reconnect() }()
		require.NoError(t, dev.Start(t.Context()))
		if err := <-meanwhile; err != nil {
			require.ErrorIs(t, err, actors.ErrNotRunning)
		}
		r.stop()
		calls()
		require.NoError(t, dev.Wait())
	})
}

// Devices that share a seed do not come back in step: their jitter is of their own.
func TestJitterIsOfTheDevice(t *testing.T) {
	waits := map[time.Duration]string{}
	for _, name := range []string{"device-a", "device-b", "device-c"} {
		inVirtualTime(t, func(r *rig) {
			r.cfg.Name = name
			r.hub.Door().PlatformDown(true)
		}, func(r *rig) {
			status := r.dev.Status()
			require.Equal(t, actors.Disconnected, status.Connection)
			wait := status.NextDial.Sub(status.Since)
			require.Empty(t, waits[wait], "the same wait as another device")
			waits[wait] = name
		})
	}
}

// slowJournal is on a worn medium.
type slowJournal struct {
	*ramJournal
	takes time.Duration
}

func (j slowJournal) Load() ([]byte, error) {
	time.Sleep(j.takes)
	return j.ramJournal.Load()
}

// A slow medium makes a slow start, not a device that does not start.
func TestSlowMedium(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.cfg.Firmware.Journal = slowJournal{r.journal, 12 * time.Second}
	}, func(r *rig) {
		require.Equal(t, actors.Connected, r.dev.Status().Connection)
		r.crash("update/updater")
		require.NoError(t, r.seen.Reboot())
		r.settle(20 * time.Second)
		require.True(t, r.hit())
		require.Equal(t, actors.Connected, r.dev.Status().Connection)
	})
}

// OnEvent may call the device's methods, also in the middle of a start.
func TestCallsOfAnEventHook(t *testing.T) {
	var answers []error
	updating(t, func(b *bench) {
		note := b.cfg.OnEvent
		b.cfg.OnEvent = func(e actors.Event) {
			note(e)
			if e.Kind == actors.EventRebooting {
				answers = append(answers, b.dev.Reconnect())
			}
		}
	}, func(b *bench) {
		b.add(1 << 20)
		b.push()
		waitReboot(b.rig)
		require.Equal(t, []error{nil}, answers)

		b.start() // the machine did not boot: the updater says at once that it has to
		waitReboot(b.rig)
		require.Len(t, answers, 2)
		require.ErrorIs(t, answers[1], actors.ErrNotRunning)
		b.slots.Boot()
		b.start()
	})
}

// A stop in the middle of a start comes after it: nothing runs when it has returned.
func TestStopWhileStarting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.cfg.Firmware.Journal = slowJournal{r.journal, 3 * time.Second}
		dev, err := actors.New(r.cfg)
		require.NoError(t, err)
		r.dev = dev
		start := make(chan error)
		go func() { start <- dev.Start(t.Context()) }()
		r.settle(time.Second)
		stop := make(chan error)
		go func() { stop <- dev.Stop(t.Context()) }()
		require.NoError(t, <-start)
		require.NoError(t, <-stop)
		require.NoError(t, dev.Wait())
		require.ErrorIs(t, dev.Reconnect(), actors.ErrNotRunning)
		r.stop()
	})
}

// A hook that panics every time ends no actor.
func TestEventHookThatPanics(t *testing.T) {
	var told atomic.Int32
	updating(t, func(b *bench) {
		b.cfg.OnEvent = func(actors.Event) {
			told.Add(1)
			panic("the embedder's bug")
		}
	}, func(b *bench) {
		sockets, joins := b.seen.Net().Sockets(), b.seen.Snapshot().Joins
		b.add(firmwareSize)
		b.push()
		waitReboot(b.rig)
		require.Equal(
			t,
			[]string{"received", "started", "completed"},
			b.seen.Update().Statuses(),
			"as if there were no hook",
		)
		require.Equal(t, sockets, b.seen.Net().Sockets())
		require.Equal(t, joins, b.seen.Snapshot().Joins, "no actor has crashed")
		require.Greater(t, told.Load(), int32(3))
		b.reboot()
	})
}
