package fleet

import (
	"sync"
	"time"
)

// rushTick is how often the hub's process looks at its counter, rushTicks how many looks make a
// second.
const (
	rushTick  = 100 * time.Millisecond
	rushTicks = int(time.Second / rushTick)
)

// rush finds the busiest second of a counter that is looked at every rushTick.
type rush struct {
	mu   sync.Mutex
	seen [rushTicks]int // the last looks, in a ring
	at   int
	most int
}

// look takes in the counter's value.
func (r *rush) look(total int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.most = max(r.most, total-r.seen[r.at])
	r.seen[r.at] = total
	r.at = (r.at + 1) % rushTicks
}

// busiest is the most that came within a second, wherever it begins.
func (r *rush) busiest() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.most
}

// watch looks at the counter until done is closed.
func (r *rush) watch(total func() int, done <-chan struct{}) {
	ticks := time.NewTicker(rushTick)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			r.look(total())
		case <-done:
			return
		}
	}
}
