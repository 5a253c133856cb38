package firmware

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rig is a machine with what a test says of it.
type rig struct {
	t   *testing.T
	m   Machine
	now time.Time
	all []Effect
}

func powerOn(t *testing.T, cfg Config, boot BootState, journal []byte) *rig {
	r := &rig{t: t, m: NewMachine(cfg), now: epoch}
	r.step(Started(OnDisk{Boot: BootRead{State: boot}, Journal: journal}))
	return r
}

func (r *rig) step(in Input) []Effect {
	r.now = r.now.Add(time.Second)
	out := step(r.t, &r.m, r.now, in)
	r.all = append(r.all, out...)
	return out
}

// journal is what was saved last.
func (r *rig) journal() []byte {
	var data []byte
	for _, e := range r.all {
		if e.Kind == DoPersist {
			data = e.Journal
		}
	}
	return data
}

// fetching drives the machine to where bytes come.
func (r *rig) fetching() {
	r.step(ChannelUp(0, false))
	r.step(Offered(offer()))
	r.step(Decided("u2", Apply()))
	r.step(Prepared(r.m.update.transfer.run, 0))
	require.Equal(r.t, Fetching, r.m.State())
}

func find(effects []Effect, kind EffectKind) (Effect, bool) {
	for _, e := range effects {
		if e.Kind == kind {
			return e, true
		}
	}
	return Effect{}, false
}

func TestJoinSaysWhatIsTrue(t *testing.T) {
	m := NewMachine(Config{})
	require.Equal(t, Facts{}, m.Facts(), "nothing is known before the boot record is")
	r := powerOn(t, Config{}, onA(), nil)
	f := r.m.Facts()
	require.Equal(t, "u1", f.Meta["uuid"])
	require.True(t, *f.Validated)
	require.Empty(t, f.Downloading)
	r.fetching()
	require.Equal(t, "u2", r.m.Facts().Downloading)
	again := powerOn(t, Config{}, onA(), r.journal())
	require.Equal(t, "u2", again.m.Facts().Downloading, "over a restart too")
	again.step(Offered(offer()))
	require.Equal(t, "u2", again.m.Facts().Downloading)

	boot := onA()
	boot.Other, boot.Reverted = meta("u2", "2.0.0"), true
	require.True(t, powerOn(t, Config{}, boot, nil).m.Reverted())
}

func TestValidatedIsPushedOnlyOnAChange(t *testing.T) {
	onTrial := BootState{Active: "b", Next: "b", Meta: meta("u2", "2.0.0"), Other: meta("u1", "1.0.0")}
	committed := onTrial
	committed.Validated = true

	r := powerOn(t, Config{}, onTrial, nil)
	_, ok := find(r.step(ChannelUp(0, false)), DoCommit)
	require.True(t, ok, "it has reached the hub")
	_, ok = find(r.step(CommitDone(nil, BootRead{State: committed})), DoValidated)
	require.True(t, ok, "the join had said that it is not")
	r.step(ChannelDown())
	_, ok = find(r.step(ChannelUp(0, true)), DoValidated)
	require.False(t, ok, "this join has said it")

	crashed := powerOn(t, Config{}, onTrial, nil)
	crashed.step(ChannelUp(0, false))
	heir := powerOn(t, Config{}, committed, crashed.journal())
	_, ok = find(heir.step(ChannelUp(0, false)), DoValidated)
	require.True(t, ok, "the crash came between commit and push")
}

func TestOfferDuringACommitWaits(t *testing.T) {
	boot := onA()
	boot.Validated = false
	r := powerOn(t, Config{}, boot, nil)
	r.step(ChannelUp(0, false))
	require.Equal(t, Committing, r.m.State())
	require.Empty(t, r.step(Offered(offer())))
	r.step(CommitDone(nil, BootRead{State: onA()}))
	require.Equal(t, Deciding, r.m.State(), "now it is looked at")
}

