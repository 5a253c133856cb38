package fwdev

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/firmware/fwup"
	"github.com/hublink-go/hublink/firmware/native"
	"github.com/hublink-go/hublink/firmware/slotdev"
	"github.com/hublink-go/hublink/tests/golden"
)

// fakeFwup is the fwup program as far as it matters: it verifies nothing, flips as soon as it has
// the last byte that its task uses, and does not mind an archive that ends behind it.
func fakeFwup() int {
	in, out := io.Pipe()
	go func() {
		for {
			var n uint32
			if binary.Read(os.Stdin, binary.BigEndian, &n) != nil || n == 0 {
				break
			}
			if _, err := io.CopyN(out, os.Stdin, int64(n)); err != nil {
				break
			}
		}
		_ = out.Close() // however the input ends, that is the end of the archive
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	argument := func(name string) string { return os.Args[slices.Index(os.Args, name)+1] }
	frame, code := fwup.Frame{Type: fwup.Success}, 0
	if err := fakeApply(in, argument("-d"), argument("--task")); err != nil {
		frame, code = fwup.Frame{Type: fwup.Failure, Text: err.Error()}, 1
	}
	_, _ = io.Copy(io.Discard, in)
	_, _ = os.Stdout.Write(fwup.AppendFrame(nil, frame))
	return code
}

func fakeApply(in io.Reader, device, task string) error {
	r, err := fwfile.NewReader(in, fwfile.Options{AllowUnsigned: true})
	if err != nil {
		return err
	}
	disk, err := openDisk(device)
	if err != nil {
		return err
	}
	run, err := native.Open(disk, r.Meta(), native.Options{Task: task})
	if err != nil {
		return err
	}
	if err := run.Begin(); err != nil {
		return err
	}
	for run.Ready() != nil {
		e, err := r.Next()
		if err != nil {
			return err
		}
		if err := run.Resource(e, io.LimitReader(r, e.Resource.Size())); err != nil {
			return err
		}
	}
	return run.Finish()
}

// programBench is a bench in a file, for programs.
type programBench struct {
	*bench
	path    string
	slots   *slotdev.Device
	applier *Applier
	program fwup.Program
}

func newProgramBench(t *testing.T) *programBench {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	b := &programBench{
		bench: newBench(t, 1, 2), path: filepath.Join(t.TempDir(), "disk.img"),
		program: fwup.Program{Path: self, Env: []string{"FWDEV_TEST_FWUP=1"}},
	}
	require.NoError(t, os.WriteFile(b.path, b.disk.Bytes(benchDisk), 0o600))
	cfg := slotdev.Config{BootID: "1"}
	for _, l := range b.bench.slots.Env {
		cfg.Env = append(cfg.Env, slotdev.Location{Path: b.path, Offset: l.Offset, Size: l.Size})
	}
	b.slots, err = slotdev.Open(cfg)
	require.NoError(t, err)
	_, _ = b.open()
	b.applier, err = New(Config{
		Disk: b.path, Slots: b.slots, Mode: Program, Fwup: b.program, Keys: b.bench.applier.cfg.Keys,
	})
	require.NoError(t, err)
	t.Cleanup(b.applier.Release)
	return b
}

// unflipped checks that slot a runs and boots next, and is as it was.
func (b *programBench) unflipped(t *testing.T, what string) {
	t.Helper()
	s := state(t, b.slots)
	require.Equal(t, []string{"a", "a"}, []string{s.Active, s.Next}, what)
	part := func(disk []byte) []byte { return disk[slotA*512 : slotB*512] }
	require.True(t, bytes.Equal(part(b.disk.Bytes(benchDisk)), part(golden.Read(t, b.path))), what)
}

// ends are the lengths at which an archive is cut: a few in its middle, and many at its end.
func ends(n int) (cuts []int) {
	for cut := 0; cut < n; cut += n/12 + 1 {
		cuts = append(cuts, cut)
	}
	for cut := n - 1200; cut < n; cut += 97 {
		cuts = append(cuts, cut)
	}
	return append(cuts, n-1, n)
}

// The program flips with Flip and not before, wherever the update is called off.
func TestProgramFlipsWithFlipOnly(t *testing.T) {
	b := newProgramBench(t)
	archive, target := b.firmwareOf("2.0.0")
	for _, cut := range ends(len(archive)) {
		what := fmt.Sprintf("%d of %d bytes", cut, len(archive))
		s := begun(t, b.applier, target)
		_, err := s.WriteAt(archive[:cut], 0)
		require.NoError(t, err, what)
		if err := s.Finish(t.Context()); cut == len(archive) {
			require.NoError(t, err)
		} else {
			require.Error(t, err, what)
		}
		b.unflipped(t, what)
		require.NoError(t, s.Abort(), what)
		b.unflipped(t, what)
	}
	s := begun(t, b.applier, target)
	require.NoError(t, feed(s, archive))
	b.unflipped(t, "before the flip")
	flip(t, s)
	require.Equal(t, "b", state(t, b.slots).Next)
	require.True(t, bytes.Equal(b.payload("2.0.0"), golden.Read(t, b.path)[slotB*512:][:300_000]))

	// Another update before the reboot.
	archive, target = b.firmwareOf("3.0.0")
	s = begun(t, b.applier, target)
	b.unflipped(t, "the flip was taken back")
	require.NoError(t, feed(s, archive))
	flip(t, s)
	require.Equal(t, "3.0.0", state(t, b.slots).Other["version"])
}

// The program never flips when its input ends early because the agent died, nor does it for an
// archive that is damaged.
func TestProgramWhoseInputEndsEarly(t *testing.T) {
	b := newProgramBench(t)
	whole, _ := b.firmwareOf("2.0.0")
	for _, cut := range ends(len(whole)) {
		for _, damaged := range []bool{false, true} {
			what := fmt.Sprintf("%d of %d bytes, damaged %t", cut, len(whole), damaged)
			archive := bytes.Clone(whole[:cut])
			if damaged && cut > 0 {
				archive[cut-1] ^= 0x40
			}
			gate, err := fwup.NewGate(bytes.NewReader(archive),
				fwup.GateConfig{Options: b.applier.cfg.Keys()})
			if err != nil {
				continue // not a byte reaches the program
			}
			p, err := b.program.Start(t.Context(), fwup.Apply{Device: b.path})
			require.NoError(t, err, what)
			for err == nil {
				var bytes []byte
				if bytes, err = gate.Next(); err == nil {
					_, err = p.Write(bytes)
				}
			}
			require.Equal(t, cut == len(whole) && !damaged, errors.Is(err, io.EOF), "%s: %v", what, err)
			require.Error(t, p.Finish(), what)
			b.unflipped(t, what)
		}
	}
}

// A flip whose context has ended leaves the old firmware, and no program.
func TestProgramWithoutTimeToFlip(t *testing.T) {
	b := newProgramBench(t)
	archive, target := b.firmwareOf("2.0.0")
	s := begun(t, b.applier, target)
	require.NoError(t, feed(s, archive))
	require.Error(t, s.(firmware.Flipper).Flip(canceled(t)))
	b.unflipped(t, "cancelled")
}
