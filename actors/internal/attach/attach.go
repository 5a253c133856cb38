// Package attach keeps which extensions the hub has attached, and numbers the attaches.
//
// An extension starts in the background. When the hub detaches it meanwhile, or detaches and
// attaches it again, the end of an older start must not count: [Table.Started] compares its number
// with that of the newest attach.
//
// The package is a core: it reads no clock and does no I/O. A [Table] searches its entries one by
// one, because a device has a handful of extensions.
package attach

import "slices"

// Table keeps the state of each extension of a device.
type Table struct {
	entries []entry
	number  uint64 // of the newest attach
}

type entry struct {
	name     string
	version  string // agreed at the last join; empty: none
	number   uint64 // of the newest attach; 0: none
	attached bool
	hung     bool // the hub was told so, and not yet that the extension is back
}

// New returns a table of the extensions names, none of them attached.
func New(names []string) Table {
	t := Table{entries: make([]entry, len(names))}
	for i, name := range names {
		t.entries[i].name = name
	}
	return t
}

func (t *Table) find(name string) *entry {
	for i := range t.entries {
		if t.entries[i].name == name {
			return &t.entries[i]
		}
	}
	return nil
}

// Agree sets the version of each extension; one that versions does not name has none.
func (t *Table) Agree(versions map[string]string) {
	for i := range t.entries {
		t.entries[i].version = versions[t.entries[i].name]
	}
}

// Version returns the version agreed for name, "" for none.
func (t *Table) Version(name string) string {
	if e := t.find(name); e != nil {
		return e.version
	}
	return ""
}

// Attach marks name as attached and returns the number of this attach; ok is false for an extension
// that the device does not have.
func (t *Table) Attach(name string) (number uint64, ok bool) {
	e := t.find(name)
	if e == nil {
		return 0, false
	}
	t.number++
	e.attached, e.number = true, t.number
	return t.number, true
}

// Started reports whether the start of the attach number is still wanted: name is attached, and by
// that attach.
func (t *Table) Started(name string, number uint64) bool {
	e := t.find(name)
	return e != nil && e.attached && e.number == number
}

// Detach marks name as not attached and reports whether it was attached.
func (t *Table) Detach(name string) bool {
	e := t.find(name)
	if e == nil || !e.attached {
		return false
	}
	e.attached, e.hung = false, false
	return true
}

// Hang marks name as hanging, which the hub is told; it reports false for one that is not attached.
func (t *Table) Hang(name string) bool {
	e := t.find(name)
	if e == nil || !e.attached {
		return false
	}
	e.hung = true
	return true
}

// Recover clears the mark of Hang and reports whether it was set: the hub must hear that name is
// attached again.
func (t *Table) Recover(name string) bool {
	e := t.find(name)
	if e == nil || !e.hung {
		return false
	}
	e.hung = false
	return true
}

// Attached reports whether name is attached.
func (t *Table) Attached(name string) bool {
	e := t.find(name)
	return e != nil && e.attached
}

// Names returns the attached extensions in alphabetical order, nil for none.
func (t *Table) Names() (names []string) {
	for i := range t.entries {
		if t.entries[i].attached {
			names = append(names, t.entries[i].name)
		}
	}
	slices.Sort(names)
	return names
}

// Except returns the extensions of the device, attached or not, that wanted does not name: those
// to stop when a join brings the list of the wanted ones. An extension that is not attached may
// still run, started for an earlier incarnation of the channel.
func (t *Table) Except(wanted []string) (names []string) {
	for i := range t.entries {
		if name := t.entries[i].name; !slices.Contains(wanted, name) {
			names = append(names, name)
		}
	}
	return names
}
