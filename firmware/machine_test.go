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

func started(t *testing.T, cfg Config, boot BootState, journal []byte) *rig {
	r := &rig{t: t, m: NewMachine(cfg), now: epoch}
	r.step(Input{Kind: Started, Boot: boot, Journal: journal})
	return r
}

func (r *rig) step(in Input) []Effect {
	r.now = r.now.Add(time.Second)
	out := r.m.Step(r.now, in, nil)
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
	r.step(Input{Kind: ChannelUp})
	r.step(Input{Kind: Offered, Offer: offer()})
	r.step(Input{Kind: Decided, UUID: "u2"})
	r.step(Input{Kind: Prepared, Run: r.m.transfer.run})
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
	r := started(t, Config{}, onA(), nil)
	f := r.m.Facts()
	require.Equal(t, "u1", f.Meta["uuid"])
	require.True(t, *f.Validated)
	require.Empty(t, f.Downloading)
	r.fetching()
	require.Equal(t, "u2", r.m.Facts().Downloading)
	again := started(t, Config{}, onA(), r.journal())
	require.Equal(t, "u2", again.m.Facts().Downloading, "over a restart too")
	again.step(Input{Kind: Offered, Offer: offer()})
	require.Equal(t, "u2", again.m.Facts().Downloading)

	boot := onA()
	boot.Other, boot.Reverted = meta("u2", "2.0.0"), true
	require.True(t, started(t, Config{}, boot, nil).m.Reverted())
}

func TestValidatedIsPushedOnlyOnAChange(t *testing.T) {
	onTrial := BootState{Active: "b", Next: "b", Meta: meta("u2", "2.0.0"), Other: meta("u1", "1.0.0")}
	committed := onTrial
	committed.Validated = true

	r := started(t, Config{}, onTrial, nil)
	_, ok := find(r.step(Input{Kind: ChannelUp}), DoCommit)
	require.True(t, ok, "it has reached the hub")
	_, ok = find(r.step(Input{Kind: CommitDone, Boot: committed}), DoValidated)
	require.True(t, ok, "the join had said that it is not")
	r.step(Input{Kind: ChannelDown})
	_, ok = find(r.step(Input{Kind: ChannelUp, Knows: true}), DoValidated)
	require.False(t, ok, "this join has said it")

	crashed := started(t, Config{}, onTrial, nil)
	crashed.step(Input{Kind: ChannelUp})
	heir := started(t, Config{}, committed, crashed.journal())
	_, ok = find(heir.step(Input{Kind: ChannelUp}), DoValidated)
	require.True(t, ok, "the crash came between commit and push")
}

func TestOfferDuringACommitWaits(t *testing.T) {
	boot := onA()
	boot.Validated = false
	r := started(t, Config{}, boot, nil)
	r.step(Input{Kind: ChannelUp})
	require.Equal(t, Committing, r.m.State())
	require.Empty(t, r.step(Input{Kind: Offered, Offer: offer()}))
	r.step(Input{Kind: CommitDone, Boot: onA()})
	require.Equal(t, Deciding, r.m.State(), "now it is looked at")
}

func TestUnreadableBootRecord(t *testing.T) {
	r := &rig{t: t, m: NewMachine(Config{}), now: epoch}
	r.step(Input{Kind: Started, BootErr: errors.New("i/o error")})
	require.Equal(t, Starting, r.m.State())
	require.Nil(t, r.m.Facts().Validated, "the device shows up all the same")
	r.step(Input{Kind: ChannelUp})
	e, ok := find(r.step(Input{Kind: Offered, Offer: offer()})[2:], DoReport)
	require.True(t, ok)
	require.Equal(t, StatusReceived, e.Report.Status)
	answer, _ := find(r.step(Input{Kind: CommitWanted}), DoAnswer)
	require.Error(t, answer.Err)
	r.now = r.m.Deadline()
	_, ok = find(r.step(Input{}), DoInspect)
	require.True(t, ok, "it is read again")
	r.step(Input{Kind: Started, Boot: onA()})
	require.Equal(t, Idle, r.m.State())
	r.step(Input{Kind: Offered, Offer: offer()})
	require.Equal(t, Deciding, r.m.State())
}

