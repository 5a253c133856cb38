package supervisor

import "sync"

// idleWorkers is how many workers wait for work at most; more of them end when they have nothing to
// do.
const idleWorkers = 64

// pool runs the turns of cells. A cell that has something to do gets the worker that became idle
// last, whose stack is grown and warm; there is a worker for every cell that is at work, so one
// that blocks keeps nobody waiting. Idle cells have none.
type pool struct {
	mu      sync.Mutex
	idle    []chan *cell
	workers int
	closed  bool
	empty   chan struct{} // closed when the last worker has ended after close
}

func newPool() *pool { return &pool{empty: make(chan struct{})} }

// submit gives c a turn. The caller has marked it as scheduled.
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

// work is a worker: started by submit, ended by close or when enough others are idle. User code
// that calls runtime.Goexit ends it too; then another one goes on with the turn.
func (p *pool) work(c *cell) {
	defer func() {
		p.gone()
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

func (p *pool) park(wake chan *cell) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= idleWorkers {
		return false
	}
	p.idle = append(p.idle, wake)
	return true
}

func (p *pool) gone() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.workers--
	p.tellIfEmpty()
}

// close ends the idle workers; those at work end with their turn. Turns are still carried out
// afterwards.
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
