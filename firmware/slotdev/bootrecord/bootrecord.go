package bootrecord

import (
	"errors"
	"fmt"
)

var (
	// ErrNone means that no copy of the boot record is consistent: it was never written, it is
	// elsewhere, or it was destroyed.
	ErrNone = errors.New("no copy of the boot record is consistent: check path, offset and size, " +
		"or write it anew, for a U-Boot environment with fw_setenv")
	// ErrEntry means that a boot record cannot hold a key or a value.
	ErrEntry = errors.New("the boot record cannot hold this entry")
)

// FullError means that the entries do not fit into the boot record.
type FullError struct {
	Need, Size int // bytes
}

// Error implements error.
func (e *FullError) Error() string {
	return fmt.Sprintf("the boot record takes %d bytes, its entries need %d", e.Size, e.Need)
}

// Store is where a boot loader keeps its record. One goroutine at a time uses a Store and the
// records that it loaded.
type Store interface {
	// Load reads the record from its medium, whatever was loaded before. It fails with ErrNone when
	// no copy is consistent.
	Load() (Record, error)
	// Create returns an empty record to fill and save. It makes the files of the record that are
	// missing, and fails with fs.ErrExist when there is a consistent record.
	Create() (Record, error)
	// Copies returns 2 when Save never touches the newest copy, so that a power cut at any moment
	// leaves the old record or the new one. It returns 1 when that holds only as long as the bytes
	// that Save changes lie in one sector of the medium.
	Copies() int
	// Paths returns the files and devices that the record lies on. None of them may be a slot.
	Paths() []string
}

// Record is a boot record as it was loaded, to change and to save. Records are independent: a
// change shows in one of them until it is saved.
type Record interface {
	// Get returns the value of key, and whether the record has the key.
	Get(key string) (value string, ok bool)
	// Put sets key to value; the empty value removes key. It fails with ErrEntry, and then changes
	// nothing.
	Put(key, value string) error
	// Keys returns each key that begins with prefix once.
	Keys(prefix string) []string
	// Fits reports whether Save has room for the entries. It fails with *FullError.
	Fits() error
	// Save replaces the record on the medium, unless nothing was changed since Load. The new record
	// survives a power loss from the moment that Save returns; a power loss before leaves the old one
	// or the new one. Save fails with *FullError before it writes. Entries that were not changed stay
	// as they are, also those of other programs. A record is saved once; Load returns the next one.
	Save() error
}
