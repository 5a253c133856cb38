package actors_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

// bench is a rig whose device has slots that keep the contracts of package firmware, and that can
// be rebooted. updating runs a test on a device that has joined and is offered nothing yet. add
// makes the newer firmware known to the hub. push offers it by hand. reboot waits until the device
// has ended for its reboot, boots, and starts it again. powerCycle stops the device where it is and
// starts it again. Nothing that it saved is lost. said is the last status_update with that status.
// requireInstalled checks that the slot which boots next holds the firmware, flipped to once.
// requireOrder checks statuses as the hub saw them: in order, each once, but for download attempts.
func TestUpdateFromOfferToCommit(t *testing.T) {
	var told []actors.Progress
	updating(t, func(b *bench) {
		b.cfg.Client.Progress = func(_ context.Context, p actors.Progress) { told = append(told, p) }
	}, func(b *bench) {
		st := b.dev.Status()
		require.Equal(t, running, st.Firmware)
		require.Equal(t, "a", st.Slot)
		require.True(t, st.Validated)
		require.Nil(t, st.Update)
		b.add(firmwareSize, hubtest.Slow(200<<10))
		b.push()
		b.settle(3 * time.Second)
		st = b.dev.Status()
		require.NotNil(t, st.Update)
		require.Equal(t, newer.UUID, st.Update.UUID)
		require.Equal(t, newer.Version, st.Update.Version)
		require.Equal(t, "downloading", st.Update.Stage)
		require.NotZero(t, st.Update.Percent)
		require.NotZero(t, st.Counters.Downloads)

		waitReboot(b.rig)
		seen := b.seen.Snapshot()
		require.Equal(t, []string{"received", "started", "completed"}, seen.Statuses)
		require.Equal(t, 1, seen.Reboots)
		require.Zero(t, seen.Crashes)
		b.requireInstalled()
		requireRising(t, seen.Progress)
		require.Equal(t, "updating", told[len(told)-1].Stage)
		require.Equal(t, 100, told[len(told)-1].Percent)

		b.reboot()
		seen = b.seen.Snapshot()
		require.Equal(t, newer.UUID, seen.Running.UUID)
		require.True(t, *seen.Validated, "it has joined, so it is committed")
		require.Nil(t, seen.Update, "nothing is in flight any more")
		require.Equal(
			t,
			[]string{"received", "started", "completed"},
			seen.Statuses,
			"nothing is said again",
		)
		st = b.dev.Status()
		require.True(t, st.Validated)
		require.Equal(t, "b", st.Slot)
		require.Equal(t, newer.UUID, st.Firmware["uuid"])
		require.Nil(t, st.Update)
		for _, kind := range []actors.EventKind{
			actors.EventOffered, actors.EventUpdateStarted, actors.EventUpdateCompleted,
			actors.EventRebooting, actors.EventCommitted,
		} {
			require.Equal(t, 1, b.happened(kind), kind.String())
		}
	})
}

// Every actor of the update path may crash at any point: the update is completed, the socket stays,
// nothing is flipped twice.
func TestUpdateSurvivesCrashesAtEveryPoint(t *testing.T) {
	for path, enough := range map[string]int{
		"update/updater": 60, "update/transfers/applier": 30,
		"update/transfers/downloader": 15,
	} {
		t.Run(path, func(t *testing.T) {
			hits := 0
			for point := 0; ; point++ {
				hit := false
				t.Run(strconv.Itoa(point), func(t *testing.T) {
					updating(t, nil, func(b *bench) {
						b.add(600<<10, hubtest.Slow(400<<10)) // one checkpoint
						sockets, joins := b.seen.Net().Sockets(), b.seen.Snapshot().Joins
						b.crashAt(path, point)
						b.push()
						waitReboot(b.rig)
						hit = b.hit()
						require.Equal(t, sockets, b.seen.Net().Sockets(), "an update never costs the link")
						require.Equal(t, joins, b.seen.Snapshot().Joins)
						requireOrder(t, b.seen.Update().Statuses(), "received", "started", "completed")
						requireRising(t, b.seen.Snapshot().Progress)
						b.requireInstalled()
					})
				})
				if t.Failed() || !hit {
					break
				}
				hits++
			}
			require.Greater(t, hits, enough, "the update has many points")
		})
	}
}

// The offer and the commit are short: every point of the updater in them.
func TestCommitSurvivesCrashesOfTheUpdater(t *testing.T) {
	for point := range 25 {
		updating(t, nil, func(b *bench) {
			b.add(64 << 10)
			b.push()
			waitReboot(b.rig)
			b.slots.Boot()
			b.crashAt("update/updater", point)
			b.start()
			b.settle(time.Minute)
			require.True(t, b.dev.Status().Validated, "crash at %d", point)
			require.True(t, *b.seen.Snapshot().Validated, "crash at %d: the hub knows", point)
		})
	}
}

// failure is the reason of the last failed update, as OnEvent was told. tornJournal fails from some
// save on. Once the boot record is written, it knows all that matters. A device that goes down in
// the middle asks for what is missing, and for no more than 1 MiB of what it had. The download goes
// on while the socket is gone; what the hub missed it hears after the rejoin. What a heartbeat has
// confirmed is not said again after a rejoin. mind is a client that can change it.
type mind struct {
	decision atomic.Pointer[firmware.Decision]
	asked    atomic.Int32
}

func newMind(d firmware.Decision) *mind {
	m := &mind{}
	m.decision.Store(&d)
	return m
}

// into makes it the client of a device.
func (m *mind) into(b *bench) {
	b.cfg.Client.UpdateAvailable = func(_ context.Context, o firmware.Offer) firmware.Decision {
		m.asked.Add(1)
		return *m.decision.Load()
	}
}

