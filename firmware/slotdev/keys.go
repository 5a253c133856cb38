package slotdev

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/slotdev/internal/ubootenv"
)

// Keys of the boot record. Those of a slot have its name and a dot before them.
const (
	keyActive    = "nerves_fw_active"
	keyValidated = "nerves_fw_validated"
	keyUpgrade   = "upgrade_available" // 1: the active slot is on trial
	keyCount     = "bootcount"
	keyLimit     = "bootlimit"
	keyStaged    = "hublink_staged"
	// "<running slot> <boot ID>", while another slot is the next to boot
	keyPending = "hublink_pending"

	metaPrefix = "nerves_fw_"
	// of the slot's data partition: no part of a firmware's description
	partPrefix   = "application_part"
	defaultLimit = 3
)

// view is what the boot record means.
type view struct {
	env     *ubootenv.Env
	running string // slot
	next    string // slot
}

// look reads env in the boot that bootID names.
func look(env *ubootenv.Env, bootID string) (view, error) {
	active, _ := env.Get(keyActive)
	if active != "a" && active != "b" {
		return view{}, fmt.Errorf("the boot record has %s=%.16q: it has to be a or b", keyActive, active)
	}
	v := view{env: env, running: active, next: active}
	pending, _ := env.Get(keyPending)
	if slot, id, ok := strings.Cut(pending, " "); ok && id == bootID && slot == other(active) {
		v.running = slot
	}
	return v, nil
}

func other(slot string) string {
	if slot == "a" {
		return "b"
	}
	return "a"
}

// pending reports whether the next boot is of another slot.
func (v view) pending() bool { return v.running != v.next }

// validated reports whether slot is committed. What holds for both slots is about the next one.
func (v view) validated(slot string) bool {
	if slot == v.next {
		switch s, _ := v.env.Get(keyUpgrade); s {
		case "0":
			return true
		case "1":
			return false
		}
	}
	s, ok := v.env.Get(slot + "." + keyValidated)
	if !ok && slot == v.next {
		s, _ = v.env.Get(keyValidated)
	}
	return s != "0"
}

// failed reports whether slot holds a firmware that was, or is, on trial and is not committed.
func (v view) failed(slot string) bool {
	s, _ := v.env.Get(slot + "." + keyValidated)
	return s == "0"
}

// describes reports whether the key, without prefix, describes a firmware.
func describes(key string) bool { return key != "validated" && !strings.HasPrefix(key, partPrefix) }

// meta is the description of slot; nil when it is undescribed.
func (v view) meta(slot string) firmware.Metadata {
	m := firmware.Metadata{}
	prefix := slot + "." + metaPrefix
	for _, k := range v.env.Keys(prefix) {
		if name := strings.TrimPrefix(k, prefix); name != "validated" {
			m[name], _ = v.env.Get(k)
		}
	}
	if m["uuid"] == "" {
		return nil
	}
	return m
}

// undescribe removes the description of slot.
func undescribe(env *ubootenv.Env, slot string) {
	prefix := slot + "." + metaPrefix
	for _, k := range env.Keys(prefix) {
		if !strings.HasPrefix(k, prefix+partPrefix) {
			env.Delete(k)
		}
	}
}

// describe makes slot the place of target. It fails when a key or value cannot be written.
func describe(env *ubootenv.Env, slot string, target firmware.Target) error {
	if target.UUID == "" {
		return errors.New("the firmware has no uuid: a slot without one is taken for empty")
	}
	undescribe(env, slot)
	for _, k := range slices.Sorted(maps.Keys(target.Meta)) {
		if !describes(k) || k == "uuid" {
			continue
		}
		if k == "" || strings.IndexFunc(k, func(r rune) bool { return !wordRune(r) }) >= 0 {
			return fmt.Errorf("metadata key %.64q: it may have letters, digits, '_', '-' and '.'", k)
		}
		if err := env.Set(slot+"."+metaPrefix+k, oneLine(target.Meta[k])); err != nil {
			return fmt.Errorf("metadata: %w", err)
		}
	}
	return env.Set(slot+"."+metaPrefix+"uuid", oneLine(target.UUID))
}

func wordRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
		strings.ContainsRune("_-.", r)
}

// oneLine keeps a value from looking like more entries to those who read the output of fw_printenv.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, s)
}

// put sets keys to values that cannot fail: pairs of constants, slots and numbers.
func put(env *ubootenv.Env, pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		_ = env.Set(pairs[i], pairs[i+1])
	}
}

// activate makes slot the next to boot, in the boot that bootID names.
func (v view) activate(slot, bootID string, trial bool) {
	put(v.env, keyActive, slot, keyCount, "0")
	if trial {
		put(v.env, keyUpgrade, "1", keyValidated, "0", slot+"."+keyValidated, "0")
	} else {
		put(v.env, keyUpgrade, "0", keyValidated, "1")
	}
	v.env.Delete(keyPending)
	if slot != v.running {
		put(v.env, keyPending, v.running+" "+bootID)
	}
	if _, ok := v.env.Get(keyLimit); !ok {
		put(v.env, keyLimit, strconv.Itoa(defaultLimit))
	}
}

// staged is what the other slot is filled with.
type staged struct {
	slot   string
	ready  bool // Finish was called
	target firmware.Target
}

// is reports whether the slot holds bytes of target.
func (s staged) is(slot string, target firmware.Target) bool {
	return s.slot == slot && s.target.UUID == target.UUID && s.target.Size == target.Size &&
		s.target.Checksum == target.Checksum
}

func (s staged) put(env *ubootenv.Env) error {
	state := "open"
	if s.ready {
		state = "ready"
	}
	return env.Set(
		keyStaged,
		fmt.Sprintf("%s %s %d %q %q", s.slot, state, s.target.Size, s.target.Checksum, s.target.UUID),
	)
}

// getStaged reads what put has written; anything else is nothing.
func getStaged(env *ubootenv.Env) staged {
	var s staged
	var state string
	text, _ := env.Get(keyStaged)
	n, err := fmt.Sscanf(
		text,
		"%1s %5s %d %q %q",
		&s.slot,
		&state,
		&s.target.Size,
		&s.target.Checksum,
		&s.target.UUID,
	)
	if n != 5 || err != nil {
		return staged{}
	}
	s.ready = state == "ready"
	return s
}
