package fleet

import (
	"cmp"
	"errors"
	"sync"
)

// crew runs one function for many devices, with a fixed number of workers.
type crew struct {
	turns   chan int
	errs    []error // the first of each worker
	workers sync.WaitGroup
}

// newCrew starts workers, which end with done.
func newCrew(work func(i int) error) *crew {
	c := &crew{turns: make(chan int), errs: make([]error, hands)}
	for w := range c.errs {
		c.workers.Go(func() {
			for i := range c.turns {
				c.errs[w] = cmp.Or(c.errs[w], work(i))
			}
		})
	}
	return c
}

// next gives device i to a free worker; it waits until one is free.
func (c *crew) next(i int) { c.turns <- i }

// done waits until all devices are done.
func (c *crew) done() error {
	close(c.turns)
	c.workers.Wait()
	return errors.Join(c.errs...)
}
