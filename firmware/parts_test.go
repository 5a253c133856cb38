package firmware

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// shared state of a device that has an offer in the given state.
func sharedIn(state State) *shared {
	s := &shared{boot: onA(), now: epoch}
	s.journal = Journal{State: state.durable(), UUID: "u2", From: "u1", Offer: offer()}
	s.state = state
	return s
}

func TestResume(t *testing.T) {
	running := func(uuid string, validated bool) BootState {
		b := onA()
		b.Meta, b.Validated = meta(uuid, "1.0.0"), validated
		return b
	}
	with := func(b BootState, other, next string, reverted bool) BootState {
		b.Other, b.Next, b.Reverted = meta(other, "2.0.0"), next, reverted
		return b
	}
	old, trying, committed := running("u1", true), running("u2", false), running("u2", true)
	for _, c := range []struct {
		state State
		boot  BootState
		want  resumption
	}{
		{Idle, old, resumeNothing},
		{Idle, trying, resumeNothing},
		{Deciding, old, resumeUpdate},
		{Waiting, old, resumeUpdate},
		{Fetching, old, resumeUpdate},
		{Fetching, running("u7", true), resumeDropped},
		{Fetching, running("u1", false), resumeDropped},
		{Fetching, with(old, "u2", "b", false), resumeDropped},
		{Flipping, old, resumeUpdate},
		{Flipping, with(old, "u2", "a", false), resumeUpdate},
		{Flipping, with(old, "u2", "a", true), resumeOther},
		{Flipping, with(old, "u2", "b", false), resumeFlipped},
		{Flipping, with(old, "u7", "b", false), resumeDropped},
		{Flipping, trying, resumeBooted},
		{Flipped, with(old, "u2", "b", false), resumeFlipped},
		{Flipped, old, resumeOther},
		{Flipped, trying, resumeBooted},
		{Flipped, committed, resumeBooted},
		{Trial, trying, resumeTrial},
		{Trial, committed, resumeCommitted},
		{Trial, old, resumeOther},
		{Reverting, with(trying, "u1", "b", false), resumeReboot},
		{Reverting, trying, resumeRevert},
		{Reverting, with(old, "u2", "b", false), resumeRevert},
		{Reverting, old, resumeReverted},
	} {
		j := Journal{State: c.state, UUID: "u2", From: "u1"}
		require.Equal(t, c.want, resume(&j, &c.boot), "%v, %+v", c.state, c.boot)
	}
}

func TestReportsOfAJoin(t *testing.T) {
	var j Journal
	var r reports
	add := func(s Status) {
		_, added := j.addReport(s, "", 0)
		require.True(t, added)
	}
	add(StatusReceived)
	require.Empty(t, r.unpushed(j.Reports), "no join")
	r = newReports(0, false)
	require.Len(t, r.unpushed(j.Reports), 1)
	require.Empty(t, r.unpushed(j.Reports), "once for a join")
	r.begin()
	add(StatusStarted)
	require.Len(t, r.unpushed(j.Reports), 1)
	r.undo()
	require.Len(t, r.unpushed(j.Reports), 1, "the step was not carried out")
	r.down()
	require.Empty(t, r.unpushed(j.Reports))
	r = newReports(1, false)
	require.Equal(t, StatusStarted, r.unpushed(j.Reports)[0].Status, "the join has the first one")
	require.False(t, j.confirm(0))
	require.True(t, j.confirm(2))
	require.Nil(t, j.Reports)

	require.True(t, r.unknown())
	require.False(t, r.unknown(), "told once for a join")
	r = newReports(0, true)
	require.False(t, r.unknown(), "this join has said it")
}

func TestRebootIsAskedForAndGivenUp(t *testing.T) {
	const within = time.Minute
	r := newReboot(epoch, "reason", 4)
	require.Equal(t, rebootWaits, r.step(epoch, within))
	r.written(epoch, 3)
	require.Equal(t, epoch.Add(writtenWithin), r.deadline(), "its own report is not written yet")
	r.written(epoch, 4)
	now := epoch
	for range maxReboots {
		require.Equal(t, rebootAsks, r.step(now, within))
		r.written(now, 4)
		require.Equal(t, now.Add(within), r.deadline(), "the machine was asked")
		now = now.Add(within)
	}
	require.Equal(t, rebootGivesUp, r.step(now, within))
	require.False(t, r.wanted())
	require.Equal(t, rebootWaits, r.step(now.Add(time.Hour), within))
}

func TestTrialDeadlines(t *testing.T) {
	s := sharedIn(Idle)
	s.journal = Journal{}
	s.boot.Validated = false
	never := newTrial(-1, true)
	never.start(s)
	require.True(t, never.deadline().IsZero())

	trial := newTrial(time.Minute, false)
	trial.start(s)
	require.Equal(t, Trial, s.state)
	require.Equal(t, epoch.Add(time.Minute), trial.deadline())
	s.reports = newReports(0, false)
	trial.tryCommit(s)
	require.Equal(t, Committing, s.state, "it has reached the hub")
	then := trial.commitDone(s, CommitDone(errors.New("no"), BootRead{State: s.boot}))
	require.Equal(t, nextOffer, then.part)
	require.Equal(t, epoch.Add(commitEvery), trial.deadline())
	trial.tryCommit(s)
	require.Equal(t, Trial, s.state, "not before the wait is over")
	s.now = trial.deadline()
	require.Equal(t, next{}, trial.tick(s, Tick()))
	require.Equal(t, Committing, s.state)
	s.enter(Trial)
	s.now = epoch.Add(time.Minute)
	require.Equal(t, nextRevert, trial.tick(s, Tick()).part)
}

