package slotdev_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/firmwaretest"
	"github.com/hublink-go/hublink/firmware/slotdev"
)

// life is a device that takes one update, from any state, and may lose its power in any act.
type life struct {
	t     *testing.T
	cfg   slotdev.Config
	disk  *firmwaretest.Disk
	image []byte
	next  firmware.Target
	old   []byte // what slot a holds
}

func newLife(t *testing.T, seed uint64, copies int) *life {
	cfg, disk := onDisk(seed, copies)
	cfg.BootID = "1"
	if copies == 1 { // as much as the guarantee is for
		cfg.Env[0].Size = 512
	}
	l := &life{t: t, cfg: cfg, disk: disk, image: bytes.Repeat([]byte("new firmware "), 1500)}
	l.next = firmware.Target{
		UUID: "2",
		Meta: firmware.Metadata{"uuid": "2", "version": "2"},
		Size: int64(len(l.image)),
	}
	running := maps.Clone(factory)
	if copies == 2 { // so long that a write can be torn
		running["description"] = strings.Repeat("old ", 150)
		l.next.Meta["description"] = strings.Repeat("new ", 150)
	}
	require.NoError(t, slotdev.Create(cfg, running, bytes.NewReader([]byte(image))))
	l.old = disk.Bytes("a")
	return l
}

// live boots and goes on to the committed update. It fails only when the power fails.
func (l *life) live() error {
	for range 10 {
		slot, err := slotdev.Boot(l.cfg)
		if err != nil {
			return err
		}
		d := open(l.t, l.cfg)
		if slot == "b" {
			return d.Commit(l.t.Context())
		}
		state, err := d.State(l.t.Context())
		if err != nil {
			return err
		}
		require.True(l.t, state.Validated)
		if err := l.update(d); err != nil {
			return err
		}
	}
	return errors.New("the new firmware never boots")
}

func (l *life) update(d *slotdev.Device) error {
	s, err := d.Begin(l.t.Context(), l.next)
	if err != nil {
		return err
	}
	const step = 5000
	for off := 0; off < len(l.image); off += step {
		part := l.image[off:min(off+step, len(l.image))]
		have := make([]byte, len(part))
		if _, err := s.ReadAt(have, int64(off)); err != nil {
			return err
		}
		if bytes.Equal(have, part) {
			continue // resumed
		}
		if _, err := s.WriteAt(part, int64(off)); err != nil {
			return err
		}
		if off > len(l.image)/2 {
			continue // left to Finish
		}
		if err := s.Sync(); err != nil {
			return err
		}
	}
	if err := s.Finish(l.t.Context()); err != nil {
		return err
	}
	return d.Flip(l.t.Context(), l.next)
}

// consistent checks what has to hold each time the power comes back.
func (l *life) consistent(when string) {
	l.disk.Restore()
	state, err := open(l.t, l.cfg).State(l.t.Context())
	require.NoError(l.t, err, "%s: the boot record is readable", when)
	require.True(l.t, bytes.Equal(l.old, l.disk.Bytes("a")), "%s: the running slot is as it was", when)
	if state.Active == "b" || state.Next == "b" || state.Other != nil && state.Active == "a" {
		require.True(
			l.t,
			bytes.HasPrefix(l.disk.Bytes("b"), l.image),
			"%s: a slot that may boot holds the firmware in full: %+v",
			when,
			state,
		)
	}
}

// With two copies of the boot record, or one in one sector, the device boots a firmware in full
// after a power cut in any act, and the new one in the end.
func TestPowerCutAnywhere(t *testing.T) {
	for copies := 1; copies <= 2; copies++ {
		t.Run(fmt.Sprint(copies, " copies"), func(t *testing.T) {
			calm := newLife(t, 0, copies)
			before := calm.disk.Acts()
			require.NoError(t, calm.live())
			acts := calm.disk.Acts() - before
			require.Greater(t, acts, 15)
			for cut := range acts {
				for seed := range uint64(12) {
					l := newLife(t, seed, copies)
					l.disk.CutAfter(cut)
					require.ErrorIs(t, l.live(), firmwaretest.ErrPowerCut)
					l.consistent(fmt.Sprintf("seed %d, act %d", seed, cut))
					l.end()
				}
			}
		})
	}
}

// The power fails several times in a row.
func TestPowerCutsInARow(t *testing.T) {
	for seed := range uint64(300) {
		l := newLife(t, seed, 2)
		rng := rand.New(rand.NewPCG(seed, 7))
		for range 8 {
			l.disk.CutAfter(rng.IntN(20))
			if err := l.live(); err != nil {
				require.ErrorIs(t, err, firmwaretest.ErrPowerCut)
			}
			l.consistent(fmt.Sprint("seed ", seed))
		}
		l.end()
	}
}

func (l *life) end() {
	require.NoError(l.t, l.live())
	state, err := open(l.t, l.cfg).State(l.t.Context())
	require.NoError(l.t, err)
	require.Equal(l.t, "b", state.Active)
	require.True(l.t, state.Validated)
	require.Equal(l.t, l.next.Meta, state.Meta)
	require.True(l.t, bytes.HasPrefix(l.disk.Bytes("b"), l.image))
}

// Begin reports a medium that does not keep the boot record.
func TestWornOutMedium(t *testing.T) {
	cfg, disk := onDisk(1, 2)
	require.NoError(t, slotdev.Create(cfg, factory, nil))
	cfg.Storage = worn{disk}
	_, err := open(t, cfg).Begin(t.Context(), firmware.Target{UUID: "2"})
	require.ErrorContains(t, err, "the medium is failing")
	cfg.Storage = disk
	state, err := open(t, cfg).State(t.Context())
	require.NoError(t, err)
	require.Equal(t, factory, state.Meta, "the other copy still counts")
}

// worn is a disk that drops what is written to the boot record.
type worn struct{ *firmwaretest.Disk }

func (w worn) Open(path string, write bool) (slotdev.File, error) {
	f, err := w.Disk.Open(path, write)
	return deaf{f}, err
}

type deaf struct{ slotdev.File }

func (deaf) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
