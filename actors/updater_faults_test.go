package actors_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/protocol/hubtest"
	"github.com/hublink-go/hublink/supervisor"
)

func TestFaultsOfTheDownload(t *testing.T) {
	for _, c := range []struct {
		name     string
		size     int64
		faults   []hubtest.Fault
		statuses []string // without repeats
		reason   string   // of a failure
		requests int      // at most; 0: any
	}{
		{
			"cut", firmwareSize,
			[]hubtest.Fault{hubtest.Cut(700 << 10).Times(3)},
			[]string{"received", "started", "completed"},
			"", 4,
		},
		{
			"stall", firmwareSize,
			[]hubtest.Fault{hubtest.Stall(700 << 10).Times(2)},
			[]string{"received", "started", "completed"},
			"", 3,
		},
		{
			"server down for a while", firmwareSize,
			[]hubtest.Fault{hubtest.Answer(503).Times(5)},
			[]string{"received", "started", "completed"},
			"", 6,
		},
		{"another file in between", firmwareSize, []hubtest.Fault{
			hubtest.Cut(1500 << 10).Times(1),
			hubtest.NewETag(),
		}, []string{"received", "started", "completed"}, "", 0},
		{
			"no ranges", firmwareSize,
			[]hubtest.Fault{hubtest.Cut(700 << 10).Times(1), hubtest.NoRange()},
			[]string{"received", "started", "completed"},
			"", 0,
		},
		{
			"corrupt", firmwareSize,
			[]hubtest.Fault{hubtest.Flip(1500 << 10)},
			[]string{"received", "started", "failed"},
			"corrupt", 1,
		},
		{
			"truncated", firmwareSize,
			[]hubtest.Fault{hubtest.Resize(-1000)},
			[]string{"received", "started", "failed"},
			"the hub announced", 3,
		},
		{
			"oversized", firmwareSize,
			[]hubtest.Fault{hubtest.Resize(1000)},
			[]string{"received", "started", "failed"},
			"longer than", 1,
		},
		{
			"expired", firmwareSize,
			[]hubtest.Fault{hubtest.Answer(403)},
			[]string{"received", "failed"},
			"expired", 1,
		},
		{"too large for the slot", 5 << 20, nil, []string{"received", "failed"}, "the slot takes", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			updating(t, nil, func(b *bench) {
				b.add(c.size, c.faults...)
				b.push()
				last := c.statuses[len(c.statuses)-1]
				require.NoError(t, b.seen.Update().WaitStatus(b.t.Context(), last))
				b.settle(time.Minute)
				statuses := b.seen.Update().Statuses()
				requireOrder(t, statuses, c.statuses...)
				if c.reason == "" {
					b.requireInstalled()
					b.reboot()
				} else {
					require.Contains(t, b.failure(), c.reason)
					require.NotContains(t, b.slots.Calls(), "flip")
					require.Equal(t, "the running firmware", string(b.slots.Bytes("a")))
					require.Nil(t, b.dev.Status().Update)
					require.Equal(t, 1, b.happened(actors.EventUpdateFailed))
				}
				if c.requests > 0 {
					require.LessOrEqual(t, b.fw.Served().Requests, c.requests)
				}
			})
		})
	}
}

func (b *bench) failure() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range slices.Backward(b.events) {
		if e.Kind == actors.EventUpdateFailed {
			return e.Detail
		}
	}
	return ""
}

var errBroken = errors.New("no space left on device")

func TestFaultsOfTheDevice(t *testing.T) {
	for _, method := range []string{"begin", "write", "sync", "finish", "flip"} {
		t.Run(method, func(t *testing.T) {
			updating(t, nil, func(b *bench) {
				b.add(firmwareSize)
				b.slots.FailNext(method, errBroken)
				b.push()
				require.NoError(t, b.seen.Update().WaitStatus(b.t.Context(), "failed"))
				b.settle(time.Minute)
				require.Contains(t, b.failure(), "no space left on device")
				require.NotContains(t, b.slots.Calls(), "flip")

				b.push() // what was in the way is gone
				b.reboot()
				b.requireInstalled()
			})
		})
	}
}

type tornJournal struct {
	actors.Journal
	good int
}

func (j *tornJournal) Save(data []byte) error {
	if j.good--; j.good < 0 {
		return errBroken
	}
	return j.Journal.Save(data)
}

func TestJournalThatCannotBeWritten(t *testing.T) {
	for good := range 5 {
		updating(t, func(b *bench) {
			b.cfg.Firmware.Journal = &tornJournal{Journal: b.journal, good: good}
		}, func(b *bench) {
			b.add(firmwareSize)
			b.push()
			require.NoError(t, b.seen.Update().WaitStatus(b.t.Context(), "failed"))
			b.settle(time.Minute)
			statuses := slices.Compact(b.seen.Update().Statuses())
			require.Equal(t, "received", statuses[0], "after %d saves", good)
			require.Equal(t, 1, strings.Count(strings.Join(statuses, " "), "received"))
			require.Contains(t, b.failure(), "save the state of the update")
			require.NotContains(t, b.slots.Calls(), "flip")
		})
	}
}

