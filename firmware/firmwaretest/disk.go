package firmwaretest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
)

// ErrPowerCut is the error of every call while the power is off.
var ErrPowerCut = errors.New("the power is off")

// sector is how many bytes a disk writes at once.
const sector = 512

// Disk is a disk in memory. Reads see every write, as through a page cache; a loss of power leaves
// what was synced, and of the rest some sectors.
type Disk struct {
	mu    sync.Mutex
	rng   *rand.Rand
	files map[string]*stored
	free  int64 // bytes for new or longer files
	acts  int
	cut   int  // the act in which the power goes; negative: it does not
	kill  bool // it is the process that ends in that act, and nothing is lost
	off   bool
	life  int // of the process; files that were opened in an earlier one are dead
}

// stored is a file.
type stored struct {
	data, synced []byte
	dirty        []dirty
	claimed      bool
	writable     int // how often it was opened for writing
}

// dirty is a write that was not synced.
type dirty struct {
	off  int
	data []byte
}

// File is an open file of a Disk. It is an alias, so that a Disk fits interfaces of packages that
// do not know this one.
type File = interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
	Size() (int64, error)
}

// NewDisk makes an empty disk with space for any number of bytes. The seed decides what survives a
// loss of power.
func NewDisk(seed uint64) *Disk {
	return &Disk{
		rng:   rand.New(rand.NewPCG(seed, 0)),
		files: map[string]*stored{},
		free:  1 << 60,
		cut:   -1,
	}
}

// Add makes a file of size bytes, or the same file known by another path: Add("b", 0, "a").
func (d *Disk) Add(path string, size int64, sameAs ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(sameAs) > 0 {
		d.files[path] = d.files[sameAs[0]]
		return
	}
	d.files[path] = &stored{data: make([]byte, size), synced: make([]byte, size)}
}

// SetFree leaves space for n bytes in new or longer files.
func (d *Disk) SetFree(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.free = n
}

// CutAfter lets n more acts happen and takes the power away in the next one. An act is a write, a
// sync, or making a file longer.
func (d *Disk) CutAfter(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut, d.kill = d.acts+n, false
}

// KillAfter is CutAfter for a process that is killed: what it wrote is kept.
func (d *Disk) KillAfter(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut, d.kill = d.acts+n, true
}

// Acts returns how many acts there were.
func (d *Disk) Acts() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.acts
}

// Restore gives the power back, after a loss of power now if there was none. Open files are dead
// afterwards.
func (d *Disk) Restore() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.off || d.kill {
		d.lose()
	}
	d.revive()
}

// Respawn is a new start of a process that was killed. Open files are dead afterwards.
func (d *Disk) Respawn() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.files {
		f.claimed = false
	}
	d.revive()
}

func (d *Disk) revive() {
	d.off, d.kill, d.cut = false, false, -1
	d.life++
}

// Bytes returns what a file holds; nil means that there is none.
func (d *Disk) Bytes(path string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.files[path]; f != nil {
		return slices.Clone(f.data)
	}
	return nil
}

// first returns the first n bytes of a file; fewer if it has fewer.
func (d *Disk) first(path string, n int) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	data := d.files[path].data
	return slices.Clone(data[:min(n, len(data))])
}

// Writable returns how often a file was opened for writing.
func (d *Disk) Writable(path string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.files[path].writable
}

// lose forgets what was not synced: of each such write all sectors, none, or some survive.
func (d *Disk) lose() {
	done := map[*stored]bool{}
	for _, path := range slices.Sorted(keys(d.files)) {
		f := d.files[path]
		if done[f] {
			continue
		}
		done[f] = true
		for _, w := range f.dirty {
			luck := d.rng.IntN(4) // 0: nothing of it, 1: all of it
			for from := w.off; from < w.off+len(w.data); {
				to := min((from/sector+1)*sector, w.off+len(w.data))
				if luck == 1 || luck > 1 && d.rng.IntN(2) == 0 {
					copy(f.synced[from:to], w.data[from-w.off:])
				}
				from = to
			}
		}
		f.dirty, f.claimed = nil, false
		copy(f.data, f.synced)
	}
	d.off = true
}

func keys(m map[string]*stored) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// act counts an act. In the one that the power goes in, what it did is in doubt like all that was
// not synced.
func (d *Disk) act() error {
	if d.off {
		return ErrPowerCut
	}
	if d.acts == d.cut {
		if d.off = true; !d.kill {
			d.lose()
		}
		return ErrPowerCut
	}
	d.acts++
	return nil
}

// step is an act of the device that does not concern the disk: the power may go in it too.
func (d *Disk) step() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.act()
}

// dead reports whether the power is off.
func (d *Disk) dead() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.off
}

// Open opens a file. It fails with fs.ErrNotExist.
func (d *Disk) Open(path string, write bool) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[path]
	switch {
	case d.off:
		return nil, ErrPowerCut
	case f == nil:
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	case write:
		f.writable++
	}
	return &handle{disk: d, file: f, life: d.life, path: path, write: write}, nil
}

// Claim opens a file for one writer, and makes it size bytes long when it is missing or shorter.
func (d *Disk) Claim(path string, size int64) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return nil, ErrPowerCut
	}
	f := d.files[path]
	if f == nil && size <= 0 {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	if f == nil {
		f = &stored{}
	}
	if f.claimed {
		return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.EBUSY}
	}
	if more := size - int64(len(f.data)); more > 0 {
		if more > d.free {
			return nil, fmt.Errorf("reserve %d bytes for %s: %w", size, path, syscall.ENOSPC)
		}
		if err := d.act(); err != nil {
			return nil, err
		}
		d.free -= more
		f.data = append(f.data, make([]byte, more)...)
		f.synced = append(f.synced, make([]byte, more)...)
	}
	d.files[path] = f
	f.claimed = true
	f.writable++
	return &handle{disk: d, file: f, life: d.life, path: path, write: true, claim: true}, nil
}

// Same reports whether two paths are the same file. It fails with fs.ErrNotExist.
func (d *Disk) Same(a, b string) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, path := range [...]string{a, b} {
		if d.files[path] == nil {
			return false, &fs.PathError{Op: "stat", Path: path, Err: fs.ErrNotExist}
		}
	}
	return d.files[a] == d.files[b], nil
}
