package firmwaretest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hublink-go/hublink/firmware"
)

// TestPowerCuts runs an update from the offer to the commit, with the machine of package firmware,
// on a device that loses its power: once in every act, then several times at random for many seeds,
// then with a firmware that is never committed; and with a process that is killed in every act. The
// rig needs a Disk, on which everything is that has to survive.
//
// Whatever the cut, the device boots a complete firmware and the running slot never changes; it
// flips once for an offer, never without the intent in the journal; reports come in order and
// without gaps; a firmware that was reverted is remembered; little is downloaded again.
func TestPowerCuts(t *testing.T, fresh func(t *testing.T, seed uint64) Rig) {
	im := new(image)
	t.Run("every act", func(t *testing.T) {
		plain := newPowered(t, fresh, im, 1)
		plain.survive()
		plain.committed("no cut", 0)
		for k := range plain.acts() {
			for seed := range uint64(2) {
				p := newPowered(t, fresh, im, seed)
				p.survive(k)
				p.committed(fmt.Sprintf("seed %d, cut in act %d", seed, k), 1)
			}
		}
	})
	t.Run("a process that is killed in every act", func(t *testing.T) {
		for k := 0; ; k++ {
			p := newPowered(t, fresh, im, uint64(k))
			p.orderly = true
			p.Disk.KillAfter(k)
			p.life()
			if !p.Disk.dead() {
				break // it has come to its reboot before
			}
			p.Disk.Respawn()
			p.reopen()
			p.survive()
			p.committed(fmt.Sprintf("killed in act %d", k), 1)
		}
	})
	t.Run("again and again", func(t *testing.T) {
		for seed := range uint64(24) {
			p := newPowered(t, fresh, im, seed)
			var cuts []int
			for range p.rng.IntN(6) {
				cuts = append(cuts, p.rng.IntN(100))
			}
			p.survive(cuts...)
			p.committed(fmt.Sprintf("seed %d, cuts %v", seed, cuts), len(cuts))
		}
	})
	t.Run("on trial", func(t *testing.T) {
		plain := newPowered(t, fresh, im, 2)
		plain.bad = true
		plain.survive()
		plain.reverted("no cut")
		for k := range plain.acts() {
			p := newPowered(t, fresh, im, 2)
			p.bad = true
			p.survive(k, 0, 3) // the second and third cut hit the trial when the first one came late
			p.reverted(fmt.Sprintf("cut in act %d", k))
		}
	})
}

// powered is a device around a machine, with a server and a hub.
type powered struct {
	*rig
	rng     *rand.Rand
	now     time.Time
	machine firmware.Machine
	journal *copies
	bad     bool // the new firmware never reaches the hub
	orderly bool // a reboot writes out what was not synced

	*image
	offer *firmware.Offer

	intake *firmware.Intake
	run    uint64 // of the download that is under way; 0: none
	queue  []firmware.Input

	downloads int64
	trials    int // boots of the new firmware right after the old one
	hub       listener
}

// listener is the hub, as far as it hears reports.
type listener struct {
	pushed   []uint64 // on this join
	statuses []firmware.Status
	seen     map[uint64]firmware.Status
	arrived  uint64
}

// piece is what the server sends at once.
const piece = 96 << 10

func newPowered(
	t *testing.T, fresh func(t *testing.T, seed uint64) Rig, im *image, seed uint64,
) *powered {
	t.Helper()
	p := &powered{
		rig: newRig(t, func(t *testing.T) Rig { return fresh(t, seed) }),
		rng: rand.New(rand.NewPCG(seed, 2)), now: time.Unix(1_800_000_000, 0),
		hub: listener{seen: map[uint64]firmware.Status{}},
	}
	p.journal = newCopies(p.Disk, "journal", 8<<10)
	p.Disk.Restore() // what was made so far is on disk
	p.image = im
	im.once.Do(func() { im.make(p.rig) })
	offer := im.offer
	if seed%2 == 1 {
		offer.Partials = nil
	}
	p.offer = &offer
	if p.Serve != nil {
		p.Serve(powerURL, p.file)
	}
	return p
}

// image is the new firmware of a test, the same for all seeds.
type image struct {
	once          sync.Once
	payload, file []byte
	offer         firmware.Offer
}

func (im *image) make(r *rig) {
	r.t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	for len(im.payload) < firmware.PartSize+piece/2 {
		im.payload = binary.NativeEndian.AppendUint64(im.payload, rng.Uint64())
	}
	var target firmware.Target
	im.file, target = r.pack("2.0.0", im.payload)
	im.offer = firmware.Offer{
		UUID: target.UUID, Meta: target.Meta, URL: powerURL, Size: target.Size,
		Checksum: target.Checksum, DeploymentID: 1,
	}
	for part := range slices.Chunk(im.file, firmware.PartSize) {
		sum := sha256.Sum256(part)
		im.offer.Partials = append(im.offer.Partials, hex.EncodeToString(sum[:]))
	}
}

