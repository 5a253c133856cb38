package extension

import (
	"slices"
	"time"

	"github.com/hublink-go/hublink/actors/internal/drive"
)

// alarms is a core: the timers of an extension that have not rung. The zero value has none.
type alarms struct{ list []alarm }

type alarm struct {
	name string
	at   time.Time
}

// set replaces the timer of that name; a negative duration removes it.
func (a *alarms) set(now time.Time, name string, after time.Duration) {
	a.list = slices.DeleteFunc(a.list, func(t alarm) bool { return t.name == name })
	if after >= 0 {
		a.list = append(a.list, alarm{name: name, at: now.Add(after)})
	}
}

// ring removes the timer that rings first, if its time has come, and returns its name.
func (a *alarms) ring(now time.Time) (name string, ok bool) {
	first := a.deadline()
	if first.IsZero() || now.Before(first) {
		return "", false
	}
	i := slices.IndexFunc(a.list, func(t alarm) bool { return t.at.Equal(first) })
	name = a.list[i].name
	a.list = slices.Delete(a.list, i, i+1)
	return name, true
}

// deadline returns when the next timer rings; the zero time means that there is none.
func (a *alarms) deadline() (first time.Time) {
	for _, t := range a.list {
		first = drive.Earliest(first, t.at)
	}
	return first
}
