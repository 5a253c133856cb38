package firmwaretest

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"sync"
	"testing"

	"github.com/hublink-go/hublink/firmware"
)

// TestSlots checks the contract of firmware.Slots, for which the Applier of the rig has to work
// too.
func TestSlots(t *testing.T, fresh func(t *testing.T) Rig) {
	run(t, fresh, []rule{
		{"fresh: committed, nothing pending, the other slot undescribed", freshState},
		{"a flip needs the staged firmware", flipNeedsStaged},
		{"a flip is pending until the boot", flipPends},
		{"a flip that is repeated does nothing", flipTwice},
		{"a booted flip is on trial", trial},
		{"commit ends the trial for good", commit},
		{"commit on a committed firmware does nothing", commitTwice},
		{"the boot loader reverts from what is not committed", revertsByItself},
		{"revert on trial boots the previous firmware", revertTrial},
		{"revert after the commit boots the previous firmware", revertCommitted},
		{"revert takes back a flip", revertFlip},
		{"revert needs a committed firmware in the other slot", revertNowhere},
		{"a second update goes into the first slot", secondUpdate},
		{"a cancelled context changes nothing", cancelled},
		{"the state may be read meanwhile", concurrent},
	})
}

func freshState(r *rig) {
	s := r.state()
	r.check(s.Active == "a" && s.Next == "a", "active %q, next %q", s.Active, s.Next)
	r.check(
		s.Validated && !s.Reverted && s.Other == nil,
		"validated, not reverted, the other undescribed: %+v",
		s,
	)
	r.check(s.Capacity > 0, "the capacity of the other slot is %d", s.Capacity)
	for _, k := range [...]string{"uuid", "product", "architecture", "version", "platform"} {
		r.check(s.Meta[k] != "", "the running firmware has no %s: %v", k, s.Meta)
	}
	r.check(r.Boot() == "a", "it boots again")
	r.reopen()
	r.expect(s, "a boot changes nothing")
}

func flipNeedsStaged(r *rig) {
	data, target := r.image("2.0.0", 1000)
	_, another := r.image("3.0.0", 1000)
	state := r.state()
	r.check(r.Slots.Flip(context.Background(), target) != nil, "nothing is staged")
	r.expect(state, "a flip that failed changes nothing")
	s := r.begin(target)
	r.write(s, data, 0)
	r.check(r.Slots.Flip(context.Background(), target) != nil, "the staging is not finished")
	r.no(s.Abort(), "abort")
	r.check(r.Slots.Flip(context.Background(), target) != nil, "the staging was aborted")
	r.stage(data, target)
	r.check(r.Slots.Flip(context.Background(), another) != nil, "another firmware is staged")
	r.expect(state, "a flip that failed changes nothing")
	r.reopen()
	r.no(r.Slots.Flip(context.Background(), target), "flip, after a new start of the process")
}

func flipPends(r *rig) {
	want := r.state()
	data, target := r.image("2.0.0", 1000)
	target.Meta["misc"] = "a value = with, \"signs\" and äöü"
	r.stage(data, target)
	r.expect(want, "staging does not touch what is running or described")
	r.no(r.Slots.Flip(context.Background(), target), "flip")
	want.Next, want.Other = "b", target.Meta
	r.expect(want, "the same firmware runs, committed; the next one is described")
	r.reopen()
	r.expect(want, "also for a new process")
	r.untouched()
}

func flipTwice(r *rig) {
	data, target := r.image("2.0.0", 1000)
	r.stage(data, target)
	r.no(r.Slots.Flip(context.Background(), target), "flip")
	want := r.state()
	r.reopen()
	r.no(r.Slots.Flip(context.Background(), target), "flip again")
	r.expect(want, "nothing has changed")
}

func trial(r *rig) {
	before, after := r.update("2.0.0")
	want := firmware.BootState{
		Active: "b",
		Next:   "b",
		Meta:   maps.Clone(before.Meta),
		Other:  before.Meta,
	}
	want.Meta["version"], want.Meta["uuid"] = "2.0.0", "uuid-of-2.0.0"
	r.expect(want, "the new firmware runs on trial, the old one is the other")
	r.check(after.Capacity > 0, "the capacity of the old slot is %d", after.Capacity)
	r.untouched()
}

func commit(r *rig) {
	_, want := r.update("2.0.0")
	r.no(r.Slots.Commit(context.Background()), "commit")
	want.Validated = true
	r.expect(want, "committed")
	for range 3 * r.TrialBoots {
		r.check(r.Boot() == "b", "a committed firmware boots for ever")
	}
	r.reopen()
	r.expect(want, "still committed")
}

