package supervisor

import "sync"

// idleWorkers is how many workers wait for work at most; a worker more exits when it has nothing to
// do.
const idleWorkers = 64

// pool runs the turns of cells. A cell that has messages gets the worker that became idle last,
// whose stack is grown and warm. Every cell that is at work has a worker, so a cell that blocks
// does not delay others; an idle cell has none.
type pool struct {
	mu      sync.Mutex
	idle    []chan *cell
	workers int
	closed  bool
	empty   chan struct{} // closed when the last worker has exited after close
}

func newPool() *pool { return &pool{empty: make(chan struct{})} }

// submit gives c a turn. The caller has marked c as scheduled.
func (p *pool) submit(c *cell) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		wake := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		wake <- c
		return
	}
	p.workers++
	p.mu.Unlock()
	go p.work(c)
}

// work is a worker: submit starts it, and it exits after close or when enough others are idle. User
// code that calls runtime.Goexit makes it exit too; then another worker goes on with the turn.
func (p *pool) work(c *cell) {
	defer func() {
		p.workerExited()
		if c != nil {
			p.submit(c)
		}
	}()
	wake := make(chan *cell, 1)
	for c != nil {
		c.turn()
		c = nil
		if p.park(wake) {
			c = <-wake
		}
	}
}

// park makes the worker with the channel wake wait for a cell. It reports false when the worker has
// to exit.
func (p *pool) park(wake chan *cell) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= idleWorkers {
		return false
	}
	p.idle = append(p.idle, wake)
	return true
}

// workerExited notes that a worker exits.
func (p *pool) workerExited() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.workers--
	p.tellIfEmpty()
}

// close makes the idle workers exit, and the others after their turn. Turns that are submitted
// later still run.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	for _, wake := range p.idle {
		close(wake)
	}
	p.idle = nil
	p.tellIfEmpty()
}

// tellIfEmpty closes empty when close was called and no worker is left. The lock is held.
func (p *pool) tellIfEmpty() {
	if !p.closed || p.workers > 0 {
		return
	}
	select {
	case <-p.empty:
	default:
		close(p.empty)
	}
}
