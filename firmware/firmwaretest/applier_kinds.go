package firmwaretest

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/hublink-go/hublink/firmware"
)

// ofEveryKind is what holds for appliers of all kinds.
var ofEveryKind = []rule{
	{"an update ends in the other slot, and only there", updates},
	{"nothing flips before it is told to", waitsForFlip},
	{"what was aborted never boots", abortedNeverBoots},
	{"a flip with a cancelled context changes nothing", flipCancelled},
	{"another try follows one that was broken off", triesAgain},
	{"begin refuses what is too large, and changes nothing", refusesTooLarge},
	{"begin makes the slot undescribed and takes back a flip", beginClears},
	{"begin takes over what a crash has left open, for any kind", takesOverAny},
}

// ofStreams is what holds for appliers that take bytes in order.
var ofStreams = []rule{
	{"bytes are taken in order only", inOrderOnly},
	{"nothing is kept for a later try", keepsNothing},
}

const (
	smallPayload = 150_000
	smallPiece   = 7001
	kitURL       = "https://files.example.com/kit"
)

// openIntake begins a try for file, without keeping bytes.
func (r *rig) openIntake(file []byte, target firmware.Target) *firmware.Intake {
	r.t.Helper()
	if r.Serve != nil {
		r.Serve(kitURL, file)
	}
	in, err := firmware.OpenIntake(context.Background(), r.Applier, &firmware.Plan{
		Source: firmware.Source{URL: kitURL, Size: target.Size, Checksum: target.Checksum},
		Target: target, Limit: target.Size,
	})
	r.no(err, "open")
	r.check(in.FetchesItself() == (r.Kind == SelfFetching), "%v: it fetches by itself", r.Kind)
	r.check(in.Flips() == (r.Kind != Slot), "%v: it flips by itself", r.Kind)
	return in
}

// feed hands file to a try.
func (r *rig) feed(in *firmware.Intake, file []byte) {
	r.t.Helper()
	if in.FetchesItself() {
		last := int64(0)
		r.no(in.Fetch(context.Background(), func(n int64) {
			r.check(n >= last, "%d bytes after %d", n, last)
			last = n
		}), "fetch")
		return
	}
	for off := 0; off < len(file); off += smallPiece {
		r.no(in.Write(file[off:min(off+smallPiece, len(file))]), "write")
	}
}

// ready takes a firmware up to its flip.
func (r *rig) ready(version string) (in *firmware.Intake, target firmware.Target, payload []byte) {
	r.t.Helper()
	payload = r.content(version)
	file, target := r.pack(version, payload)
	in = r.openIntake(file, target)
	r.feed(in, file)
	r.no(in.Finish(context.Background()), "finish")
	return in, target, payload
}

func (r *rig) content(version string) []byte {
	return bytes.Repeat([]byte("payload "+version+" "), smallPayload/8)[:smallPayload]
}

// flip flips as a machine has it done.
func (r *rig) flip(ctx context.Context, in *firmware.Intake, target firmware.Target) error {
	if in.Flips() {
		return in.Flip(ctx)
	}
	return r.Slots.Flip(ctx, target)
}

func updates(r *rig) {
	before := r.state()
	in, target, payload := r.ready("2.0.0")
	r.no(r.flip(context.Background(), in, target), "flip")
	r.reopen()
	after := r.state()
	r.check(after.Next == "b" && after.Active == "a", "the other slot boots next: %+v", after)
	r.check(after.Other["uuid"] == target.UUID, "the other slot is described: %+v", after)
	r.check(bytes.Equal(payload, r.Bytes("b", len(payload))), "the payload is in slot b")
	r.untouched()
	r.check(r.Boot() == "b", "it boots")
	r.reopen()
	s := r.state()
	r.check(s.Active == "b" && s.Meta["uuid"] == target.UUID && !s.Validated, "on trial: %+v", s)
	r.check(s.Other["uuid"] == before.Meta["uuid"], "the old firmware is the way back: %+v", s)
	r.no(r.Slots.Commit(context.Background()), "commit")
	r.check(r.state().Validated, "committed")
}

func waitsForFlip(r *rig) {
	r.ready("2.0.0")
	s := r.state()
	r.check(s.Next == "a" && s.Other == nil, "all bytes are there, and nothing is flipped: %+v", s)
	r.check(r.Boot() == "a", "a power cut now boots the old firmware")
	r.untouched()
}

