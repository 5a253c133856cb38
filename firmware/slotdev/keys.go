package slotdev

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/slotdev/bootrecord"
)

// Keys of the boot record. Those of a slot have its name and a dot before them.
const (
	keyActive    = "nerves_fw_active"
	keyValidated = "nerves_fw_validated"
	keyUpgrade   = "upgrade_available" // 1: the active slot is on trial
	keyCount     = "bootcount"
	keyLimit     = "bootlimit"
	keyStaged    = "hublink_staged"
	// "<running slot> <boot ID>", while the other slot is the next to boot; with markPinned if that
	// is, or will be, by another program
	keyPending = "hublink_pending"
	markPinned = " pinned"

	metaPrefix = "nerves_fw_"
	// of the slot's data partition, which is no part of the description of a firmware
	partPrefix   = "application_part"
	defaultLimit = 3
)

// view is the meaning of a boot record.
type view struct {
	record  bootrecord.Record
	running string // slot
	next    string // slot
	pinned  bool   // another program has made next the next slot
}

// look reads record in the boot that bootID names.
func look(record bootrecord.Record, bootID string) (view, error) {
	active, _ := record.Get(keyActive)
	if active != "a" && active != "b" {
		return view{}, fmt.Errorf("the boot record has %s=%.16q: it has to be a or b", keyActive, active)
	}
	v := view{record: record, running: active, next: active}
	pending, _ := record.Get(keyPending)
	pending, pinned := strings.CutSuffix(pending, markPinned)
	if slot, id, ok := strings.Cut(pending, " "); ok && id == bootID && slot == other(active) {
		v.running, v.pinned = slot, pinned
	}
	return v, nil
}

func other(slot string) string {
	if slot == "a" {
		return "b"
	}
	return "a"
}

// pending reports whether the next boot is of the slot that does not run.
func (v view) pending() bool { return v.running != v.next }

// validated reports whether slot is committed. The keys without a slot are about the next slot.
func (v view) validated(slot string) bool {
	if slot == v.next {
		switch s, _ := v.record.Get(keyUpgrade); s {
		case "0":
			return true
		case "1":
			return false
		}
	}
	s, ok := v.record.Get(slot + "." + keyValidated)
	if !ok && slot == v.next {
		s, _ = v.record.Get(keyValidated)
	}
	return s != "0"
}

// failed reports whether slot holds a firmware that was, or is, on trial and is not committed.
func (v view) failed(slot string) bool {
	s, _ := v.record.Get(slot + "." + keyValidated)
	return s == "0"
}

// describes reports whether key, without prefix, describes a firmware.
func describes(key string) bool { return key != "validated" && !strings.HasPrefix(key, partPrefix) }

// meta returns the description of slot, or nil when slot is undescribed.
func (v view) meta(slot string) firmware.Metadata {
	m := firmware.Metadata{}
	prefix := slot + "." + metaPrefix
	for _, k := range v.record.Keys(prefix) {
		if name := strings.TrimPrefix(k, prefix); name != "validated" {
			m[name], _ = v.record.Get(k)
		}
	}
	if m["uuid"] == "" {
		return nil
	}
	return m
}

// undescribe removes the description of slot.
func undescribe(record bootrecord.Record, slot string) {
	prefix := slot + "." + metaPrefix
	for _, k := range record.Keys(prefix) {
		if !strings.HasPrefix(k, prefix+partPrefix) {
			put(record, k, "")
		}
	}
}

// describe replaces the description of slot by that of target. It fails when the boot record cannot
// hold a key or a value.
func describe(record bootrecord.Record, slot string, target firmware.Target) error {
	if target.UUID == "" {
		return errors.New("the firmware has no uuid: a slot without one counts as empty")
	}
	undescribe(record, slot)
	for _, k := range slices.Sorted(maps.Keys(target.Meta)) {
		if !describes(k) || k == "uuid" {
			continue
		}
		if k == "" || strings.IndexFunc(k, func(r rune) bool { return !wordRune(r) }) >= 0 {
			return fmt.Errorf("metadata key %.64q: it may have letters, digits, '_', '-' and '.'", k)
		}
		if err := record.Put(slot+"."+metaPrefix+k, oneLine(target.Meta[k])); err != nil {
			return fmt.Errorf("metadata: %w", err)
		}
	}
	return record.Put(slot+"."+metaPrefix+"uuid", oneLine(target.UUID))
}

func wordRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
		strings.ContainsRune("_-.", r)
}

// oneLine replaces line breaks by spaces, so that a value cannot look like further entries in the
// output of fw_printenv.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, s)
}

// put sets pairs of key and value that every boot record can hold: constants, slots and numbers.
// The empty value removes a key.
func put(record bootrecord.Record, pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		_ = record.Put(pairs[i], pairs[i+1])
	}
}

// activate makes slot the next to boot, in the boot that bootID names.
func (v view) activate(slot, bootID string, trial bool) {
	put(v.record, keyActive, slot, keyCount, "0")
	if trial {
		put(v.record, keyUpgrade, "1", keyValidated, "0", slot+"."+keyValidated, "0")
	} else {
		put(v.record, keyUpgrade, "0", keyValidated, "1")
	}
	put(v.record, keyPending, "")
	if slot != v.running {
		put(v.record, keyPending, v.running+" "+bootID)
	}
	if _, ok := v.record.Get(keyLimit); !ok {
		put(v.record, keyLimit, strconv.Itoa(defaultLimit))
	}
}

// staged is the firmware that fills the slot that does not run.
type staged struct {
	slot   string
	ready  bool // Finish was called
	target firmware.Target
}

// is reports whether slot holds bytes of target.
func (s staged) is(slot string, target firmware.Target) bool {
	return s.slot == slot && s.target.UUID == target.UUID && s.target.Size == target.Size &&
		s.target.Checksum == target.Checksum
}

func (s staged) put(record bootrecord.Record) error {
	state := "open"
	if s.ready {
		state = "ready"
	}
	return record.Put(keyStaged, fmt.Sprintf("%s %s %d %q %q",
		s.slot, state, s.target.Size, s.target.Checksum, s.target.UUID))
}

// getStaged reads what put wrote. It returns the zero value for anything else.
func getStaged(record bootrecord.Record) staged {
	var s staged
	var state string
	text, _ := record.Get(keyStaged)
	n, err := fmt.Sscanf(text, "%1s %5s %d %q %q",
		&s.slot, &state, &s.target.Size, &s.target.Checksum, &s.target.UUID)
	if n != 5 || err != nil {
		return staged{}
	}
	s.ready = state == "ready"
	return s
}
