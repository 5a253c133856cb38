package ubootenv

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrEntry means that an environment cannot hold a key or a value.
var ErrEntry = errors.New("not possible in a U-Boot environment")

// Env is an environment. The zero value is an empty one.
type Env struct {
	entries []string // "key=value", in the order of the environment
}

// Get returns the value of key, and whether key is set. The last one of several entries counts, as
// in U-Boot.
func (e *Env) Get(key string) (string, bool) {
	for _, entry := range slices.Backward(e.entries) {
		if k, v, ok := strings.Cut(entry, "="); ok && k == key {
			return v, true
		}
	}
	return "", false
}

// Set sets key to value; the empty value removes key, as in U-Boot. It fails with ErrEntry.
func (e *Env) Set(key, value string) error {
	if key == "" || strings.ContainsAny(key, "=\x00") || strings.ContainsRune(value, 0) {
		return fmt.Errorf("key %.64q: %w: the key is empty or has a '=', or a NUL is in key or value",
			key, ErrEntry)
	}
	if value == "" {
		e.Delete(key)
		return nil
	}
	at := slices.IndexFunc(e.entries, named(key))
	if at < 0 {
		e.entries = append(e.entries, key+"="+value)
		return nil
	}
	e.entries[at] = key + "=" + value
	rest := slices.DeleteFunc(e.entries[at+1:], named(key))
	e.entries = e.entries[:at+1+len(rest)]
	return nil
}

// Delete removes key.
func (e *Env) Delete(key string) { e.entries = slices.DeleteFunc(e.entries, named(key)) }

func named(key string) func(string) bool {
	return func(entry string) bool {
		k, _, ok := strings.Cut(entry, "=")
		return ok && k == key
	}
}

// Clone returns a copy that is changed apart from e.
func (e *Env) Clone() *Env { return &Env{entries: slices.Clone(e.entries)} }

// Equal reports whether both have the same entries in the same order.
func (e *Env) Equal(other *Env) bool { return slices.Equal(e.entries, other.entries) }

// Keys returns each key that begins with prefix once, in the order of the environment.
func (e *Env) Keys(prefix string) []string {
	var keys []string
	seen := map[string]bool{}
	for _, entry := range e.entries {
		k, _, ok := strings.Cut(entry, "=")
		if ok && strings.HasPrefix(k, prefix) && !seen[k] {
			seen[k] = true
			keys = append(keys, k)
		}
	}
	return keys
}