func TestTransferMoves(t *testing.T) {
	short, mismatch := &ShortError{Size: 2, Got: 1}, &MismatchError{Part: -1}
	for _, c := range []struct {
		name string
		t    transfer
		err  error
		want move
	}{
		{"ended early", transfer{}, short, moveRetry},
		{"ended early again", transfer{short: true}, short, moveFail},
		{"corrupt", transfer{}, mismatch, moveFail},
		{"corrupt, with bytes of an earlier try", transfer{kept: true}, mismatch, moveRetry},
		{"corrupt from the start", transfer{kept: true, fromStart: true}, mismatch, moveFail},
		{"a stream out of order", transfer{}, fmt.Errorf("write: %w", ErrNotInOrder), moveRetry},
		{"no space", transfer{}, errors.New("no space"), moveFail},
	} {
		o := c.t.applyFailed(sharedIn(Fetching), ApplyFailed(0, c.err))
		require.Equal(t, c.want, o.move, c.name)
	}

	s, tr := sharedIn(Preparing), newTransfer(7, 0)
	require.Equal(t, outcome{move: moveFetch, off: 5}, tr.prepared(s, Prepared(7, 5)))
	require.Equal(t, moveFinish, tr.prepared(s, Prepared(7, s.journal.Offer.Size)).move)
	require.Equal(t, moveFinish, tr.fetchesItself(s, FetchesItself(7)).move)
	require.Equal(t, outcome{move: moveStarted, off: 5}, tr.attemptStarted(s, AttemptStarted(7, 5, 9)))
}

func TestTransferWaitsLongerAndGivesUp(t *testing.T) {
	tr := newTransfer(7, 0)
	last := time.Duration(-1)
	for i := range maxRetries {
		wait, err := tr.retry(errors.New("lost"))
		require.NoError(t, err)
		require.True(t, wait > last || wait == retryMax, "%d: %v", i, wait)
		last = wait
	}
	require.Equal(t, uint64(7+maxRetries), tr.run, "events of older tries are dropped")
	_, err := tr.retry(errors.New("lost"))
	require.ErrorContains(t, err, "given up")
	tr.advanced(sharedIn(Fetching), Advanced(tr.run, 1, 0))
	_, err = tr.retry(errors.New("lost"))
	require.NoError(t, err, "a new byte ends a row of failures")
}

func TestOffersThatAreNotTaken(t *testing.T) {
	s, q := sharedIn(Fetching), offers{}
	q.refuseBusy(s, offer())
	require.Empty(t, s.out, "the offer of the update that is under way")
	another := offer()
	another.UUID = "u3"
	q.refuseBusy(s, another)
	require.Equal(t, NoteBusy, s.out[0].Note)

	q.hold(s, offer())
	q.hold(s, another)
	require.Equal(t, another, q.release(), "the newest")
	require.Nil(t, q.release())

	s.boot.Next = "b"
	require.Equal(t, StatusFailed, q.judge(s, Policy{}, another).Status)
	s.boot.Next = "a"
	require.Zero(t, q.judge(s, Policy{}, another).Status)
	s.journal.fail("u3")
	require.Equal(t, StatusIgnored, q.judge(s, Policy{}, another).Status)
	another.DeploymentID = 0
	require.Zero(t, q.judge(s, Policy{}, another).Status, "pushed by hand")
}

// A flip that takes the machine down each time ends the update, also when each start downloads
// everything again.
func TestFlipsThatCrashEnd(t *testing.T) {
	for _, keeps := range []bool{true, false} {
		r := powerOn(t, Config{}, onA(), nil)
		r.fetching()
		for range maxStarts {
			run := r.m.update.transfer.run
			r.step(Advanced(run, 4<<20, 4<<20))
			r.step(Fetched(run))
			r.step(Applied(run, true))
			require.Equal(t, Flipping, r.m.State())
			r = powerOn(t, Config{}, onA(), r.journal())
			require.Equal(t, Preparing, r.m.State())
			kept := int64(0)
			if keeps {
				kept = 3 << 20
			}
			r.step(Prepared(r.m.update.transfer.run, kept))
		}
		r = powerOn(t, Config{}, onA(), r.journal())
		require.Equal(t, Idle, r.m.State(), "keeps %v", keeps)
	}
}

// An applier that flips by itself is alive when it is told to: it is not stopped before.
func TestApplierThatFlipsIsNotStopped(t *testing.T) {
	r := powerOn(t, Config{}, onA(), nil)
	r.fetching()
	run := r.m.update.transfer.run
	r.step(Fetched(run))
	out := r.step(Applied(run, true))
	require.Len(t, out, 2)
	require.Equal(t, DoPersist, out[0].Kind)
	require.True(t, out[0].Must, "the intent is on disk before")
	require.Equal(t, DoFlip, out[1].Kind)
	require.Equal(t, run, out[1].Plan.Run)
	_, stops := find(r.step(FlipDone(errors.New("exit 1"), BootRead{State: onA()})), DoStop)
	require.True(t, stops)
	require.Equal(t, Idle, r.m.State())
}