const powerURL = "https://files.example.com/new"

func (p *powered) acts() int { return p.Disk.Acts() }

// survive powers the device on until it has nothing left to do. Each cut is so many acts after the
// start of a life.
func (p *powered) survive(cuts ...int) {
	p.t.Helper()
	for range 100 {
		if len(cuts) > 0 {
			p.Disk.CutAfter(cuts[0])
			cuts = cuts[1:]
		}
		if p.life() {
			return
		}
		p.powerCycle()
	}
	p.t.Fatal("the device never comes to rest")
}

// powerCycle loses what was not synced, and boots what the boot record says.
func (p *powered) powerCycle() {
	p.t.Helper()
	if p.orderly {
		p.Disk.Respawn()
	} else {
		p.Disk.Restore()
	}
	p.reopen()
	before := p.state()
	if before.Active == "a" && before.Next != "a" {
		data, err := p.journal.load()
		p.no(err, "read the journal")
		j, err := firmware.DecodeJournal(data)
		p.no(err, "read the journal")
		p.check(slices.Contains([]firmware.State{
			firmware.Flipping, firmware.Flipped, firmware.Reverting,
		}, j.State), "the new firmware boots next, and the journal says only %v", j.State)
	}
	booted := p.Boot()
	p.reopen()
	if booted == "b" {
		p.check(bytes.Equal(p.payload, p.Bytes("b", len(p.payload))), "what boots is complete")
		if before.Active == "a" {
			p.trials++
		}
	}
	p.untouched()
}

// errDown ends a life: the machine reboots.
var errDown = errors.New("the machine reboots")

// life runs the device from power on until nothing is left to do, or the power goes. It reports
// whether all is done.
func (p *powered) life() (done bool) {
	p.machine = firmware.NewMachine(firmware.Config{})
	p.intake, p.run, p.queue, p.hub.pushed = nil, 0, nil, nil
	err := p.start()
	for i := 0; err == nil; i++ {
		p.check(i < 100_000, "the machine never comes to rest")
		p.now = p.now.Add(60 * time.Millisecond)
		switch d := p.machine.Deadline(); {
		case len(p.queue) > 0:
			in := p.queue[0]
			p.queue = p.queue[1:]
			err = p.feed(in)
		case p.run != 0:
			err = p.download()
		case !d.IsZero():
			p.now = d
			err = p.feed(firmware.Tick())
		default:
			return true
		}
		if n := len(p.hub.pushed); err == nil && n > 0 && p.rng.IntN(50) == 0 { // a heartbeat is answered
			if err = p.feed(firmware.Confirmed(p.hub.pushed[n-1])); err == nil {
				p.hub.arrived = p.hub.pushed[n-1]
			}
		}
	}
	return false
}

func (p *powered) start() error {
	data, err := p.journal.load()
	if err != nil {
		return err
	}
	boot := p.bootRead()
	if err := p.feed(firmware.Started(firmware.OnDisk{Journal: data, Boot: boot})); err != nil {
		return err
	}
	if p.bad && boot.State.Active == "b" {
		return nil // it never joins
	}
	if err := p.feed(firmware.ChannelUp(0, boot.State.Validated)); err != nil {
		return err
	}
	if p.machine.State() == firmware.Idle && boot.State.Active == "a" && !p.machine.Reverted() {
		return p.feed(firmware.Offered(p.offer))
	}
	return nil
}

func (p *powered) bootRead() (b firmware.BootRead) {
	b.State, b.Err = p.Slots.State(context.Background())
	return b
}

// feed steps the machine. An error means that the life is over.
func (p *powered) feed(in firmware.Input) error {
	for _, e := range p.machine.Step(p.now, in, nil) {
		if err := p.Disk.step(); err != nil {
			return err
		}
		if err := p.carryOut(e); err != nil {
			return err
		}
		if p.Disk.dead() {
			return ErrPowerCut
		}
	}
	return nil
}

func (p *powered) then(in firmware.Input) { p.queue = append(p.queue, in) }

func (p *powered) carryOut(e firmware.Effect) error {
	ctx := context.Background()
	switch e.Kind {
	case firmware.DoPersist:
		p.no(e.Err, "encode the journal")
		return p.journal.save(e.Journal)
	case firmware.DoReport:
		p.report(e.Report)
	case firmware.DoDecide:
		p.then(firmware.Decided(e.Offer.UUID, firmware.Apply()))
	case firmware.DoPrepare:
		p.prepare(e.Plan)
	case firmware.DoFetch:
		p.run = e.Plan.Run
		p.then(firmware.AttemptStarted(p.run, e.From, int64(len(p.file))))
	case firmware.DoFinish:
		p.finish(e.Plan)
	case firmware.DoStop:
		p.stop()
	case firmware.DoFlip:
		err := p.flip(e)
		p.then(firmware.FlipDone(err, p.bootRead()))
	case firmware.DoCommit:
		err := p.Slots.Commit(ctx)
		p.then(firmware.CommitDone(err, p.bootRead()))
	case firmware.DoRevert:
		err := p.Slots.Revert(ctx)
		p.then(firmware.RevertDone(err, p.bootRead()))
	case firmware.DoReboot:
		return errDown
	}
	return nil
}