func abortedNeverBoots(r *rig) {
	file, target := r.pack("2.0.0", r.content("2.0.0"))
	in := r.openIntake(file, target)
	r.feed(in, file)
	r.no(in.Abort(), "abort")
	s := r.state()
	r.check(s.Next == "a" && s.Other == nil, "nothing is flipped: %+v", s)
	r.check(r.Slots.Flip(context.Background(), target) != nil, "nothing is ready")
	if r.Kind != Slot {
		in, _, _ = r.ready("3.0.0")
		r.no(in.Abort(), "abort after finish")
		r.check(r.state().Next == "a", "nothing is flipped")
		r.check(in.Flip(context.Background()) != nil, "it has ended")
	}
	r.check(r.Boot() == "a", "the old firmware boots")
	r.untouched()
}

func flipCancelled(r *rig) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	in, target, _ := r.ready("2.0.0")
	before := r.state()
	err := r.flip(ctx, in, target)
	r.check(errors.Is(err, context.Canceled), "flip with a cancelled context: %v", err)
	r.expect(before, "nothing has changed")
	r.check(r.Boot() == "a", "the old firmware boots")
}

func triesAgain(r *rig) {
	payload := r.content("2.0.0")
	file, target := r.pack("2.0.0", payload)
	in := r.openIntake(file, target)
	if !in.FetchesItself() {
		r.no(in.Write(file[:len(file)/2]), "write")
	}
	r.no(in.Abort(), "abort")
	r.reopen()
	in = r.openIntake(file, target)
	r.feed(in, file)
	r.no(in.Finish(context.Background()), "finish")
	r.no(r.flip(context.Background(), in, target), "flip")
	r.check(r.Boot() == "b", "it boots")
	r.check(bytes.Equal(payload, r.Bytes("b", len(payload))), "it is complete")
}

func refusesTooLarge(r *rig) {
	before := r.state()
	if before.Capacity == 0 {
		return // slots that only the archives know have no size that Begin could tell
	}
	_, target := r.pack("2.0.0", r.content("2.0.0"))
	target.Size = before.Capacity + 1<<20
	_, err := r.Applier.Begin(context.Background(), target)
	var e *firmware.TooLargeError
	r.check(errors.As(err, &e) && e.Size == target.Size, "begin: %v", err)
	r.expect(before, "nothing has changed")
}

func beginClears(r *rig) {
	want := r.state()
	in, target, _ := r.ready("2.0.0")
	r.no(r.flip(context.Background(), in, target), "flip")
	file, another := r.pack("3.0.0", r.content("3.0.0"))
	in = r.openIntake(file, another)
	want.Other = nil
	r.expect(want, "the running firmware boots next, and the other slot is undescribed")
	r.no(in.Abort(), "abort")
	r.check(r.Boot() == "a", "the old firmware boots")
	r.untouched()
}

func takesOverAny(r *rig) {
	old, target, _ := r.ready("2.0.0")
	file, another := r.pack("3.0.0", r.content("3.0.0"))
	in := r.openIntake(file, another)
	if old.Flips() {
		r.check(old.Flip(context.Background()) != nil, "the one that was left open has lost the slot")
	}
	r.check(r.Slots.Flip(context.Background(), target) != nil, "it is not in the slot any more")
	r.check(r.state().Next == "a", "nothing is flipped")
	r.feed(in, file)
	r.no(in.Finish(context.Background()), "finish")
	r.no(r.flip(context.Background(), in, another), "flip")
	r.check(r.Boot() == "b", "the new one boots")
}

func inOrderOnly(r *rig) {
	file, target := r.pack("2.0.0", r.content("2.0.0"))
	s := r.begin(target)
	r.write(s, file[:smallPiece], 0)
	for _, off := range []int64{0, smallPiece - 1, smallPiece + 1} {
		n, err := s.WriteAt(file[:10], off)
		r.check(n == 0 && errors.Is(err, firmware.ErrNotInOrder), "write at %d: %d, %v", off, n, err)
	}
	r.no(s.Abort(), "abort")
	r.check(r.state().Next == "a", "nothing is flipped")
}

func keepsNothing(r *rig) {
	file, target := r.pack("2.0.0", r.content("2.0.0"))
	s := r.begin(target)
	r.write(s, file[:smallPiece], 0)
	r.no(s.Sync(), "sync")
	r.no(s.Abort(), "abort")
	s = r.begin(target)
	n, err := s.ReadAt(make([]byte, 10), 0)
	r.check(n == 0 && errors.Is(err, io.EOF), "read: %d, %v", n, err)
	r.no(s.Abort(), "abort")
}
