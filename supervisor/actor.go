package supervisor

import (
	"errors"

	"github.com/asynkron/protoactor-go/actor"
)

// shell is the cell of an actor: it runs a Behavior and nothing that the Behavior does can hurt
// anybody else.
type shell struct {
	cell
	ctx      Ctx
	behavior Behavior
	reason   error      // why it ends
	msg      any        // under way
	call     *call      // msg is its request, not answered yet
	from     *actor.PID // msg is a request of protoactor's, not answered yet
}

// Commands to a shell.
type (
	stopRequest struct{}            // by its supervisor
	initEnded   struct{ err error } // Init ended its goroutine
	endedByUser struct{ err error } // Receive did
	terminated  struct{ err error } // Terminate did
)

func (a *shell) begin() {
	if a.at != atBirth || a.reason != nil {
		return
	}
	a.born(a.guard(initEnded{err: ErrGoexit}, func() error {
		a.behavior = a.rec.spec.New(Heir{c: &a.cell})
		if a.behavior == nil {
			return errors.New("the New of its child spec returned nil")
		}
		return a.behavior.Init(&a.ctx)
	}))
}

// born goes on after Init.
func (a *shell) born(err error) {
	if a.isAbandoned() {
		return
	}
	if err != nil {
		a.exit(&StartError{Path: a.path(), Err: err})
		return
	}
	left := a.settle()
	a.setStage(atWork)
	a.sys.emit(Event{Kind: EventStarted, Path: a.path(), Incarnation: a.incarnation})
	a.parent.tell(childUp{c: &a.cell})
	for _, s := range left {
		a.closeSlot(s)
	}
}

func (a *shell) receive(msg any, from *actor.PID) {
	if a.at != atWork {
		return
	}
	switch m := msg.(type) {
	case *timer:
		if !m.take() {
			return
		}
		msg = m.msg
	case *call:
		msg, a.call = m.req, m
	}
	a.msg, a.from = msg, from
	err := a.handle(msg)
	a.msg, a.call, a.from = nil, nil, nil
	if err != nil {
		a.exit(err)
	}
}

// handle is guard for Receive, where every nanosecond counts.
func (a *shell) handle(msg any) (err error) {
	ended := false
	defer func() {
		if !ended {
			err = a.caught(recover(), endedByUser{err: ErrGoexit})
		}
	}()
	a.inject(BeforeReceive)
	err = a.behavior.Receive(&a.ctx, msg)
	a.inject(AfterReceive)
	ended = true
	return err
}

// guard runs user code and makes its panic an error. runtime.Goexit cannot be caught: it ends the
// worker, and the next one goes on with the command instead.
func (a *shell) guard(instead any, f func() error) (err error) {
	ended := false
	defer func() {
		if !ended {
			err = a.caught(recover(), instead)
		}
	}()
	err = f()
	ended = true
	return err
}

func (a *shell) caught(value, instead any) error {
	if value == nil {
		a.tell(instead)
		return nil
	}
	return newPanicError(value)
}

func (a *shell) inject(point string) {
	if a.sys.opts.Inject != nil {
		a.sys.opts.Inject(a.path(), point, a.msg)
	}
}

func (a *shell) command(msg any) {
	switch m := msg.(type) {
	case stopRequest:
		a.exit(ErrShutdown)
	case linkedFailed:
		a.exit(m.reason)
	case linkedGone:
		a.finish(a.reason)
	case initEnded:
		a.born(m.err)
	case endedByUser:
		a.exit(m.err)
	case terminated:
		a.gone(m.err)
	}
}

func (a *shell) end(reason error) { a.exit(reason) }

func (a *shell) answerable(*call) error { return nil }

// exit begins the end of the incarnation: no more messages, then Terminate, then the goroutines.
func (a *shell) exit(reason error) {
	if a.at >= atEnd || a.isAbandoned() {
		return
	}
	lived := a.at == atWork
	a.reason = reason
	a.msg, a.call, a.from = nil, nil, nil
	a.setStage(atEnd)
	a.parent.tell(childEnding{c: &a.cell, reason: reason})
	a.close()
	a.cut()
	if !lived {
		a.gone(nil)
		return
	}
	a.gone(a.guard(terminated{err: ErrGoexit}, func() error {
		a.behavior.Terminate(&a.ctx, reason)
		return nil
	}))
}

// gone goes on after Terminate.
func (a *shell) gone(err error) {
	if err != nil {
		a.terminateFailed(err)
	}
	a.failCalls(a.reason)
	if !a.awaitLinked() {
		a.finish(a.reason)
	}
}