func (p *powered) prepare(plan *firmware.Plan) {
	intake, err := firmware.OpenIntake(context.Background(), p.Applier, plan)
	for done := false; err == nil && !done; {
		done, err = intake.Rehash()
	}
	switch {
	case err != nil:
		p.then(firmware.ApplyFailed(plan.Run, err))
		return
	case intake.FetchesItself():
		p.then(firmware.FetchesItself(plan.Run))
	default:
		p.then(firmware.Prepared(plan.Run, intake.Written()))
	}
	p.intake = intake
}

// download hands one piece to the applier.
func (p *powered) download() error {
	run, off := p.run, p.intake.Written()
	data := p.file[off:min(off+piece, int64(len(p.file)))]
	p.downloads += int64(len(data))
	if err := p.intake.Write(data); err != nil {
		p.run = 0
		p.check(p.Disk.dead(), "write: %v", err)
		return err
	}
	if err := p.feed(firmware.Advanced(run, p.intake.Written(), p.intake.Synced())); err != nil {
		return err
	}
	if p.intake.Written() == int64(len(p.file)) {
		p.run = 0
		return p.feed(firmware.Fetched(run))
	}
	return nil
}

func (p *powered) finish(plan *firmware.Plan) {
	ctx, in := context.Background(), p.intake
	var err error
	if in.FetchesItself() {
		err = in.Fetch(ctx, func(int64) {})
	}
	if err == nil {
		err = in.Finish(ctx)
	}
	if err != nil {
		p.then(firmware.ApplyFailed(plan.Run, err))
		return
	}
	p.then(firmware.Applied(plan.Run, in.Flips()))
}

func (p *powered) flip(e firmware.Effect) error {
	if e.ByApplier {
		return p.intake.Flip(context.Background())
	}
	return p.Slots.Flip(context.Background(), e.Plan.Target)
}

func (p *powered) stop() {
	p.run = 0
	if p.intake != nil {
		_ = p.intake.Abort()
		p.intake = nil
	}
}

// report is a push to the hub, which checks the order: no gap on any join, nothing twice on one.
func (p *powered) report(r firmware.Report) {
	if n := len(p.hub.pushed); n > 0 {
		last := p.hub.pushed[n-1]
		// the report of a reboot that did not happen is dropped
		dropped := p.orderly && p.hub.seen[last] == firmware.StatusCompleted
		p.check(last+1 == r.Seq || dropped && last+2 == r.Seq, "report %d after %d", r.Seq, last)
	}
	p.check(r.Seq > p.hub.arrived, "report %d was confirmed", r.Seq)
	p.hub.pushed = append(p.hub.pushed, r.Seq)
	if _, ok := p.hub.seen[r.Seq]; !ok {
		p.hub.seen[r.Seq] = r.Status
		p.hub.statuses = append(p.hub.statuses, r.Status)
	}
	p.then(firmware.Written(r.Seq))
}

// committed checks what holds in the end after that many losses of power.
func (p *powered) committed(what string, cuts int) {
	p.t.Helper()
	boot := p.state()
	p.check(boot.Active == "b" && boot.Validated, "%s: the device runs %+v", what, boot)
	p.check(p.trials == 1, "%s: the new firmware was booted %d times for one offer", what, p.trials)
	twice := int64(firmware.PartSize)
	if p.Kind == Archive || p.Kind == Program { // a stream begins at its start
		twice = int64(len(p.file))
	}
	p.check(p.downloads <= int64(len(p.file))+int64(cuts)*twice, "%s: %d bytes downloaded of %d",
		what, p.downloads, len(p.file))
	last := firmware.Status(0)
	for _, s := range p.hub.statuses {
		again := s == firmware.StatusStarted || p.orderly && s == firmware.StatusRebooting
		p.check(s > last || s == last && again, "%s: statuses %v", what, p.hub.statuses)
		last = s
	}
}

// reverted checks what holds in the end after a firmware that never reached the hub.
func (p *powered) reverted(what string) {
	p.t.Helper()
	boot := p.state()
	p.check(boot.Active == "a" && boot.Validated, "%s: the device runs %+v", what, boot)
	p.check(p.trials == 1, "%s: the new firmware was booted %d times", what, p.trials)
	p.check(p.machine.Reverted(), "%s: the join says that it was reverted", what)
}
