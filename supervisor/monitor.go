package supervisor

// Down tells a monitoring actor that an actor or supervisor has ended: Ref as it was given to
// [Ctx.Monitor], and why. ErrNoProc: it was not alive when the monitor was set; ErrStopTimeout and
// ErrStartTimeout: it was abandoned.
type Down struct {
	Ref    Ref
	Reason error
}

// watch makes target tell c of its end; at once when it has none to come. Twice is once.
func (c *cell) watch(r Ref) {
	target := r.cell()
	if target != nil && c.monitor(target) {
		return
	}
	_ = c.post(Down{Ref: r, Reason: ErrNoProc}) // an actor that is ending needs none
}

func (c *cell) monitor(target *cell) bool {
	c.mu.Lock()
	if c.at >= atEnd {
		c.mu.Unlock()
		return true
	}
	l := c.tied()
	if l.watching == nil {
		l.watching = make(map[*cell]struct{})
	}
	l.watching[target] = struct{}{}
	c.mu.Unlock()
	if target.addWatcher(c) {
		return true
	}
	c.forgetWatched(target)
	return false
}

func (c *cell) addWatcher(w *cell) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.is(dead | abandoned) {
		return false
	}
	l := c.tied()
	if l.watchers == nil {
		l.watchers = make(map[*cell]struct{})
	}
	l.watchers[w] = struct{}{}
	return true
}

func (c *cell) unwatch(w *cell) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.links != nil {
		delete(c.links.watchers, w)
	}
}

func (c *cell) forgetWatched(target *cell) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.links != nil {
		delete(c.links.watching, target)
	}
}

// tellWatchers tells everybody who waits for the end of the cell.
func (c *cell) tellWatchers(reason error) {
	c.mu.Lock()
	c.flags |= told
	var watchers map[*cell]struct{}
	if c.links != nil {
		watchers = c.links.watchers
		c.links.watchers = nil
		if c.links.done != nil {
			close(c.links.done)
		}
	}
	c.mu.Unlock()
	for w := range watchers {
		_ = w.post(Down{Ref: c.ref(), Reason: reason}) // one that is ending needs none
		w.forgetWatched(c)
	}
}

// ended returns a channel that is closed when the cell has ended.
func (c *cell) ended() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.tied()
	if l.done == nil {
		l.done = make(chan struct{})
		if c.is(told) {
			close(l.done)
		}
	}
	return l.done
}

func (c *cell) ref() Ref { return Ref{sys: c.sys, path: c.path()} }
