package firmwaretest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"reflect"
	"testing"

	"github.com/hublink-go/hublink/firmware"
)

// Rig is a fresh device for a kit: its slot a runs a committed firmware, its slot b was never
// written.
type Rig struct {
	Slots   firmware.Slots
	Applier firmware.Applier
	// Boot starts the machine once, with the boot loader's part, and returns the slot that boots.
	// Slots and Applier go on to be used.
	Boot func() string
	// Reopen is a new start of the process without one of the machine. Nil: Slots and Applier keep
	// nothing in memory.
	Reopen func() (firmware.Slots, firmware.Applier)
	// Bytes returns the first n bytes of a slot, around the device; fewer if it has fewer.
	Bytes func(slot string, n int) []byte
	// TrialBoots is how many starts a firmware on trial gets; 0: 3.
	TrialBoots int
	Kind       Kind // of Applier
	// Pack returns the file in which a payload comes, for Archive and Program; nil: Kind.Pack. Bytes
	// then returns the payload.
	Pack func(target firmware.Target, payload []byte) []byte
	// UUID returns the uuid of a file that Pack made, if the file decides it.
	UUID func(file []byte) string
	// Serve makes file what the address url gives; for SelfFetching.
	Serve func(url string, file []byte)
	Disk  *Disk // what Slots and Applier are kept on; for TestPowerCuts
}

// rig is a Rig in a test.
type rig struct {
	Rig
	t   *testing.T
	was []byte // what slot a holds
}

// looked is how much of the running slot is compared.
const looked = 64 << 10

func newRig(t *testing.T, fresh func(t *testing.T) Rig) *rig {
	t.Helper()
	r := &rig{Rig: fresh(t), t: t}
	if r.TrialBoots == 0 {
		r.TrialBoots = 3
	}
	r.was = r.Bytes("a", looked)
	return r
}

// check fails the test unless ok, and says why it had to be.
func (r *rig) check(ok bool, format string, args ...any) {
	r.t.Helper()
	if !ok {
		r.t.Fatalf(format, args...)
	}
}

func (r *rig) no(err error, what string) {
	r.t.Helper()
	r.check(err == nil, "%s: %v", what, err)
}

func (r *rig) state() firmware.BootState {
	r.t.Helper()
	s, err := r.Slots.State(context.Background())
	r.no(err, "state")
	return s
}

// expect compares the state with what it shall be; capacity does not matter.
func (r *rig) expect(want firmware.BootState, why string) {
	r.t.Helper()
	got := r.state()
	want.Capacity = got.Capacity
	r.check(reflect.DeepEqual(want, got), "%s:\n got %+v\nwant %+v", why, got, want)
}

func (r *rig) reopen() {
	if r.Reopen != nil {
		r.Slots, r.Applier = r.Reopen()
	}
}

// image makes a firmware of n bytes and its target.
func (r *rig) image(version string, n int) ([]byte, firmware.Target) {
	r.t.Helper()
	return r.pack(version, bytes.Repeat([]byte("firmware "+version+" "), n/8+1)[:n])
}

// pack returns the file in which payload comes, and the target of the file.
func (r *rig) pack(version string, payload []byte) ([]byte, firmware.Target) {
	r.t.Helper()
	meta := maps.Clone(r.state().Meta)
	meta["version"], meta["uuid"] = version, "uuid-of-"+version
	target := firmware.Target{UUID: meta["uuid"], Meta: meta}
	file := r.Kind.Pack(payload)
	if r.Pack != nil {
		file = r.Pack(target, payload)
	}
	if r.UUID != nil {
		target.UUID = r.UUID(file)
		meta["uuid"] = target.UUID
	}
	sum := sha256.Sum256(file)
	target.Size, target.Checksum = int64(len(file)), hex.EncodeToString(sum[:])
	return file, target
}

func (r *rig) begin(target firmware.Target) firmware.Staging {
	r.t.Helper()
	s, err := r.Applier.Begin(context.Background(), target)
	r.no(err, "begin")
	return s
}

func (r *rig) write(s firmware.Staging, data []byte, off int64) {
	r.t.Helper()
	n, err := s.WriteAt(data, off)
	r.check(n == len(data) && err == nil, "write of %d bytes at %d: %d, %v", len(data), off, n, err)
}

func (r *rig) read(s firmware.Staging, n int) []byte {
	r.t.Helper()
	p := make([]byte, n)
	n, err := s.ReadAt(p, 0)
	r.check(err == nil || errors.Is(err, io.EOF), "read: %v", err)
	return p[:n]
}

// stage takes an image to the other slot, ready to be flipped to.
func (r *rig) stage(data []byte, target firmware.Target) {
	r.t.Helper()
	s := r.begin(target)
	r.write(s, data, 0)
	r.no(s.Sync(), "sync")
	r.no(s.Finish(context.Background()), "finish")
}

// update stages, flips and boots, and returns the states before and after.
func (r *rig) update(version string) (before, after firmware.BootState) {
	r.t.Helper()
	before = r.state()
	data, target := r.image(version, 1000)
	r.stage(data, target)
	r.no(r.Slots.Flip(context.Background(), target), "flip")
	r.check(r.Boot() != before.Active, "the new firmware boots")
	r.reopen()
	return before, r.state()
}

// untouched checks that the slot that ran first is as it was.
func (r *rig) untouched() {
	r.t.Helper()
	r.check(bytes.Equal(r.was, r.Bytes("a", looked)), "the running slot's bytes have changed")
}

// rule is one of a contract.
type rule struct {
	name  string
	check func(r *rig)
}

func run(t *testing.T, fresh func(t *testing.T) Rig, rules []rule) {
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) { rule.check(newRig(t, fresh)) })
	}
}
