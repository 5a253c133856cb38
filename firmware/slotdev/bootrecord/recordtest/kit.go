package recordtest

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/hublink-go/hublink/firmware/slotdev/bootrecord"
)

// Power is the medium of a boot record, which can lose its power. firmwaretest.Disk is one.
type Power interface {
	Acts() int      // how many acts there were
	CutAfter(n int) // n more acts happen, the next one loses the power
	Restore()       // gives the power back; without a loss before it is one now
}

// Rig is a medium without a boot record. With one copy, the medium has to keep the record in one
// sector.
type Rig struct {
	Open  func() bootrecord.Store // as a process that starts does
	Power Power
}

// cuts is how many seeds each act loses its power with.
const cuts = 12

// Test checks the contract of bootrecord.Store. fresh makes a new Rig; seed decides what survives a
// loss of power.
func Test(t *testing.T, fresh func(t *testing.T, seed uint64) Rig) {
	for _, rule := range []struct {
		name string
		do   func(r *rig)
	}{
		{"a medium without a record has none", empty},
		{"a record is created once", create},
		{"the empty value removes a key", remove},
		{"a record refuses entries that would look like others", entries},
		{"Keys returns each key with the prefix once", keys},
		{"changes that are not saved are lost", unsaved},
		{"two loaded records are changed apart", apart},
		{"a saved record survives a loss of power", saved},
		{"each of many saves counts", many},
		{"Save writes nothing when nothing was changed", unchanged},
		{"a full record is refused before it is written", full},
	} {
		t.Run(rule.name, func(t *testing.T) { rule.do(start(t, fresh(t, 1))) })
	}
	t.Run("a power cut in a save leaves the old record or the new one", func(t *testing.T) {
		cutSaves(t, fresh)
	})
	t.Run("a power cut in the creation leaves no record or the new one", func(t *testing.T) {
		cutCreation(t, fresh)
	})
}

// rig is a Rig in one test.
type rig struct {
	Rig
	t     *testing.T
	store bootrecord.Store
}

func start(t *testing.T, r Rig) *rig { return &rig{Rig: r, t: t, store: r.Open()} }

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

// load loads the record.
func (r *rig) load() bootrecord.Record {
	r.t.Helper()
	rec, err := r.store.Load()
	r.no(err, "load")
	return rec
}

// make creates a record with pairs of key and value.
func (r *rig) make(pairs ...string) {
	r.t.Helper()
	rec, err := r.store.Create()
	r.no(err, "create")
	r.put(rec, pairs...)
	r.no(rec.Save(), "save")
}

func (r *rig) put(rec bootrecord.Record, pairs ...string) {
	r.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		r.no(rec.Put(pairs[i], pairs[i+1]), "put "+pairs[i])
	}
}

// content is a record as text.
func content(rec bootrecord.Record) string {
	var b strings.Builder
	for _, k := range slices.Sorted(slices.Values(rec.Keys(""))) {
		v, _ := rec.Get(k)
		fmt.Fprintf(&b, "%s=%s;", k, v)
	}
	return b.String()
}

// expect checks the record that a new process loads.
func (r *rig) expect(want string) {
	r.t.Helper()
	r.store = r.Open()
	got := content(r.load())
	r.check(got == want, "the record is %q, not %q", got, want)
}

func empty(r *rig) {
	_, err := r.store.Load()
	r.check(errors.Is(err, bootrecord.ErrNone), "load: %v", err)
	n := r.store.Copies()
	r.check(n == 1 || n == 2, "it has %d copies", n)
	r.check(!slices.Contains(r.store.Paths(), ""), "it has a path that is empty")
}

func create(r *rig) {
	r.make("nerves_fw_active", "a")
	_, err := r.store.Create()
	r.check(errors.Is(err, fs.ErrExist), "create again: %v", err)
	r.expect("nerves_fw_active=a;")
}

func remove(r *rig) {
	r.make("a", "1", "b", "2", "c", "3")
	rec := r.load()
	r.put(rec, "a", "", "b", "", "never", "")
	_, ok := rec.Get("a")
	r.check(!ok, "the empty value is no value")
	r.no(rec.Save(), "save")
	r.expect("c=3;")
}

func entries(r *rig) {
	r.make("a", "1")
	rec := r.load()
	for _, pair := range [][2]string{
		{"", "x"},
		{"a=b", "x"},
		{"a\x00b", "x"},
		{"a", "x\x00b=1"},
	} {
		err := rec.Put(pair[0], pair[1])
		r.check(errors.Is(err, bootrecord.ErrEntry), "put %q: %v", pair, err)
	}
	r.check(content(rec) == "a=1;", "an entry that is refused changes nothing: %s", content(rec))
	r.put(rec, "a", `a value = with "signs", spaces and äöü`)
	r.no(rec.Save(), "save")
	r.expect(`a=a value = with "signs", spaces and äöü;`)
}

func keys(r *rig) {
	r.make("a.x", "1", "ab", "2", "a.y", "3", "b.x", "4")
	got := slices.Sorted(slices.Values(r.load().Keys("a.")))
	r.check(slices.Equal(got, []string{"a.x", "a.y"}), "keys with the prefix a.: %q", got)
}

func unsaved(r *rig) {
	r.make("a", "1")
	r.put(r.load(), "a", "2")
	r.expect("a=1;")
}

func apart(r *rig) {
	r.make("a", "1")
	rec, second := r.load(), r.load()
	r.put(rec, "b", "2")
	r.put(second, "a", "3")
	r.check(content(rec) == "a=1;b=2;", "the first record is %s", content(rec))
	r.check(content(second) == "a=3;", "the second record is %s", content(second))
	r.no(rec.Save(), "save")
	r.expect("a=1;b=2;")
}

func saved(r *rig) {
	r.make("a", "1")
	rec := r.load()
	r.put(rec, "a", "2")
	r.no(rec.Save(), "save")
	r.Power.Restore()
	r.expect("a=2;")
}

func many(r *rig) {
	r.make("turn", "0")
	for i := 1; i <= 600; i++ { // twice around a counter of one byte
		rec := r.load()
		r.put(rec, "turn", fmt.Sprint(i))
		r.no(rec.Save(), "save")
		r.expect(fmt.Sprintf("turn=%d;", i))
	}
}

func unchanged(r *rig) {
	r.make("a", "1")
	before := r.Power.Acts()
	rec := r.load()
	r.put(rec, "a", "2", "a", "1", "b", "1", "b", "")
	r.no(rec.Save(), "save")
	r.check(r.Power.Acts() == before, "it wrote")
}

func full(r *rig) {
	r.make("a", "1")
	rec := r.load()
	r.no(rec.Fits(), "fits")
	r.put(rec, "a", strings.Repeat("x", 2<<20))
	before := r.Power.Acts()
	for what, err := range map[string]error{"fits": rec.Fits(), "save": rec.Save()} {
		var full *bootrecord.FullError
		r.check(errors.As(err, &full), "%s: %v", what, err)
		r.check(full.Need > full.Size && full.Size > 0, "%s: %v", what, err)
	}
	r.check(r.Power.Acts() == before, "it wrote")
	r.expect("a=1;")
}
