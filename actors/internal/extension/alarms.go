package extension

import (
	"slices"
	"time"

	"github.com/hublink-go/hublink/supervisor"
)

// alarms are the timers of an extension that have not rung.
type alarms struct {
	list []namedTimer
	last uint64
}

type namedTimer struct {
	name   string
	number uint64
	timer  supervisor.Timer
}

// set replaces the timer of that name; a negative duration removes it.
func (a *alarms) set(ctx *supervisor.Ctx, name string, after time.Duration) {
	if i := a.find(name); i >= 0 {
		a.list[i].timer.Stop()
		a.list = slices.Delete(a.list, i, i+1)
	}
	if after >= 0 {
		a.last++
		t := ctx.After(after, alarm{name: name, number: a.last})
		a.list = append(a.list, namedTimer{name: name, number: a.last, timer: t})
	}
}

// rang removes the timer of m and reports whether it was still in force.
func (a *alarms) rang(m alarm) bool {
	i := a.find(m.name)
	if i < 0 || a.list[i].number != m.number {
		return false
	}
	a.list = slices.Delete(a.list, i, i+1)
	return true
}

func (a *alarms) find(name string) int {
	return slices.IndexFunc(a.list, func(t namedTimer) bool { return t.name == name })
}
