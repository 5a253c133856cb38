package firmwaretest

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/hublink-go/hublink/firmware"
)

// TestApplier checks the contract of firmware.Applier and firmware.Staging for the Kind of the rig;
// the Slots of the rig have to work too.
func TestApplier(t *testing.T, fresh func(t *testing.T) Rig) {
	run(t, fresh, ofEveryKind)
	switch fresh(t).Kind {
	case Slot:
		run(t, fresh, ofSlots)
	case Archive, Program:
		run(t, fresh, ofStreams)
	case Installer, SelfFetching:
	}
}

// ofSlots is what holds for appliers that write a raw image into a slot.
var ofSlots = []rule{
	{"what is written is in the other slot, and only there", arrives},
	{"an offset may return to the start", startsAgain},
	{"nothing is written beyond the slot", bounded},
	{"what is too large is refused before anything changes", tooLarge},
	{"a size that is not known is no hindrance", sizeless},
	{"an aborted staging is resumed", resumed},
	{"a finished staging is resumed", resumedFinished},
	{"begin makes the slot undescribed", undescribes},
	{"begin takes back a flip", takesBackFlip},
	{"finish and abort end it", ends},
	{"begin takes over what a crash has left open", takesOver},
}

func arrives(r *rig) {
	data, target := r.image("2.0.0", 200_000)
	s := r.begin(target)
	for off := 0; off < len(data); off += 7001 {
		r.write(s, data[off:min(off+7001, len(data))], int64(off))
	}
	r.no(s.Sync(), "sync")
	r.check(bytes.Equal(data, r.read(s, len(data))), "what was written is read back")
	r.no(s.Finish(context.Background()), "finish")
	r.check(bytes.Equal(data, r.Bytes("b", len(data))), "it is in slot b")
	r.untouched()
}

func startsAgain(r *rig) {
	data, target := r.image("2.0.0", 10_000)
	s := r.begin(target)
	r.write(s, bytes.Repeat([]byte{0xEE}, 8000), 0)
	r.write(s, data, 0)
	r.no(s.Finish(context.Background()), "finish")
	r.check(bytes.Equal(data, r.Bytes("b", len(data))), "the later bytes count")
}

func bounded(r *rig) {
	capacity := r.state().Capacity
	_, target := r.image("2.0.0", 1000)
	s := r.begin(target)
	r.write(s, []byte("last"), capacity-4)
	for _, off := range []int64{capacity - 3, capacity, capacity + 1<<20, -1} {
		n, err := s.WriteAt([]byte("last"), off)
		r.check(n == 0 && err != nil, "4 bytes at %d of %d: %d, %v", off, capacity, n, err)
	}
	r.no(s.Abort(), "abort")
	r.check(r.state().Capacity == capacity, "the slot is as large as it was")
	r.untouched()
}

func tooLarge(r *rig) {
	r.update("2.0.0")
	r.no(r.Slots.Commit(context.Background()), "commit")
	want := r.state()
	_, target := r.image("3.0.0", 1000)
	target.Size = want.Capacity + 1
	_, err := r.Applier.Begin(context.Background(), target)
	var e *firmware.TooLargeError
	r.check(
		errors.As(err, &e) && e.Size == target.Size && e.Capacity == want.Capacity,
		"begin: %v",
		err,
	)
	r.expect(want, "the old firmware is still the way back")
	r.untouched()
	target.Size = want.Capacity
	r.no(r.begin(target).Abort(), "what just fits is taken")
}

func sizeless(r *rig) {
	data, target := r.image("2.0.0", 1000)
	target.Size, target.Checksum = 0, ""
	r.stage(data, target)
	r.no(r.Slots.Flip(context.Background(), target), "flip")
	r.check(r.Boot() == "b", "it boots")
}

