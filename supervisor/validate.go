package supervisor

import (
	"errors"
	"fmt"
)

// maxDepth bounds the nesting of supervisors, so that a Spec that contains itself is an error.
const maxDepth = 64

// validate returns every fault of the spec and of those below it, joined.
func (s *Spec) validate(path string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf(
			"supervisor %s: more than %d levels deep: does the spec contain itself?", path, maxDepth,
		)
	}
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("supervisor %s: "+format, append([]any{path}, args...)...))
	}
	if s.Strategy > Dynamic {
		bad("unknown strategy %d", s.Strategy)
	}
	if s.AutoShutdown > AllSignificant {
		bad("unknown auto shutdown %d", s.AutoShutdown)
	}
	if s.Intensity.Max < 0 || s.Intensity.Within < 0 ||
		(s.Intensity.Max > 0 && s.Intensity.Within == 0) {
		bad("intensity %d within %v: neither may be negative and Max needs a Within",
			s.Intensity.Max, s.Intensity.Within)
	}
	if s.Backoff.Min < 0 || s.Backoff.Max < 0 || (s.Backoff.Max > 0 && s.Backoff.Max < s.Backoff.Min) {
		bad("backoff %v to %v: neither may be negative and Max must not be below Min",
			s.Backoff.Min, s.Backoff.Max)
	}
	if s.Strategy == Dynamic && len(s.Children) > 0 {
		bad("a dynamic supervisor starts without children, use StartChild")
	}
	seen := make(map[string]bool, len(s.Children))
	for i := range s.Children {
		cs := &s.Children[i]
		if seen[cs.ID] {
			bad("two children with the ID %q", cs.ID)
		}
		seen[cs.ID] = true
		errs = append(errs, cs.validate(path, depth))
	}
	return errors.Join(errs...)
}

func (cs *ChildSpec) validate(parent string, depth int) error {
	var errs []error
	bad := func(what string) {
		errs = append(errs, fmt.Errorf("child %q of %s: %s", cs.ID, parent, what))
	}
	if cs.ID == "" {
		bad("an ID is needed")
	}
	if (cs.New == nil) == (cs.Supervisor == nil) {
		bad("either New or Supervisor is needed, and not both")
	}
	if cs.Restart > Temporary {
		bad("unknown restart type")
	}
	if cs.Significant && cs.Restart == Permanent {
		bad("a permanent child cannot be significant: it is always restarted")
	}
	if cs.Start < 0 || cs.Shutdown < 0 {
		bad("deadlines must not be negative")
	}
	if cs.Mailbox.Capacity < 0 || cs.Mailbox.Overflow > DropOldest {
		bad("the mailbox policy is not a known one")
	}
	if cs.Supervisor != nil {
		errs = append(errs, cs.Supervisor.validate(joinPath(parent, cs.ID), depth+1))
	}
	return errors.Join(errs...)
}