func TestUnreadableBootRecord(t *testing.T) {
	r := &rig{t: t, m: NewMachine(Config{}), now: epoch}
	r.step(Started(OnDisk{Boot: BootRead{Err: errors.New("i/o error")}}))
	require.Equal(t, Starting, r.m.State())
	require.Nil(t, r.m.Facts().Validated, "the device shows up all the same")
	r.step(ChannelUp(0, false))
	e, ok := find(r.step(Offered(offer()))[2:], DoReport)
	require.True(t, ok)
	require.Equal(t, StatusReceived, e.Report.Status)
	answer, _ := find(r.step(CommitWanted()), DoAnswer)
	require.Error(t, answer.Err)
	r.now = r.m.Deadline()
	_, ok = find(r.step(Tick()), DoInspect)
	require.True(t, ok, "it is read again")
	r.step(Started(OnDisk{Boot: BootRead{State: onA()}}))
	require.Equal(t, Idle, r.m.State())
	r.step(Offered(offer()))
	require.Equal(t, Deciding, r.m.State())
}

// A journal that cannot be read says nothing: what has not proved itself is left, and nothing is
// touched that has.
func TestUnusableJournalRollsBack(t *testing.T) {
	damaged := []byte("hublink-journal 9 what is this")
	trial := BootState{Active: "b", Next: "b", Meta: meta("u2", "2.0.0"), Other: meta("u1", "1.0.0")}
	pending := onA()
	pending.Next, pending.Other = "b", meta("u2", "2.0.0")
	for _, c := range []struct {
		name   string
		boot   BootState
		revert bool
		state  State
	}{
		{"committed", onA(), false, Idle},
		{"on trial", trial, true, Reverting},
		{"about to boot something", pending, true, Reverting},
	} {
		r := powerOn(t, Config{}, c.boot, damaged)
		_, reverts := find(r.all, DoRevert)
		require.Equal(t, c.revert, reverts, c.name)
		require.Equal(t, c.state, r.m.State(), c.name)
		_, err := DecodeJournal(r.journal())
		require.NoError(t, err, "%s: the next start finds a consistent one", c.name)
	}
	r := &rig{t: t, m: NewMachine(Config{}), now: epoch}
	r.step(Started(OnDisk{Boot: BootRead{State: trial}, JournalErr: errors.New("permission denied")}))
	require.Equal(t, Reverting, r.m.State(), "one that cannot be read is no better")
}

func TestLoopsEnd(t *testing.T) {
	t.Run("transfers that crash", func(t *testing.T) {
		r := powerOn(t, Config{}, onA(), nil)
		r.fetching()
		for range maxRetries {
			r.step(TransferLost(r.m.update.transfer.run, errors.New("panic")))
			require.Equal(t, Retrying, r.m.State())
			r.now = r.m.Deadline()
			r.step(Tick())
			r.step(Prepared(r.m.update.transfer.run, 0))
		}
		e, ok := find(
			r.step(TransferLost(r.m.update.transfer.run, errors.New("panic"))),
			DoReport,
		)
		require.True(t, ok)
		require.Equal(t, StatusFailed, e.Report.Status)
	})
	t.Run("power cuts without a new byte", func(t *testing.T) {
		r := powerOn(t, Config{}, onA(), nil)
		r.fetching()
		for range maxStarts {
			r = powerOn(t, Config{}, onA(), r.journal())
			require.Equal(t, Preparing, r.m.State())
		}
		r = powerOn(t, Config{}, onA(), r.journal())
		require.Equal(t, Idle, r.m.State())
	})
	t.Run("a trial that starts again and again", func(t *testing.T) {
		boot := BootState{Active: "b", Next: "b", Meta: meta("u2", "2.0.0"), Other: meta("u1", "1.0.0")}
		r := powerOn(t, Config{}, boot, nil)
		for range maxTrials {
			r = powerOn(t, Config{}, boot, r.journal())
			require.Equal(t, Trial, r.m.State())
		}
		actor := &rig{t: t, m: NewMachine(Config{}), now: epoch}
		actor.step(Started(OnDisk{
			Boot: BootRead{State: boot}, Journal: r.journal(), Memory: Memory{Again: true},
		}))
		require.Equal(
			t,
			Trial,
			actor.m.State(),
			"a crash of the agent's own part is no start of the firmware",
		)
		r = powerOn(t, Config{}, boot, r.journal())
		require.Equal(t, Reverting, r.m.State())
	})
	t.Run("processes that start and no machine that reboots", func(t *testing.T) {
		r := powerOn(t, Config{}, onA(), nil)
		r.fetching()
		r.step(Fetched(r.m.update.transfer.run))
		r.step(Applied(r.m.update.transfer.run, false))
		flipped := onA()
		flipped.Next, flipped.Other = "b", meta("u2", "2.0.0")
		r.step(FlipDone(nil, BootRead{State: flipped}))
		for i := range maxReboots {
			r.now = r.m.Deadline()
			_, ok := find(r.step(Tick()), DoReboot)
			require.True(t, ok, "reboot %d", i)
			r = powerOn(t, Config{}, flipped, r.journal())
		}
		_, ok := find(r.all, DoRevert)
		require.True(t, ok, "the flip is called off")
	})
}