func resumed(r *rig) {
	data, target := r.image("2.0.0", 50_000)
	s := r.begin(target)
	r.write(s, data[:30_000], 0)
	r.no(s.Sync(), "sync")
	r.no(s.Abort(), "abort")
	r.reopen()
	r.check(r.Boot() == "a", "what was aborted does not boot")
	s = r.begin(target)
	r.check(bytes.Equal(data[:30_000], r.read(s, 30_000)), "what was synced is still there")
	r.write(s, data[30_000:], 30_000)
	r.no(s.Finish(context.Background()), "finish")
	r.check(bytes.Equal(data, r.Bytes("b", len(data))), "it is complete")
	r.no(r.Slots.Flip(context.Background(), target), "flip")
}

func resumedFinished(r *rig) {
	data, target := r.image("2.0.0", 5000)
	r.stage(data, target)
	r.reopen()
	s := r.begin(target)
	r.check(bytes.Equal(data, r.read(s, len(data))), "what was finished is still there")
	r.check(r.Slots.Flip(context.Background(), target) != nil, "it is open again")
	r.no(s.Finish(context.Background()), "finish")
	r.no(r.Slots.Flip(context.Background(), target), "flip")
}

func undescribes(r *rig) {
	r.update("2.0.0")
	for range r.TrialBoots {
		r.Boot()
	}
	r.reopen()
	want := r.state()
	r.check(
		want.Active == "a" && want.Reverted && want.Other["version"] == "2.0.0",
		"reverted: %+v",
		want,
	)
	data, target := r.image("3.0.0", 5000)
	s := r.begin(target)
	want.Other, want.Reverted = nil, false
	r.expect(want, "from the first moment on")
	r.write(s, data[:100], 0)
	r.no(s.Abort(), "abort")
	r.reopen()
	r.expect(want, "and after the abort")
	r.check(r.Boot() == "a", "and at the next boot")
	r.untouched()
}

func takesBackFlip(r *rig) {
	want := r.state()
	data, target := r.image("2.0.0", 5000)
	r.stage(data, target)
	r.no(r.Slots.Flip(context.Background(), target), "flip")
	r.reopen()
	_, another := r.image("3.0.0", 5000)
	s := r.begin(another)
	r.expect(want, "the running firmware boots next: the other one is about to be overwritten")
	r.write(s, data[:100], 0)
	r.no(s.Abort(), "abort")
	r.check(r.Boot() == "a", "it boots")
	r.untouched()
}

func ends(r *rig) {
	data, target := r.image("2.0.0", 5000)
	for name, end := range map[string]func(firmware.Staging) error{
		"finish": func(s firmware.Staging) error { return s.Finish(context.Background()) },
		"abort":  firmware.Staging.Abort,
	} {
		s := r.begin(target)
		r.write(s, data, 0)
		r.no(end(s), name)
		_, errWrite := s.WriteAt([]byte("late"), 0)
		_, errRead := s.ReadAt(make([]byte, 4), 0)
		r.check(
			errWrite != nil && errRead != nil && s.Sync() != nil,
			"a staging has ended after %s",
			name,
		)
		r.check(s.Finish(context.Background()) != nil && s.Abort() != nil, "it ends once")
		r.check(bytes.Equal(data, r.Bytes("b", len(data))), "nothing is written after %s", name)
	}
}

func takesOver(r *rig) {
	data, target := r.image("2.0.0", 5000)
	old := r.begin(target)
	r.write(old, data[:1000], 0)
	s := r.begin(target)
	_, err := old.WriteAt([]byte("late"), 0)
	r.check(err != nil, "the one that was left open has lost the slot")
	r.check(old.Finish(context.Background()) != nil, "it cannot say that all is well either")
	r.check(r.Slots.Flip(context.Background(), target) != nil, "nothing is finished")
	r.check(bytes.Equal(data[:1000], r.read(s, 1000)), "its bytes are resumed")
	r.write(s, data[1000:], 1000)
	r.no(s.Finish(context.Background()), "finish")
	r.no(r.Slots.Flip(context.Background(), target), "flip")
}