func commitTwice(r *rig) {
	want := r.state()
	r.no(r.Slots.Commit(context.Background()), "commit")
	r.expect(want, "nothing has changed")
	data, target := r.image("2.0.0", 1000)
	r.stage(data, target)
	r.no(r.Slots.Flip(context.Background(), target), "flip")
	want = r.state()
	r.no(
		r.Slots.Commit(context.Background()),
		"commit of the running firmware while a flip is pending",
	)
	r.expect(want, "it does not commit the next one")
}

func revertsByItself(r *rig) {
	before, after := r.update("2.0.0") // its first start
	for i := 1; i < r.TrialBoots; i++ {
		r.check(r.Boot() == "b", "start %d on trial", i+1)
	}
	r.check(r.Boot() == "a", "start %d is one too many", r.TrialBoots+1)
	r.reopen()
	want := before
	want.Other, want.Reverted = after.Meta, true
	r.expect(want, "the old firmware runs, committed, and the record shows the revert")
	r.check(r.Boot() == "a", "it stays")
	r.expect(want, "it stays")
	r.check(
		r.Slots.Revert(context.Background()) != nil,
		"there is no revert to the firmware that failed",
	)
	r.untouched()
}

func revertTrial(r *rig) {
	before, want := r.update("2.0.0")
	r.no(r.Slots.Revert(context.Background()), "revert")
	want.Next = "a"
	r.expect(want, "the trial goes on until the boot")
	r.reopen()
	r.no(r.Slots.Revert(context.Background()), "revert again")
	r.expect(want, "nothing has changed")
	r.check(r.Boot() == "a", "the old firmware boots")
	r.reopen()
	before.Other, before.Reverted = want.Meta, true
	r.expect(before, "reverted from the new firmware")
}

func revertCommitted(r *rig) {
	before, after := r.update("2.0.0")
	r.no(r.Slots.Commit(context.Background()), "commit")
	r.no(r.Slots.Revert(context.Background()), "revert")
	r.check(r.Boot() == "a", "the old firmware boots")
	r.reopen()
	before.Other = after.Meta
	r.expect(before, "the new firmware was good: this is a choice, not a failure")
}

func revertFlip(r *rig) {
	want := r.state()
	data, target := r.image("2.0.0", 1000)
	r.stage(data, target)
	r.no(r.Slots.Flip(context.Background(), target), "flip")
	r.reopen()
	r.no(r.Slots.Revert(context.Background()), "revert")
	got := r.state()
	r.check(
		got.Next == "a" && got.Active == "a" && got.Validated && !got.Reverted,
		"the running firmware boots next: %+v",
		got,
	)
	r.check(r.Boot() == "a", "it boots")
	r.reopen()
	want.Other = r.state().Other // described or not
	r.expect(want, "as if there had been no flip: the firmware was never on trial")
}

func revertNowhere(r *rig) {
	want := r.state()
	r.check(r.Slots.Revert(context.Background()) != nil, "the other slot is undescribed")
	data, target := r.image("2.0.0", 1000)
	r.stage(data, target)
	r.check(
		r.Slots.Revert(context.Background()) != nil,
		"there is no revert to what is only staged",
	)
	r.expect(want, "nothing has changed")
}

func secondUpdate(r *rig) {
	r.update("2.0.0")
	r.no(r.Slots.Commit(context.Background()), "commit")
	before, after := r.update("3.0.0")
	r.check(after.Active == "a" && after.Meta["version"] == "3.0.0", "it runs from slot a: %+v", after)
	r.check(after.Other["version"] == before.Meta["version"], "the way back is %v", after.Other)
	data, _ := r.image("3.0.0", 1000)
	r.check(bytes.Equal(data, r.Bytes("a", 1000)), "its bytes are in slot a")
}

func cancelled(r *rig) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	data, target := r.image("2.0.0", 1000)
	r.stage(data, target)
	want := r.state()
	for name, call := range map[string]func() error{
		"state":  func() error { _, err := r.Slots.State(ctx); return err },
		"flip":   func() error { return r.Slots.Flip(ctx, target) },
		"commit": func() error { return r.Slots.Commit(ctx) },
		"revert": func() error { return r.Slots.Revert(ctx) },
		"begin":  func() error { _, err := r.Applier.Begin(ctx, target); return err },
	} {
		err := call()
		r.check(errors.Is(err, context.Canceled), "%s with a cancelled context: %v", name, err)
	}
	r.expect(want, "nothing has changed")
	r.no(r.Slots.Flip(context.Background(), target), "flip: it is still staged")
}

func concurrent(r *rig) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				if _, err := r.Slots.State(context.Background()); err != nil {
					r.t.Error(err)
				}
			}
		})
	}
	data, target := r.image("2.0.0", 1000)
	r.stage(data, target)
	err := r.Slots.Flip(context.Background(), target)
	wg.Wait()
	r.no(err, "flip")
}