func TestJournalThatFailsAfterTheFlip(t *testing.T) {
	updating(t, func(b *bench) {
		b.cfg.Firmware.Journal = &tornJournal{Journal: b.journal, good: 5}
	}, func(b *bench) {
		b.add(firmwareSize)
		b.push()
		b.reboot()
		require.Contains(t, b.slots.Calls(), "flip")
		require.True(t, b.dev.Status().Validated)
		require.Equal(t, newer.UUID, b.seen.Snapshot().Running.UUID)
	})
}

func TestPowerCutResumesWithRange(t *testing.T) {
	updating(t, nil, func(b *bench) {
		b.add(firmwareSize, hubtest.Slow(100<<10))
		b.push()
		const cuts = 3
		for range cuts {
			b.settle(2 * time.Second)
			b.powerCycle()
		}
		require.Equal(t, newer.UUID, b.seen.Snapshot().Update.UUID, "the hub knows that it goes on")
		waitReboot(b.rig)
		b.requireInstalled()
		requireOrder(
			t,
			b.seen.Update().Statuses(),
			"received",
			"started",
			"received",
			"started",
			"received",
			"started",
			"received",
			"started",
			"completed",
		)
		ranges := 0
		for _, r := range b.fw.Requests() {
			if r.Range != "" {
				require.Equal(t, 206, r.Status)
				ranges++
			}
		}
		require.Positive(t, ranges)
		require.Less(t, b.fw.Served().Bytes, int64(firmwareSize+cuts*(1<<20)))
		b.reboot()
	})
}

func TestSocketLostDuringAnUpdate(t *testing.T) {
	updating(t, nil, func(b *bench) {
		b.add(firmwareSize, hubtest.Slow(100<<10))
		b.push()
		b.settle(2 * time.Second)
		joins, before := b.seen.Snapshot().Joins, b.dev.Status().Counters.Downloads
		b.hub.Door().PlatformDown(true)
		require.NoError(t, b.seen.Net().Drop())
		b.settle(4 * time.Second)
		require.Greater(t, b.dev.Status().Counters.Downloads, before)
		b.hub.Door().PlatformDown(false)
		waitReboot(b.rig)
		require.Greater(t, b.seen.Snapshot().Joins, joins)
		b.settle(time.Millisecond) // the server counts a request when it is over
		require.Equal(t, 1, b.fw.Served().Requests, "one download is enough")
		statuses := b.seen.Update().Statuses()
		require.Equal(t, "completed", statuses[len(statuses)-1])
		requireOrder(t, statuses, "received", "started", "received", "started", "completed")
		b.reboot()
	})
}

func TestConfirmedReportsAreNotRepeated(t *testing.T) {
	updating(t, nil, func(b *bench) {
		b.add(firmwareSize, hubtest.Slow(20<<10))
		b.push()
		b.settle(65 * time.Second) // two heartbeats
		require.NoError(t, b.seen.Net().Drop())
		waitReboot(b.rig)
		require.Equal(t, []string{"received", "started", "completed"}, b.seen.Update().Statuses())
		b.reboot()
	})
}

func TestUnreadableOffer(t *testing.T) {
	updating(t, nil, func(b *bench) {
		require.NoError(t, b.seen.Channel("device").Push("update", map[string]any{
			"update_available": true, "firmware_url": "https://files.example.com/x?secret", "size": "large",
		}))
		b.settle(time.Second)
		require.Equal(t, []string{"received", "failed"}, b.seen.Update().Statuses())
		require.Contains(t, b.said("failed"), "size is not")
		require.NotContains(t, b.said("failed"), "secret")
		require.EqualValues(t, 1, b.dev.Status().Counters.BadFrames)
	})
}

func TestBootRecordThatCannotBeRead(t *testing.T) {
	updating(t, func(b *bench) { b.slots.FailNext("state", errBroken) }, func(b *bench) {
		b.add(firmwareSize)
		b.push()
		b.settle(time.Second)
		require.Equal(
			t,
			[]string{"received", "failed"},
			b.seen.Update().Statuses(),
			"the device shows up, and says no",
		)
		b.settle(time.Minute)
		b.push()
		b.reboot()
		b.requireInstalled()
	})
}

// An offer that crashes the updater every time is dropped before it takes the device down, and the
// hub is told.
func TestOfferThatNobodySurvives(t *testing.T) {
	var poison atomic.Bool
	poison.Store(true)
	updating(t, func(b *bench) {
		b.trace = func(path, point string, msg any) {
			if poison.Load() && strings.HasSuffix(path, "/updater") && point == supervisor.BeforeReceive &&
				fmt.Sprintf("%T", msg) == "message.Offered" {
				panic(errBomb)
			}
		}
	}, func(b *bench) {
		sockets := b.seen.Net().Sockets()
		b.add(firmwareSize)
		b.push()
		b.settle(time.Second)
		require.Equal(t, []string{"received", "failed"}, b.seen.Update().Statuses())
		require.Contains(t, b.said("failed"), "crashed over this offer")
		require.Equal(t, 1, b.happened(actors.EventUpdateFailed), "the embedder is told, once")
		require.Equal(t, actors.Connected, b.dev.Status().Connection)

		poison.Store(false)
		b.push()
		waitReboot(b.rig)
		require.Equal(t, sockets, b.seen.Net().Sockets())
		b.requireInstalled()
		b.reboot()
	})
}
