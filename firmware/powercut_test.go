package firmware

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// world is a device around a machine: flash that forgets what was not synced, a boot loader, a
// journal, a server, and a hub. Every single act counts; at the act number cut the power goes.
type world struct {
	t    *testing.T
	rng  *rand.Rand
	now  time.Time
	m    Machine
	boot BootState

	journal       []byte
	flash, synced []byte // of the slot that does not run u1
	bad           bool   // the boot loader reverts from u2 at its second boot without a commit
	trials        int

	file    []byte
	offer   *Offer
	applier *simApplier
	queue   []Input

	acts, cut int
	downloads int64
	flips     int
	reboots   int

	join     int
	seqs     []uint64 // pushed on this join
	statuses []Status // in the order in which the hub saw them first
	seen     map[uint64]bool
	arrived  uint64 // confirmed
}

type simApplier struct {
	v   *Verifier
	run uint64
	off int64
}

var errPower = errors.New("the power went")

const chunk = 64 << 10

func newWorld(t *testing.T, seed uint64, parts bool) *world {
	w := &world{
		t:    t,
		rng:  rand.New(rand.NewPCG(seed, 1)),
		now:  epoch,
		boot: onA(),
		cut:  -1,
		seen: map[uint64]bool{},
	}
	w.file = content(2*PartSize+PartSize/3, seed)
	w.offer = describe(w.file, parts)
	w.flash, w.synced = make([]byte, len(w.file)), make([]byte, len(w.file))
	return w
}

// act counts one thing that the device does to the world.
func (w *world) act() {
	if w.acts == w.cut {
		panic(errPower)
	}
	w.acts++
}

// life runs the device from power on until nothing is left to do, or the power goes. It reports
// whether all is done.
func (w *world) life(offered bool) (done bool) {
	defer func() {
		if r := recover(); r != nil && r != errPower { //nolint:errorlint // it is the very value
			panic(r)
		}
	}()
	w.m = NewMachine(Config{})
	w.applier, w.queue, w.seqs = nil, nil, nil
	w.join++
	w.feed(Started(OnDisk{Boot: BootRead{State: w.boot}, Journal: w.journal}))
	w.feed(ChannelUp(0, w.boot.Validated))
	if offered && w.m.State() == Idle {
		w.feed(Offered(w.offer))
	}
	for range 100_000 {
		w.now = w.now.Add(60 * time.Millisecond)
		switch d := w.m.Deadline(); {
		case len(w.queue) > 0:
			in := w.queue[0]
			w.queue = w.queue[1:]
			w.feed(in)
		case w.applier != nil && w.fetching():
		case !d.IsZero():
			w.now = d
			w.feed(Tick())
		default:
			return true
		}
		if w.rng.IntN(50) == 0 && len(w.seqs) > 0 { // a heartbeat was answered
			last := w.seqs[len(w.seqs)-1]
			w.feed(Confirmed(last))
			w.arrived = last // and that is on disk
		}
	}
	w.t.Fatal("it never ends")
	return false
}

func (w *world) feed(in Input) {
	for _, e := range step(w.t, &w.m, w.now, in) {
		w.act()
		w.carryOut(e)
	}
}

func (w *world) carryOut(e Effect) {
	switch e.Kind {
	case DoPersist:
		w.journal = e.Journal
	case DoReport:
		w.pushed(e.Report)
	case DoDecide:
		w.queue = append(w.queue, Decided(e.Offer.UUID, Apply()))
	case DoPrepare:
		w.prepare(e)
	case DoFetch:
		w.queue = append(w.queue, AttemptStarted(e.Plan.Run, e.From, 0))
		w.applier.run = e.Plan.Run
	case DoFinish:
		w.finish(e)
	case DoStop:
		w.applier = nil
	case DoFlip:
		w.flip(e)
	case DoCommit:
		w.boot.Validated = true
		w.queue = append(w.queue, CommitDone(nil, BootRead{State: w.boot}))
	case DoRevert:
		w.boot.Next = map[string]string{"a": "b", "b": "a"}[w.boot.Next]
		w.queue = append(w.queue, RevertDone(nil, BootRead{State: w.boot}))
	case DoReboot:
		w.reboots++
		panic(errPower)
	}
}

func (w *world) prepare(e Effect) {
	v := NewVerifier(e.Plan.Source, e.Plan.Limit)
	w.act()
	if e.Plan.Keep {
		rehash(NewRehash(v, e.Plan.Checkpoint), w.flash)
	}
	w.boot.Other = nil
	w.applier = &simApplier{v: v, off: v.Offset()}
	w.queue = append(w.queue, Prepared(e.Plan.Run, v.Offset()))
}

// fetching downloads one chunk. False: there is nothing to download.
func (w *world) fetching() bool {
	a := w.applier
	if a.run == 0 {
		return false
	}
	w.act()
	n := min(chunk, len(w.file)-int(a.off))
	data := w.file[a.off : int(a.off)+n]
	w.downloads += int64(n)
	_, err := a.v.Write(data)
	require.NoError(w.t, err)
	copy(w.flash[a.off:], data)
	a.off += int64(n)
	safe := w.m.journal.Checkpoint
	if a.off-safe >= CheckpointEvery {
		copy(w.synced, w.flash[:a.off])
		safe = a.off
	}
	w.feed(Advanced(a.run, a.off, safe))
	if a.off == int64(len(w.file)) {
		run := a.run
		a.run = 0
		w.feed(Fetched(run))
	}
	return true
}

