package extension

import (
	"context"
	"errors"
	"sync"

	"github.com/hublink-go/hublink/extensions"
)

// What one extension may have under way: pushed, and not known to be written to the socket. One
// push always fits, whatever its size.
const (
	windowPushes = 64
	windowBytes  = 1 << 20
)

// pushWindow bounds what one extension has under way. Its zero value is closed.
type pushWindow struct {
	mu     sync.Mutex
	opened bool
	pushes int
	bytes  int
	news   chan struct{} // closed at the next change; nil means that no goroutine waits
}

// open empties the window and lets pushes pass.
func (w *pushWindow) open() { w.reset(true) }

// close makes each push, also one that waits, return ErrDetached.
func (w *pushWindow) close() { w.reset(false) }

func (w *pushWindow) reset(opened bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.opened, w.pushes, w.bytes = opened, 0, 0
	w.changed()
}

// changed wakes the goroutines that wait. The lock is held.
func (w *pushWindow) changed() {
	if w.news != nil {
		close(w.news)
		w.news = nil
	}
}

// take makes room for a push of that size.
func (w *pushWindow) take(size int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tryTake(size)
}

// tryTake is take for a caller that holds the lock.
func (w *pushWindow) tryTake(size int) error {
	switch {
	case !w.opened:
		return extensions.ErrDetached
	case w.pushes > 0 && (w.pushes >= windowPushes || w.bytes+size > windowBytes):
		return extensions.ErrBusy
	}
	w.pushes++
	w.bytes += size
	return nil
}

// wait is take that waits for room.
func (w *pushWindow) wait(ctx context.Context, size int) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		w.mu.Lock()
		err := w.tryTake(size)
		if !errors.Is(err, extensions.ErrBusy) {
			w.mu.Unlock()
			return err
		}
		if w.news == nil {
			w.news = make(chan struct{})
		}
		news := w.news
		w.mu.Unlock()
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// sent gives the room of a push back. One that was taken before the last open or close is ignored
// as far as the window is empty.
func (w *pushWindow) sent(size int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pushes, w.bytes = max(0, w.pushes-1), max(0, w.bytes-size)
	if w.pushes == 0 {
		w.bytes = 0
	}
	w.changed()
}