func TestReportsAreBounded(t *testing.T) {
	r := powerOn(t, Config{}, onA(), nil)
	r.fetching()
	r.step(ChannelDown())
	for i := range 1000 {
		r.step(AttemptStarted(r.m.update.transfer.run, int64(i), 0))
	}
	require.LessOrEqual(t, len(r.m.journal.Reports), maxReports)
	out := r.step(ChannelUp(0, false))
	require.Equal(t, StatusReceived, out[0].Report.Status, "the first one is still there")
}

func TestProgressRisesAndIsNotTooOften(t *testing.T) {
	r := powerOn(t, Config{}, onA(), nil)
	r.fetching()
	run := r.m.update.transfer.run
	r.all = nil
	last, told := -1, time.Time{}
	for off := int64(0); off <= 4<<20; off += chunk {
		r.now = r.now.Add(37*time.Millisecond - time.Second)
		for _, e := range r.step(Advanced(run, off, 0)) {
			if e.Kind != DoProgress {
				continue
			}
			require.Greater(t, e.Percent, last)
			if e.Percent < 100 && last >= 0 {
				require.GreaterOrEqual(t, r.now.Sub(told), progressEvery)
			}
			last, told = e.Percent, r.now
		}
	}
	require.Equal(t, 100, last)
	for _, e := range r.step(Advanced(run, 0, 0)) {
		require.NotEqual(t, DoProgress, e.Kind, "it never falls")
	}
	require.NotEqual(t, -1, r.m.Memory().Percent)
}

// Any journal that this version writes is one that it can start from, in whatever state the boot
// record is.
func TestEveryJournalMeetsEveryBootRecord(t *testing.T) {
	var boots []BootState
	for bits := range 32 {
		b := BootState{
			Active:    "a",
			Next:      "a",
			Meta:      meta("u1", "1.0.0"),
			Validated: bits&1 != 0,
			Reverted:  bits&2 != 0,
		}
		if bits&4 != 0 {
			b.Meta = meta("u2", "2.0.0")
		}
		if bits&8 != 0 {
			b.Other = meta("u2", "2.0.0")
		}
		if bits&16 != 0 {
			b.Next = "b"
		}
		boots = append(boots, b)
	}
	for state := range states {
		j := fullJournal()
		j.State = state.durable()
		if j.State == Idle || j.State == Trial || j.State == Reverting {
			j.Offer = nil
		}
		data := encode(t, j)
		for i, b := range boots {
			r := powerOn(t, Config{}, b, data)
			require.NotEqual(t, Starting, r.m.State(), fmt.Sprint(state, i))
			_, flips := find(r.all, DoFlip)
			require.False(t, flips, "nothing is flipped without being hashed again")
			if r.m.State() == Preparing {
				require.True(t, b.Validated && b.Next == b.Active, "only a committed firmware is updated")
			}
			_, err := DecodeJournal(r.journal())
			require.NoError(t, err)
		}
	}
}
