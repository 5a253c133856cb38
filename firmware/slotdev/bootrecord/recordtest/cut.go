package recordtest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hublink-go/hublink/firmware/slotdev/bootrecord"
)

// cutSaves loses the power in each act of a save, in a record that was saved before 0 to 2 times.
func cutSaves(t *testing.T, fresh func(t *testing.T, seed uint64) Rig) {
	for saves := range 3 {
		for act := 0; ; act++ {
			cut := 0
			for seed := range uint64(cuts) {
				r := start(t, fresh(t, seed))
				if cutSave(r, saves, act, fmt.Sprintf("save %d, act %d, seed %d", saves, act, seed)) {
					cut++
				}
			}
			if cut == 0 {
				if act == 0 {
					t.Fatal("a save needs acts that can lose the power")
				}
				break
			}
		}
	}
}

// cutSave reports whether the save had an act of that number.
func cutSave(r *rig, saves, act int, when string) bool {
	r.t.Helper()
	r.make("who", "old", "long", "")
	for i := range saves {
		r.change(fmt.Sprint("old", i))
	}
	before := content(r.load())
	rec := r.load()
	fill(r, rec, "new")
	after := content(rec)

	r.Power.CutAfter(act)
	err := rec.Save()
	r.Power.Restore()
	r.store = r.Open()
	got := content(r.load())
	if err == nil {
		r.check(got == after, "%s: a save that returned does not survive: %q", when, got)
	} else {
		r.check(got == before || got == after, "%s: %q is neither old nor new", when, got)
	}
	r.change("later")
	r.check(strings.Contains(content(r.load()), "who=later;"), "%s: no later save counts", when)
	return err != nil
}

// change saves the record with other entries.
func (r *rig) change(who string) {
	r.t.Helper()
	rec := r.load()
	fill(r, rec, who)
	r.no(rec.Save(), "save")
	r.store = r.Open()
}

// fill changes a record in several places. With two copies its entries need several sectors.
func fill(r *rig, rec bootrecord.Record, who string) {
	r.t.Helper()
	if r.store.Copies() == 2 {
		r.put(rec, "long", strings.Repeat(who+" ", 200))
	}
	r.put(rec, "who", who, who, "1")
}

// cutCreation loses the power in each act of the first save and of what Create does before.
func cutCreation(t *testing.T, fresh func(t *testing.T, seed uint64) Rig) {
	for act := 0; ; act++ {
		cut := 0
		for seed := range uint64(cuts) {
			r := start(t, fresh(t, seed))
			when := fmt.Sprintf("act %d, seed %d", act, seed)
			r.Power.CutAfter(act)
			rec, err := r.store.Create()
			if err == nil {
				r.put(rec, "who", "new")
				err = rec.Save()
			}
			r.Power.Restore()
			r.store = r.Open()
			if err != nil {
				cut++
			}
			switch again, failed := r.store.Load(); {
			case failed == nil:
				r.check(content(again) == "who=new;", "%s: %q is not new", when, content(again))
			case err != nil && errors.Is(failed, bootrecord.ErrNone):
				r.make("who", "new")
			default:
				t.Fatalf("%s: load: %v", when, failed)
			}
			r.expect("who=new;")
		}
		if cut == 0 {
			return
		}
	}
}
