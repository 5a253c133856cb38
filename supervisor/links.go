package supervisor

// links is what is linked to one incarnation and stops with it. Most cells have none of it most of
// the time, so it is made when it is needed; its reading methods accept nil. The cell's lock guards
// it.
type links struct {
	timers     timers
	calls      calls
	slots      slots
	monitors   monitors
	goroutines goroutines
	done       chan struct{} // closed after the exit
}

// linked returns the links of the cell, and makes them if there are none. The lock is held.
func (c *cell) linked() *links {
	if c.links == nil {
		c.links = &links{}
	}
	return c.links
}

// stopLinks stops what is linked to the cell, except the goroutines, which it only cancels, and the
// calls, which Terminate may still answer.
func (c *cell) stopLinks() {
	c.cancelContext()
	c.mailbox.mu.Lock()
	if c.links == nil {
		c.mailbox.mu.Unlock()
		return
	}
	c.links.timers.stopAll()
	watched := c.links.monitors.watched
	c.links.monitors.watched = nil
	c.mailbox.mu.Unlock()
	for target := range watched {
		target.removeMonitor(c)
	}
}

// done returns a channel that is closed after the exit of the cell.
func (c *cell) done() <-chan struct{} {
	c.mailbox.mu.Lock()
	defer c.mailbox.mu.Unlock()
	l := c.linked()
	if l.done == nil {
		l.done = make(chan struct{})
		if c.mailbox.life.is(announced) {
			close(l.done)
		}
	}
	return l.done
}

// announce closes done and sends the monitors their Down.
func (c *cell) announce(reason error) {
	c.mailbox.mu.Lock()
	c.mailbox.life.mark(announced)
	var by map[*cell]struct{}
	if c.links != nil {
		by = c.links.monitors.by
		c.links.monitors.by = nil
		if c.links.done != nil {
			close(c.links.done)
		}
	}
	c.mailbox.mu.Unlock()
	for w := range by {
		_ = w.post(Down{Ref: c.ref(), Reason: reason}) // an exiting monitor needs no Down
		w.forgetMonitored(c)
	}
}
