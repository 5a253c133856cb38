package extension

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"

	"github.com/hublink-go/hublink/extensions"
	"github.com/hublink-go/hublink/supervisor"
)

// errHung is the exit reason of an extension whose Handle has passed its deadline.
var errHung = errors.New("extension hangs")

// handleCall is one call of Handle.
type handleCall struct {
	event extensions.Event
	what  string        // for logs
	err   error         // set when done is closed
	done  chan struct{} // closed when Handle has returned
	state atomic.Uint32
}

// States of a handleCall: either side may be first.
const (
	callRuns = iota
	callReturned
	callAbandoned
)

func newHandleCall(event extensions.Event) *handleCall {
	what := "Handle of " + event.Kind.String()
	if event.Name != "" {
		what = fmt.Sprintf("%s %q", what, event.Name[:min(len(event.Name), 64)])
	}
	return &handleCall{event: event, what: what, done: make(chan struct{})}
}

// run calls Handle. A panic and runtime.Goexit become its error.
func (c *handleCall) run(ext extensions.Extension) {
	c.err = supervisor.ErrGoexit
	defer close(c.done)
	defer func() {
		if v := recover(); v != nil {
			c.err = &supervisor.PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	c.err = ext.Handle(c.event)
}

// abandon marks the call as no longer waited for, and reports whether it still runs.
func (c *handleCall) abandon() bool { return c.state.CompareAndSwap(callRuns, callAbandoned) }

// returned marks the call as returned, and reports whether it was abandoned before.
func (c *handleCall) returned() bool { return !c.state.CompareAndSwap(callRuns, callReturned) }
