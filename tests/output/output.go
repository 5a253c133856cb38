// Package output is for tests that read what others are still writing: logs, and the output of
// processes.
package output

import (
	"bytes"
	"sync"
)

// Text keeps what is written to it. Any goroutine may write and read; the zero value is ready.
type Text struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends p.
func (t *Text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.Write(p)
}

// String gives all that was written so far.
func (t *Text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}
