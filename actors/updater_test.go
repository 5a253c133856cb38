package actors_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/firmwaretest"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

// bench is a rig whose device has slots that keep the contracts of package firmware, and that can be rebooted.
type bench struct {
	*rig
	slots *firmwaretest.Device
	fw    *hubtest.Firmware
}

const firmwareSize = 2<<20 + 300<<10

// updating runs a test on a device that has joined and is offered nothing yet.
func updating(t *testing.T, change func(*bench), test func(*bench)) {
	t.Helper()
	b := &bench{slots: firmwaretest.NewDevice(running, 4<<20)}
	inVirtualTime(t, func(r *rig) {
		b.rig = r
		r.cfg.Firmware.Slots, r.cfg.Firmware.Applier = b.slots, b.slots
		if change != nil {
			change(b)
		}
	}, func(*rig) {
		b.settle(5 * time.Second) // until it has learnt the hub's time
		require.Equal(t, actors.Connected, b.dev.Status().Connection)
		test(b)
	})
}

// add makes the newer firmware known to the hub.
func (b *bench) add(size int64, faults ...hubtest.Fault) {
	b.t.Helper()
	fw, err := b.hub.AddFirmware(newer, hubtest.Generated(1, size))
	require.NoError(b.t, err)
	fw.Inject(faults...)
	b.fw = fw
}

// push offers it by hand.
func (b *bench) push() {
	b.t.Helper()
	require.NoError(b.t, b.seen.Update(b.fw))
}

// reboot waits until the device has ended for its reboot, boots, and starts it again.
func (b *bench) reboot() {
	b.t.Helper()
	waitReboot(b.rig)
	b.slots.Boot()
	b.start()
	b.settle(10 * time.Second)
}

// powerCycle stops the device where it is and starts it again. Nothing that it saved is lost.
func (b *bench) powerCycle() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(b.t, b.dev.Stop(ctx))
	b.slots.Boot()
	b.start()
	b.settle(4 * time.Second)
}

// said is the last status_update with that status.
func (b *bench) said(status string) string {
	for _, e := range slices.Backward(b.seen.Messages()) {
		if e.Direction == hubtest.Inbound && hubtest.Status(status)(e.Message) {
			return string(e.Message.Payload)
		}
	}
	return ""
}

// requireInstalled checks that the slot which boots next holds the firmware, flipped to once.
func (b *bench) requireInstalled() {
	b.t.Helper()
	want := make([]byte, b.fw.Content.Size)
	_, err := b.fw.Content.ReadAt(want, 0)
	require.NoError(b.t, err)
	require.True(b.t, bytes.Equal(want, b.slots.Bytes("b")[:len(want)]), "every byte is the offered one")
	flips := 0
	for _, call := range b.slots.Calls() {
		if call == "flip" {
			flips++
		}
	}
	require.Equal(b.t, 1, flips, "one flip for one offer")
}

// requireOrder checks statuses as the hub saw them: in order, each once, but for download attempts.
func requireOrder(t *testing.T, statuses []string, want ...string) {
	t.Helper()
	require.Equal(t, want, slices.Compact(slices.Clone(statuses)), "%v", statuses)
}

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
		require.Equal(t, []string{"received", "started", "completed"}, seen.Statuses, "nothing is said again")
		st = b.dev.Status()
		require.True(t, st.Validated)
		require.Equal(t, "b", st.Slot)
		require.Equal(t, newer.UUID, st.Firmware["uuid"])
		require.Nil(t, st.Update)
		for _, kind := range []actors.EventKind{
			actors.EventOffered, actors.EventUpdateStarted, actors.EventUpdateCompleted, actors.EventRebooting, actors.EventCommitted,
		} {
			require.Equal(t, 1, b.happened(kind), kind.String())
		}
	})
}

func requireRising(t *testing.T, progress []hubtest.Progress) {
	t.Helper()
	require.NotEmpty(t, progress)
	last := progress[0]
	for _, p := range progress[1:] {
		require.GreaterOrEqual(t, p.Stage, last.Stage, "%v", progress)
		if p.Stage == last.Stage {
			require.Greater(t, p.Value, last.Value, "%v", progress)
		}
		last = p
	}
}

