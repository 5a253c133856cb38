package supervisor

// Down tells a monitoring actor that another actor or supervisor has exited. Reason is its exit
// reason; ErrNoProc means that it was not alive when the monitor was set, and ErrStopTimeout or
// ErrStartTimeout that its supervisor has abandoned it.
type Down struct {
	Ref    Ref // as it was given to Ctx.Monitor
	Reason error
}

// monitors is who watches a cell and whom the cell watches.
type monitors struct {
	by      map[*cell]struct{} // get a Down when this cell exits
	watched map[*cell]struct{} // this cell gets a Down when they exit
}

// monitor makes the target of r send c a Down when it exits, or sends c one at once.
func (c *cell) monitor(r Ref) {
	target := r.cell()
	if target != nil && c.watch(target) {
		return
	}
	_ = c.post(Down{Ref: r, Reason: ErrNoProc}) // an exiting actor needs no Down
}

// watch enters c and target into each other's monitors, once. It reports false when target has
// exited.
func (c *cell) watch(target *cell) bool {
	c.mailbox.mu.Lock()
	if c.mailbox.life.stage >= inTerminate {
		c.mailbox.mu.Unlock()
		return true
	}
	m := &c.linked().monitors
	if m.watched == nil {
		m.watched = make(map[*cell]struct{})
	}
	m.watched[target] = struct{}{}
	c.mailbox.mu.Unlock()
	if target.addMonitor(c) {
		return true
	}
	c.forgetMonitored(target)
	return false
}

// addMonitor makes w get a Down when c exits. It reports false when c has exited.
func (c *cell) addMonitor(w *cell) bool {
	c.mailbox.mu.Lock()
	defer c.mailbox.mu.Unlock()
	if c.mailbox.life.is(exited | abandoned) {
		return false
	}
	m := &c.linked().monitors
	if m.by == nil {
		m.by = make(map[*cell]struct{})
	}
	m.by[w] = struct{}{}
	return true
}

// removeMonitor takes w off those who get a Down when c exits.
func (c *cell) removeMonitor(w *cell) {
	c.mailbox.mu.Lock()
	defer c.mailbox.mu.Unlock()
	if c.links != nil {
		delete(c.links.monitors.by, w)
	}
}

// forgetMonitored takes target, which has exited, off those that c watches.
func (c *cell) forgetMonitored(target *cell) {
	c.mailbox.mu.Lock()
	defer c.mailbox.mu.Unlock()
	if c.links != nil {
		delete(c.links.monitors.watched, target)
	}
}
