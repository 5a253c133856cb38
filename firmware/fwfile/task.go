package fwfile

import (
	"fmt"
	"strconv"
)

// maxCall is how many words a call may have, the function's name included, as in fwup.
const maxCall = 10

// Call is one call of a function or of a requirement: its name, then its arguments.
type Call []string

// Name returns the name of what is called.
func (c Call) Name() string { return c[0] }

// Args returns the arguments.
func (c Call) Args() []string { return c[1:] }

// Task is one way to apply an archive.
type Task struct {
	Name string
	// Requirements must all hold for the task to be applicable.
	Requirements []Call
	OnInit       []Call // before the first resource
	OnResource   []OnResource
	OnFinish     []Call // after the last resource; a task flips here
	OnError      []Call // after a failure
	// Unknown names what the task has and this package does not know, with an effect that it cannot
	// judge. A task that has any cannot be applied natively.
	Unknown []string
}

// OnResource is what a task does with one resource.
type OnResource struct {
	Resource string
	Calls    []Call
	Delta    DeltaSource
}

// DeltaSource is where the data lies that a delta of a resource builds on: a range of blocks, or
// a file of a FAT file system. The zero value means that the resource has no delta.
type DeltaSource struct {
	Raw     bool
	Offset  uint64 // in blocks of 512 bytes: of the range, or of the file system
	Count   uint64 // of blocks, for Raw
	Options string // of an encrypted range
	FATPath string // the file; empty: none
}

// Resource returns what the task does with a resource, or nil.
func (t *Task) Resource(name string) *OnResource {
	for i := range t.OnResource {
		if t.OnResource[i].Resource == name {
			return &t.OnResource[i]
		}
	}
	return nil
}

func parseTask(s *section) (Task, error) {
	t := Task{Name: s.title}
	var err error
	if t.Requirements, err = parseCalls(s.values["reqlist"]); err != nil {
		return t, fmt.Errorf("reqlist: %w", err)
	}
	if text := s.text("require-partition1-offset"); text != "" && text != "-1" {
		t.Requirements = append([]Call{{"require-partition-offset", "1", text}}, t.Requirements...)
	}
	for _, sub := range s.subs {
		calls, err := parseCalls(sub.values["funlist"])
		if err != nil {
			return t, fmt.Errorf("%s %.60q: %w", sub.kind, sub.title, err)
		}
		switch sub.kind {
		case "on-init":
			t.OnInit = calls
		case "on-finish":
			t.OnFinish = calls
		case "on-error":
			t.OnError = calls
		case "on-resource":
			delta, err := parseDelta(sub)
			if err != nil {
				return t, fmt.Errorf("on-resource %.60q: %w", sub.title, err)
			}
			t.OnResource = append(t.OnResource, OnResource{sub.title, calls, delta})
		default:
			t.Unknown = append(t.Unknown, sub.kind)
		}
	}
	return t, nil
}

// parseCalls splits a list of the form n, name, argument ..., n, name ... into calls.
func parseCalls(list []string) ([]Call, error) {
	var calls []Call
	for len(list) > 0 {
		n, err := strconv.ParseUint(list[0], 0, 16)
		if err != nil || n < 1 || n > maxCall || int(n) > len(list)-1 {
			return nil, fmt.Errorf("%.40q is not the number of words of a call", list[0])
		}
		calls = append(calls, Call(list[1:1+n:1+n]))
		list = list[1+n:]
	}
	return calls, nil
}

func parseDelta(s *section) (DeltaSource, error) {
	var d DeltaSource
	raw, fat := s.text("delta-source-raw-offset"), s.text("delta-source-fat-offset")
	switch {
	case raw != "":
		d.Raw, d.Options = true, s.text("delta-source-raw-options")
		if err := numbers(s, uints{
			"delta-source-raw-offset": &d.Offset, "delta-source-raw-count": &d.Count,
		}); err != nil {
			return d, err
		}
		if d.Count == 0 {
			d.Count = 1<<31 - 1 // fwup's default
		}
	case fat != "" && s.text("delta-source-fat-path") != "":
		d.FATPath = s.text("delta-source-fat-path")
		return d, numbers(s, uints{"delta-source-fat-offset": &d.Offset})
	}
	return d, nil
}

// uints are options that are numbers and where they go. An option that is not there leaves its
// number as it is.
type uints map[string]*uint64

// maxBlocks bounds every number of blocks, so that the number of bytes fits into an int64.
const maxBlocks = 1 << 53

func numbers(s *section, to uints) error {
	for name, n := range to {
		text := s.text(name)
		if text == "" {
			continue
		}
		v, err := strconv.ParseUint(text, 0, 64)
		if err != nil || v > maxBlocks {
			return fmt.Errorf("%s: %.40q is not a number of blocks", name, text)
		}
		*n = v
	}
	return nil
}
