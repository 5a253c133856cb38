package update

import "time"

// reminder is a core: one thing to do later. The zero value has nothing to do.
type reminder struct{ at time.Time }

func (r *reminder) set(at time.Time) { r.at = at }

func (r *reminder) clear() { r.at = time.Time{} }

// due reports whether the time has come.
func (r *reminder) due(now time.Time) bool { return !r.at.IsZero() && !now.Before(r.at) }