// Every actor of the update path may crash at any point: the update is completed, the socket stays, nothing is flipped twice.
func TestUpdateSurvivesCrashesAtEveryPoint(t *testing.T) {
	for path, enough := range map[string]int{"update/updater": 60, "update/transfers/applier": 30, "update/transfers/downloader": 15} {
		t.Run(path, func(t *testing.T) {
			hits := 0
			for point := 0; ; point++ {
				hit := false
				t.Run(strconv.Itoa(point), func(t *testing.T) {
					updating(t, nil, func(b *bench) {
						b.add(600<<10, hubtest.Slow(400<<10)) // one checkpoint
						sockets, joins := b.seen.Sockets(), b.seen.Joins()
						b.crashAt(path, point)
						b.push()
						waitReboot(b.rig)
						hit = b.hit()
						require.Equal(t, sockets, b.seen.Sockets(), "an update never costs the link")
						require.Equal(t, joins, b.seen.Joins())
						requireOrder(t, b.seen.Statuses(), "received", "started", "completed")
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

func TestFaultsOfTheDownload(t *testing.T) {
	for _, c := range []struct {
		name     string
		size     int64
		faults   []hubtest.Fault
		statuses []string // without repeats; of a failure without attempts: its size may be refused before one
		reason   string   // of a failure
		requests int      // at most; 0: any
	}{
		{"cut", firmwareSize, []hubtest.Fault{hubtest.Cut(700 << 10).Times(3)}, []string{"received", "started", "completed"}, "", 4},
		{"stall", firmwareSize, []hubtest.Fault{hubtest.Stall(700 << 10).Times(2)}, []string{"received", "started", "completed"}, "", 3},
		{"server down for a while", firmwareSize, []hubtest.Fault{hubtest.Answer(503).Times(5)}, []string{"received", "started", "completed"}, "", 6},
		{"another file in between", firmwareSize, []hubtest.Fault{hubtest.Cut(1500 << 10).Times(1), hubtest.NewETag()}, []string{"received", "started", "completed"}, "", 0},
		{"no ranges", firmwareSize, []hubtest.Fault{hubtest.Cut(700 << 10).Times(1), hubtest.NoRange()}, []string{"received", "started", "completed"}, "", 0},
		{"corrupt", firmwareSize, []hubtest.Fault{hubtest.Flip(1500 << 10)}, []string{"received", "failed"}, "corrupt", 1},
		{"truncated", firmwareSize, []hubtest.Fault{hubtest.Resize(-1000)}, []string{"received", "failed"}, "the hub announced", 3},
		{"oversized", firmwareSize, []hubtest.Fault{hubtest.Resize(1000)}, []string{"received", "failed"}, "longer than", 1},
		{"expired", firmwareSize, []hubtest.Fault{hubtest.Answer(403)}, []string{"received", "failed"}, "expired", 1},
		{"too large for the slot", 5 << 20, nil, []string{"received", "failed"}, "the slot takes", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			updating(t, nil, func(b *bench) {
				b.add(c.size, c.faults...)
				b.push()
				last := c.statuses[len(c.statuses)-1]
				require.NoError(t, b.seen.WaitStatus(b.t.Context(), last))
				b.settle(time.Minute)
				statuses := b.seen.Statuses()
				if c.reason == "" {
					requireOrder(t, statuses, c.statuses...)
					b.requireInstalled()
					b.reboot()
				} else {
					require.Equal(t, "received", statuses[0])
					require.Equal(t, "failed", last)
					require.Len(t, statuses, strings.Count(strings.Join(statuses, " "), "started")+2, "%v", statuses)
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

// failure is the reason of the last failed update, as OnEvent was told.
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
				require.NoError(t, b.seen.WaitStatus(b.t.Context(), "failed"))
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

// tornJournal fails from some save on.
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
			require.NoError(t, b.seen.WaitStatus(b.t.Context(), "failed"))
			b.settle(time.Minute)
			statuses := slices.Compact(b.seen.Statuses())
			require.Equal(t, "received", statuses[0], "after %d saves", good)
			require.Equal(t, 1, strings.Count(strings.Join(statuses, " "), "received"))
			require.Contains(t, b.failure(), "save the state of the update")
			require.NotContains(t, b.slots.Calls(), "flip")
		})
	}
}

// Once the boot record is written, it knows all that matters.
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

// A device that goes down in the middle asks for what is missing, and for no more than 1 MiB of what it had.
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
		requireOrder(t, b.seen.Statuses(), "received", "started", "received", "started", "received", "started", "received", "started", "completed")
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

// The download goes on while the socket is gone; what the hub missed it hears after the rejoin.
func TestSocketLostDuringAnUpdate(t *testing.T) {
	updating(t, nil, func(b *bench) {
		b.add(firmwareSize, hubtest.Slow(100<<10))
		b.push()
		b.settle(2 * time.Second)
		joins, before := b.seen.Joins(), b.dev.Status().Counters.Downloads
		b.hub.PlatformDown(true)
		require.NoError(t, b.seen.Drop())
		b.settle(4 * time.Second)
		require.Greater(t, b.dev.Status().Counters.Downloads, before)
		b.hub.PlatformDown(false)
		waitReboot(b.rig)
		require.Greater(t, b.seen.Joins(), joins)
		require.Equal(t, 1, b.fw.Served().Requests, "one download is enough")
		statuses := b.seen.Statuses()
		require.Equal(t, "completed", statuses[len(statuses)-1])
		requireOrder(t, statuses, "received", "started", "received", "started", "completed")
		b.reboot()
	})
}

// What a heartbeat has confirmed is not said again after a rejoin.
func TestConfirmedReportsAreNotRepeated(t *testing.T) {
	updating(t, nil, func(b *bench) {
		b.add(firmwareSize, hubtest.Slow(20<<10))
		b.push()
		b.settle(65 * time.Second) // two heartbeats
		require.NoError(t, b.seen.Drop())
		waitReboot(b.rig)
		require.Equal(t, []string{"received", "started", "completed"}, b.seen.Statuses())
		b.reboot()
	})
}

// mind is a client that can change it.
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
			require.Equal(t, []string{"received", "ignored"}, b.seen.Statuses())
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
			require.Equal(t, []string{"received", "rescheduled"}, b.seen.Statuses())
			require.Contains(t, b.said("rescheduled"), `"delay_for":1200000`, "in milliseconds")
			b.powerCycle()
			apply := firmware.Apply()
			m.decision.Store(&apply)
			b.settle(8 * time.Minute)
			require.EqualValues(t, 1, m.asked.Load(), "not yet")
			waitReboot(b.rig)
			require.EqualValues(t, 2, m.asked.Load(), "nobody else repeats what was pushed by hand")
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
			fw, err := b.hub.AddFirmware(another, hubtest.Generated(2, firmwareSize))
			require.NoError(t, err)
			require.NoError(t, b.seen.Update(fw))
			waitReboot(b.rig)
			require.EqualValues(t, 1, m.asked.Load())
			require.Equal(t, []string{"received", "started", "completed"}, b.seen.Statuses())
			require.Equal(t, 1, b.happened(actors.EventUpdateIgnored), "the other one; the same again is nothing new")
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

		b.hub.Deploy(hubtest.Rollout{Firmware: b.fw})
		b.settle(5 * time.Minute)
		require.Contains(t, b.said("ignored"), "on trial")
	})
}

// The hub is told of an offer that nobody can read.
func TestUnreadableOffer(t *testing.T) {
	updating(t, nil, func(b *bench) {
		require.NoError(t, b.seen.Push("device", "update", map[string]any{
			"update_available": true, "firmware_url": "https://files.example.com/x?secret", "size": "large",
		}))
		b.settle(time.Second)
		require.Equal(t, []string{"received", "failed"}, b.seen.Statuses())
		require.Contains(t, b.said("failed"), "size is not")
		require.NotContains(t, b.said("failed"), "secret")
		require.EqualValues(t, 1, b.dev.Status().Counters.BadFrames)
	})
}

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

func TestBootRecordThatCannotBeRead(t *testing.T) {
	updating(t, func(b *bench) { b.slots.FailNext("state", errBroken) }, func(b *bench) {
		b.add(firmwareSize)
		b.push()
		b.settle(time.Second)
		require.Equal(t, []string{"received", "failed"}, b.seen.Statuses(), "the device shows up, and says no")
		b.settle(time.Minute)
		b.push()
		b.reboot()
		b.requireInstalled()
	})
}

// FileJournal's content is for its owner only: it holds the signed address.
func TestJournalOnDiskIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	updating(t, func(b *bench) { b.cfg.Firmware.Journal = actors.FileJournal{Path: path} }, func(b *bench) {
		b.add(firmwareSize)
		b.push()
		b.reboot()
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NotContains(t, string(data), "http", "the address is gone with the update")
	})
}

// Nothing of an update stays behind in an idle device.
func TestIdleDeviceHasNoTransfer(t *testing.T) {
	updating(t, nil, func(b *bench) {
		b.add(firmwareSize, hubtest.Flip(9))
		b.push()
		require.NoError(t, b.seen.WaitStatus(b.t.Context(), "failed"))
		b.settle(time.Minute)
		tree, err := b.dev.Tree(b.t.Context())
		require.NoError(t, err)
		require.NotContains(t, fmt.Sprintf("%+v", tree), "applier")
		require.NotContains(t, fmt.Sprintf("%+v", tree), "downloader")
	})
}