func (w *world) finish(e Effect) {
	if err := w.applier.v.Finish(); err != nil {
		w.queue = append(w.queue, ApplyFailed(e.Plan.Run, err))
		return
	}
	copy(w.synced, w.flash)
	w.queue = append(w.queue, Applied(e.Plan.Run, false))
}

func (w *world) flip(e Effect) {
	w.flips++
	require.True(w.t, bytes.Equal(w.synced, w.file), "only a complete firmware is flipped to")
	w.boot.Next, w.boot.Other, w.boot.Reverted = "b", e.Plan.Target.Meta, false
	w.queue = append(w.queue, FlipDone(nil, BootRead{State: w.boot}))
}

// pushed: the hub checks the order: no gap on any join, nothing twice on one join.
func (w *world) pushed(r Report) {
	if n := len(w.seqs); n > 0 {
		require.Equal(w.t, w.seqs[n-1]+1, r.Seq, "reports come in order, without a gap")
	}
	require.Greater(w.t, r.Seq, w.arrived, "what has arrived is not said again")
	w.seqs = append(w.seqs, r.Seq)
	if !w.seen[r.Seq] {
		w.seen[r.Seq] = true
		w.statuses = append(w.statuses, r.Status)
	}
	w.queue = append(w.queue, Written(r.Seq))
}

// powerCycle loses what was not synced, page by page, and boots what the record says.
func (w *world) powerCycle() {
	const page = 4096
	for at := 0; at < len(w.flash); at += page {
		end := min(at+page, len(w.flash))
		if w.rng.IntN(2) == 0 {
			copy(w.flash[at:end], w.synced[at:end])
		} else {
			copy(w.synced[at:end], w.flash[at:end])
		}
	}
	b := &w.boot
	if b.Next != b.Active {
		b.Active = b.Next
		b.Meta, b.Other = b.Other, b.Meta
		b.Validated = b.Active == "a"
		w.trials = 0
	}
	if !b.Validated {
		if w.trials++; w.bad && w.trials > 1 {
			b.Active, b.Next, b.Validated, b.Reverted = "a", "a", true, true
			b.Meta, b.Other = b.Other, b.Meta
		}
	}
	require.NotNil(w.t, b.Meta, "what boots is described")
	if b.Active == "b" {
		require.True(w.t, bytes.Equal(w.synced, w.file), "what boots is complete")
	}
}

// survive powers the device on until it has nothing left to do. The hub offers the firmware as
// often as it takes.
func (w *world) survive(cuts ...int) {
	for range 100 {
		w.cut = -1
		if len(cuts) > 0 {
			w.cut, cuts = w.acts+cuts[0], cuts[1:]
		}
		if w.life(w.boot.Meta["uuid"] == "u1" && !w.m.journal.failed("u2")) {
			return
		}
		w.powerCycle()
	}
	w.t.Fatal("it never comes to rest")
}

func (w *world) check(what string, cuts int) {
	t := w.t
	require.Equal(t, "u2", w.boot.Meta["uuid"], what)
	require.True(t, w.boot.Validated, what)
	require.Equal(t, 1, w.flips, "%s: one flip for one offer", what)
	require.LessOrEqual(
		t,
		w.downloads,
		int64(len(w.file)+cuts*PartSize),
		"%s: at most 1 MiB again for every cut",
		what,
	)
	last := Status(0)
	for _, s := range w.statuses {
		require.True(t, s > last || s == last && s == StatusStarted, "%s: %v", what, w.statuses)
		last = s
	}
}

func TestPowerCutAtEveryAct(t *testing.T) {
	for _, parts := range []bool{true, false} {
		plain := newWorld(t, 1, parts)
		plain.survive()
		plain.check("no cut", 0)
		require.Equal(
			t,
			[]Status{StatusReceived, StatusStarted, StatusCompleted, StatusRebooting},
			plain.statuses,
		)
		for k := range plain.acts {
			w := newWorld(t, 1, parts)
			w.survive(k)
			w.check(fmt.Sprintf("parts %v, cut at act %d", parts, k), 1)
		}
	}
}

func TestPowerCutsAgainAndAgain(t *testing.T) {
	for seed := range uint64(60) {
		w := newWorld(t, seed, seed%2 == 0)
		var cuts []int
		for range w.rng.IntN(6) {
			cuts = append(cuts, w.rng.IntN(100))
		}
		w.survive(cuts...)
		w.check(fmt.Sprintf("seed %d, cuts %v", seed, cuts), len(cuts))
	}
}

// A firmware that the boot loader reverts from is tried once, wherever the power is cut; then the
// device stays where it was.
func TestPowerCutsOnTrial(t *testing.T) {
	plain := newWorld(t, 2, true)
	plain.survive()
	for k := range plain.acts {
		w := newWorld(t, 2, true)
		w.bad = true
		w.survive(k, 0, 3) // the second and third cut hit the trial when the first one came late
		require.Equal(t, 1, w.flips, "cut at %d", k)
		if w.boot.Meta["uuid"] == "u1" {
			require.True(t, w.m.journal.failed("u2"), "cut at %d: it is remembered", k)
			require.True(t, w.m.Reverted(), "cut at %d: the join says so", k)
		} else {
			require.True(t, w.boot.Validated)
		}
	}
}
