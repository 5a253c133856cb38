package recordtest

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/hublink-go/hublink/firmware/slotdev/bootrecord"
)

// ErrPowerCut is what a Memory fails with while its power is off.
var ErrPowerCut = errors.New("the power is off")

// Memory is a boot record in memory, in two versions and a mark that says which one counts. A save
// is two acts: it writes the version that does not count, then it moves the mark.
type Memory struct {
	size int // bytes

	mu       sync.Mutex
	rng      *rand.Rand
	versions [2]map[string]string
	mark     int // the version that counts; negative: none
	acts     int
	cut      int // the act that loses the power; negative: none
	off      bool
}

var (
	_ bootrecord.Store = (*Memory)(nil)
	_ Power            = (*Memory)(nil)
)

// NewMemory makes a Memory without a record, with room for size bytes. The seed decides whether an
// act that loses the power happened.
func NewMemory(seed uint64, size int) *Memory {
	return &Memory{size: size, rng: rand.New(rand.NewPCG(seed, 0)), mark: -1, cut: -1}
}

// Copies implements bootrecord.Store.
func (m *Memory) Copies() int { return 2 }

// Paths implements bootrecord.Store. A Memory lies on no file.
func (m *Memory) Paths() []string { return nil }

// Load implements bootrecord.Store.
func (m *Memory) Load() (bootrecord.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.off:
		return nil, ErrPowerCut
	case m.mark < 0:
		return nil, bootrecord.ErrNone
	}
	loaded := m.versions[m.mark]
	return &memoryRecord{memory: m, loaded: loaded, entries: maps.Clone(loaded)}, nil
}

// Create implements bootrecord.Store.
func (m *Memory) Create() (bootrecord.Record, error) {
	switch _, err := m.Load(); {
	case err == nil:
		return nil, fmt.Errorf("%w: there is a boot record", fs.ErrExist)
	case !errors.Is(err, bootrecord.ErrNone):
		return nil, err
	}
	return &memoryRecord{memory: m, entries: map[string]string{}}, nil
}

// Acts implements Power.
func (m *Memory) Acts() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.acts
}

// CutAfter implements Power.
func (m *Memory) CutAfter(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cut = m.acts + n
}

// Restore implements Power.
func (m *Memory) Restore() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.off, m.cut = false, -1
}

// act does one act, unless the power is off. The act that loses the power happens or not.
func (m *Memory) act(do func()) error {
	switch {
	case m.off:
		return ErrPowerCut
	case m.acts == m.cut:
		m.off = true
		if m.rng.IntN(2) == 0 {
			do()
		}
		return ErrPowerCut
	}
	m.acts++
	do()
	return nil
}

func (m *Memory) save(entries map[string]string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := 0
	if m.mark == 0 {
		next = 1
	}
	if err := m.act(func() { m.versions[next] = maps.Clone(entries) }); err != nil {
		return err
	}
	return m.act(func() { m.mark = next })
}

// memoryRecord is a record that a Memory loaded.
type memoryRecord struct {
	memory          *Memory
	entries, loaded map[string]string
}

func (r *memoryRecord) Get(key string) (string, bool) {
	value, ok := r.entries[key]
	return value, ok
}

func (r *memoryRecord) Put(key, value string) error {
	if key == "" || strings.ContainsAny(key, "=\x00") || strings.ContainsRune(value, 0) {
		return fmt.Errorf("key %.64q: %w", key, bootrecord.ErrEntry)
	}
	if value == "" {
		delete(r.entries, key)
		return nil
	}
	r.entries[key] = value
	return nil
}

func (r *memoryRecord) Keys(prefix string) []string {
	keys := slices.Sorted(maps.Keys(r.entries))
	return slices.DeleteFunc(keys, func(key string) bool { return !strings.HasPrefix(key, prefix) })
}

func (r *memoryRecord) Fits() error {
	need := 0
	for key, value := range r.entries {
		need += len(key) + len("=") + len(value) + len("\n")
	}
	if need > r.memory.size {
		return &bootrecord.FullError{Need: need, Size: r.memory.size}
	}
	return nil
}

func (r *memoryRecord) Save() error {
	if r.loaded != nil && maps.Equal(r.entries, r.loaded) {
		return nil
	}
	if err := r.Fits(); err != nil {
		return err
	}
	return r.memory.save(r.entries)
}
