package fwdev

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/fwfile"
)

var errMedium = errors.New("the medium failed")

// failing is a disk whose call number at fails: a read, a write or a sync.
type failing struct {
	Disk
	calls *int
	at    int
	stay  bool // it fails from then on
}

func (f failing) fail() error {
	*f.calls++
	if *f.calls-1 == f.at || f.stay && *f.calls > f.at {
		return errMedium
	}
	return nil
}

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if err := f.fail(); err != nil {
		return 0, err
	}
	return f.Disk.ReadAt(p, off)
}

func (f failing) WriteAt(p []byte, off int64) (int, error) {
	if err := f.fail(); err != nil {
		return 0, err
	}
	return f.Disk.WriteAt(p, off)
}

func (f failing) Sync() error {
	if err := f.fail(); err != nil {
		return err
	}
	return f.Disk.Sync()
}

// try installs an archive and reports how far that came.
func try(
	t *testing.T, a firmware.Applier, target firmware.Target, archive []byte,
) (flipped, asked bool) {
	t.Helper()
	s := begun(t, a, target)
	if err := feed(s, archive); err != nil {
		require.NoError(t, s.Abort())
		return false, false
	}
	return s.(firmware.Flipper).Flip(t.Context()) == nil, true
}

// Whatever call to the disk fails, once or from then on, the running slot is untouched, what boots
// is a whole firmware, nothing has flipped before Flip, and the next update works.
func TestDiskFailsInAnyCall(t *testing.T) {
	for _, stay := range []bool{false, true} {
		for at := 0; ; at++ {
			what := fmt.Sprintf("call %d, for good %t", at, stay)
			b := newBench(t, 1, 2)
			calls := 0
			b.change = func(c *Config) {
				c.Open = func(path string) (Disk, error) {
					d, err := b.openDisk(path)
					return failing{d, &calls, at, stay}, err
				}
			}
			slots, a := b.open()
			running := b.bytes("a", slotBlocks*512)
			archive, target := b.firmwareOf("2.0.0")
			flipped, asked := try(t, a, target, archive)
			s := state(t, slots)
			require.False(t, flipped && s.Next == "a", what)
			require.False(t, !asked && s.Next == "b", "%s: it flipped before it was told to", what)
			require.True(t, bytes.Equal(running, b.bytes("a", slotBlocks*512)), what)
			if s.Next == "b" {
				require.True(t, bytes.Equal(b.payload("2.0.0"), b.bytes("b", 300_000)), what)
			}
			b.change = nil
			_, a = b.open()
			flipped, _ = try(t, a, target, archive)
			require.True(t, flipped, what)
			require.Equal(t, "b", b.boot(), what)
			if calls <= at {
				break
			}
		}
	}
}

// A disk that is too small for the slot fails the update, and nothing flips.
func TestDiskTooSmall(t *testing.T) {
	b := newBench(t, 1, 2)
	b.change = func(c *Config) {
		c.Open = func(path string) (Disk, error) {
			d, err := b.openDisk(path)
			return small{d}, err
		}
	}
	slots, a := b.open()
	archive, target := b.firmwareOf("2.0.0")
	s := begun(t, a, target)
	require.ErrorContains(t, feed(s, archive), "beyond the end")
	require.NoError(t, s.Abort())
	require.Equal(t, "a", state(t, slots).Next)
}

// small is a disk that ends in the middle of slot b.
type small struct{ Disk }

func (small) Size() (int64, bool, error) { return slotB*512 + 100*512, true, nil }

// What an archive asks for and cannot have is refused before anything is written: a task for
// something else, resources that nothing has, and numbers beyond all disks.
func TestArchivesThatCannotBeApplied(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*fwfile.Meta)
		err  string
	}{
		"complete only": {func(m *fwfile.Meta) { m.Tasks = m.Tasks[:1] }, "no task"},
		"a resource that is missing": {func(m *fwfile.Meta) {
			m.Tasks[2].OnResource = append(m.Tasks[2].OnResource, fwfile.OnResource{Resource: "none"})
		}, "does not describe"},
		"a huge offset": {func(m *fwfile.Meta) {
			m.Tasks[2].OnResource = writeTo(1 << 53)
		}, "beyond the end"},
		"an offset that overflows": {func(m *fwfile.Meta) {
			m.Tasks[2].OnResource[0].Calls = []fwfile.Call{{"raw_write", "0xffffffffffffffff"}}
		}, "not a number"},
		"a huge memset": {func(m *fwfile.Meta) {
			m.Tasks[2].OnInit = []fwfile.Call{{"raw_memset", "6000", "9007199254740992", "0"}}
		}, "beyond the end"},
		"a huge file system": {func(m *fwfile.Meta) {
			m.Tasks[2].OnInit = []fwfile.Call{{"fat_mkfs", "4000", "9007199254740992"}}
		}, "fat_mkfs"},
		"no file system": {func(m *fwfile.Meta) {
			m.Tasks[2].OnInit = []fwfile.Call{{"fat_mkdir", "4000", "x"}}
		}, "fat_mkdir"},
		"an environment behind the end": {func(m *fwfile.Meta) {
			m.Partitions.Envs[0].Offset = 1 << 52
		}, "not met"},
		"the same resource in two calls": {func(m *fwfile.Meta) {
			m.Tasks[2].OnResource[0].Calls = []fwfile.Call{{"raw_write", "3072"}, {"raw_write", "3072"}}
		}, "earlier call"},
	} {
		b := newBench(t, 1, 2)
		b.edit = c.edit
		slots, a := b.open()
		running := b.bytes("a", slotBlocks*512)
		archive, target := b.firmwareOf("2.0.0")
		s := begun(t, a, target)
		require.ErrorContains(t, feed(s, archive), c.err, name)
		require.NoError(t, s.Abort(), name)
		require.Equal(t, "a", state(t, slots).Next, name)
		require.True(t, bytes.Equal(running, b.bytes("a", slotBlocks*512)), name)
	}
}