func TestDecisions(t *testing.T) {
	t.Run("ignore", func(t *testing.T) {
		updating(t, newMind(firmware.Ignore("a batch is running")).into, func(b *bench) {
			b.add(firmwareSize)
			b.push()
			b.settle(time.Minute)
			require.Equal(t, []string{"received", "ignored"}, b.seen.Update().Statuses())
			require.Contains(t, b.said("ignored"), "a batch is running")
			require.Zero(t, b.fw.Served().Requests)
		})
	})
	t.Run("reschedule by hand", func(t *testing.T) {
		m := newMind(firmware.Reschedule(20*time.Minute, "tonight"))
		updating(t, m.into, func(b *bench) {
			b.add(firmwareSize)
			b.push()
			b.settle(10 * time.Minute)
			require.Equal(t, []string{"received", "rescheduled"}, b.seen.Update().Statuses())
			require.Contains(t, b.said("rescheduled"), `"delay_for":1200000`, "in milliseconds")
			b.powerCycle()
			apply := firmware.Apply()
			m.decision.Store(&apply)
			b.settle(8 * time.Minute)
			require.EqualValues(t, 1, m.asked.Load(), "not yet")
			waitReboot(b.rig)
			require.EqualValues(t, 2, m.asked.Load(), "only the operator repeats what was pushed by hand")
			b.requireInstalled()
			b.reboot()
		})
	})
	t.Run("a second offer while an update runs", func(t *testing.T) {
		m := newMind(firmware.Apply())
		updating(t, m.into, func(b *bench) {
			b.add(firmwareSize, hubtest.Slow(100<<10))
			b.push()
			b.settle(2 * time.Second)
			b.push()
			another := newer
			another.UUID = "33333333-3333-5333-8333-333333333333"
			fw, err := b.hub.Firmware().Add(another, hubtest.Generated(2, firmwareSize))
			require.NoError(t, err)
			require.NoError(t, b.seen.Update().Offer(fw))
			waitReboot(b.rig)
			require.EqualValues(t, 1, m.asked.Load())
			require.Equal(t, []string{"received", "started", "completed"}, b.seen.Update().Statuses())
			require.Equal(
				t,
				1,
				b.happened(actors.EventUpdateIgnored),
				"the other one; the same again is nothing new",
			)
			b.requireInstalled()
		})
	})
}

func TestManualCommit(t *testing.T) {
	updating(t, func(b *bench) { b.cfg.Firmware.ManualCommit = true }, func(b *bench) {
		b.add(firmwareSize)
		b.push()
		b.reboot()
		require.False(t, b.dev.Status().Validated)
		require.False(t, *b.seen.Snapshot().Validated)
		require.NoError(t, b.dev.Commit(b.t.Context()))
		b.settle(time.Second)
		require.True(t, b.dev.Status().Validated)
		require.True(t, *b.seen.Snapshot().Validated, "the hub was told")
		require.NoError(t, b.dev.Commit(b.t.Context()), "once more does nothing")
	})
}

func TestTrialThatIsNotCommittedIsGivenUp(t *testing.T) {
	updating(t, func(b *bench) {
		b.cfg.Firmware.ManualCommit = true
		b.cfg.Firmware.CommitDeadline = 5 * time.Minute
	}, func(b *bench) {
		b.add(firmwareSize)
		b.push()
		b.reboot()
		b.slots.FailNext("commit", errBroken)
		require.ErrorContains(t, b.dev.Commit(b.t.Context()), "no space left on device")
		b.reboot() // when the deadline has passed
		st := b.dev.Status()
		require.Equal(t, "a", st.Slot)
		require.True(t, st.Validated)
		require.True(t, st.Reverted)
		require.True(t, b.seen.Snapshot().Reverted, "the hub was told")
		require.Equal(t, 1, b.happened(actors.EventReverted))

		b.hub.Rollouts().Start(hubtest.Rollout{Firmware: b.fw})
		b.settle(5 * time.Minute)
		require.Contains(t, b.said("ignored"), "on trial")
	})
}

// The hub is told of an offer that cannot be read.
// The reboot callback is told when everything is safe; when it fails, the tree ends instead.
func TestRebootCallback(t *testing.T) {
	var reasons []string
	updating(t, func(b *bench) {
		b.cfg.Client.Reboot = func(_ context.Context, reason string) error {
			reasons = append(reasons, reason)
			return errors.New("permission denied")
		}
	}, func(b *bench) {
		require.NoError(t, b.seen.Reboot())
		waitReboot(b.rig)
		require.Equal(t, []string{"the hub asked for it"}, reasons)
		require.Equal(t, 1, b.seen.Snapshot().Reboots)
		b.start()
	})
}

// FileJournal's content is for its owner only: it holds the signed address.
func TestJournalOnDiskIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	updating(
		t,
		func(b *bench) { b.cfg.Firmware.Journal = actors.FileJournal{Path: path} },
		func(b *bench) {
			b.add(firmwareSize)
			b.push()
			b.reboot()
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NotContains(t, string(data), "http", "the address is gone with the update")
		},
	)
}

// Nothing of an update stays behind in an idle device.
func TestIdleDeviceHasNoTransfer(t *testing.T) {
	updating(t, nil, func(b *bench) {
		b.add(firmwareSize, hubtest.Flip(9))
		b.push()
		require.NoError(t, b.seen.Update().WaitStatus(b.t.Context(), "failed"))
		b.settle(time.Minute)
		tree, err := b.dev.Tree(b.t.Context())
		require.NoError(t, err)
		require.NotContains(t, fmt.Sprintf("%+v", tree), "applier")
		require.NotContains(t, fmt.Sprintf("%+v", tree), "downloader")
	})
}