// What nobody can read says nothing: what has not proved itself is left, and nothing is touched
// that has.
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
		r := started(t, Config{}, c.boot, damaged)
		_, reverts := find(r.all, DoRevert)
		require.Equal(t, c.revert, reverts, c.name)
		require.Equal(t, c.state, r.m.State(), c.name)
		_, err := DecodeJournal(r.journal())
		require.NoError(t, err, "%s: the next start finds a whole one", c.name)
	}
	r := &rig{t: t, m: NewMachine(Config{}), now: epoch}
	r.step(Input{Kind: Started, Boot: trial, Err: errors.New("permission denied")})
	require.Equal(t, Reverting, r.m.State(), "one that cannot be read is no better")
}

func TestLoopsEnd(t *testing.T) {
	t.Run("transfers that crash", func(t *testing.T) {
		r := started(t, Config{}, onA(), nil)
		r.fetching()
		for range maxRetries {
			r.step(Input{Kind: TransferLost, Run: r.m.transfer.run, Err: errors.New("panic")})
			require.Equal(t, Retrying, r.m.State())
			r.now = r.m.Deadline()
			r.step(Input{})
			r.step(Input{Kind: Prepared, Run: r.m.transfer.run})
		}
		e, ok := find(
			r.step(Input{Kind: TransferLost, Run: r.m.transfer.run, Err: errors.New("panic")}),
			DoReport,
		)
		require.True(t, ok)
		require.Equal(t, StatusFailed, e.Report.Status)
	})
	t.Run("power cuts without a new byte", func(t *testing.T) {
		r := started(t, Config{}, onA(), nil)
		r.fetching()
		for range maxStarts {
			r = started(t, Config{}, onA(), r.journal())
			require.Equal(t, Preparing, r.m.State())
		}
		r = started(t, Config{}, onA(), r.journal())
		require.Equal(t, Idle, r.m.State())
	})
	t.Run("a trial that starts again and again", func(t *testing.T) {
		boot := BootState{Active: "b", Next: "b", Meta: meta("u2", "2.0.0"), Other: meta("u1", "1.0.0")}
		r := started(t, Config{}, boot, nil)
		for range maxTrials {
			r = started(t, Config{}, boot, r.journal())
			require.Equal(t, Trial, r.m.State())
		}
		actor := &rig{t: t, m: NewMachine(Config{}), now: epoch}
		actor.step(Input{Kind: Started, Boot: boot, Journal: r.journal(), Memory: Memory{Again: true}})
		require.Equal(
			t,
			Trial,
			actor.m.State(),
			"a crash of the agent's own part is no start of the firmware",
		)
		r = started(t, Config{}, boot, r.journal())
		require.Equal(t, Reverting, r.m.State())
	})
	t.Run("processes that start and no machine that reboots", func(t *testing.T) {
		r := started(t, Config{}, onA(), nil)
		r.fetching()
		r.step(Input{Kind: Fetched, Run: r.m.transfer.run})
		r.step(Input{Kind: Applied, Run: r.m.transfer.run})
		flipped := onA()
		flipped.Next, flipped.Other = "b", meta("u2", "2.0.0")
		r.step(Input{Kind: FlipDone, Boot: flipped})
		for i := range maxReboots {
			r.now = r.m.Deadline()
			_, ok := find(r.step(Input{}), DoReboot)
			require.True(t, ok, "reboot %d", i)
			r = started(t, Config{}, flipped, r.journal())
		}
		_, ok := find(r.all, DoRevert)
		require.True(t, ok, "the flip is called off")
	})
}

func TestReportsAreBounded(t *testing.T) {
	r := started(t, Config{}, onA(), nil)
	r.fetching()
	r.step(Input{Kind: ChannelDown})
	for i := range 1000 {
		r.step(Input{Kind: AttemptStarted, Run: r.m.transfer.run, Offset: int64(i)})
	}
	require.LessOrEqual(t, len(r.m.journal.Reports), maxReports)
	out := r.step(Input{Kind: ChannelUp})
	require.Equal(t, StatusReceived, out[0].Report.Status, "the first one is still there")
}

func TestProgressRisesAndIsNotTooOften(t *testing.T) {
	r := started(t, Config{}, onA(), nil)
	r.fetching()
	run := r.m.transfer.run
	r.all = nil
	last, told := -1, time.Time{}
	for off := int64(0); off <= 4<<20; off += chunk {
		r.now = r.now.Add(37*time.Millisecond - time.Second)
		for _, e := range r.step(Input{Kind: Advanced, Run: run, Offset: off}) {
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
	for _, e := range r.step(Input{Kind: Advanced, Run: run, Offset: 0}) {
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
			r := started(t, Config{}, b, data)
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
