// Package buffer keeps byte slices that are needed for a moment.
//
// A [Pool] lends them: Get takes one, Put gives it back.
package buffer

import "sync"

// maxKept is the capacity above which a buffer is left to the garbage collector.
const maxKept = 64 << 10

// Pool lends empty byte slices. It may be used from any goroutine.
type Pool struct {
	Size int // capacity of a new slice
	pool sync.Pool
}

// Get returns an empty slice.
func (p *Pool) Get() *[]byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		*b = (*b)[:0]
		return b
	}
	b := make([]byte, 0, p.Size)
	return &b
}

// Put gives a slice back. The caller no longer uses it.
func (p *Pool) Put(b *[]byte) {
	if cap(*b) <= maxKept {
		p.pool.Put(b)
	}
}
