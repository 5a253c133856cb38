package supervisor

import (
	"errors"

	"github.com/asynkron/protoactor-go/actor"
)

// shell is an actor as the supervision sees it: it is the same value as the Ctx that the Behavior
// sees. It runs the Behavior and recovers its panics, so that a crash of the Behavior stays an exit
// of this incarnation.
type shell Ctx

// Control messages to a shell. Goexit in user code takes the goroutine of the turn with it, so the
// turn goes on with one of the last three.
type (
	stopRequest       struct{}            // the supervisor asks it to stop
	initReturned      struct{ err error } // Init called Goexit
	receiveReturned   struct{ err error } // Receive called Goexit
	terminateReturned struct{ err error } // Terminate called Goexit
)

// ctx returns the shell as the Behavior sees it.
func (a *shell) ctx() *Ctx { return (*Ctx)(a) }

func (a *shell) begin() {
	if a.cell.mailbox.life.stage != inInit || a.reason != nil {
		return
	}
	a.afterInit(a.guard(initReturned{err: ErrGoexit}, func() error {
		a.behavior = a.cell.rec.spec.New(Heir{c: &a.cell})
		if a.behavior == nil {
			return errors.New("the New of its child spec returned nil")
		}
		return a.behavior.Init(a.ctx())
	}))
}

// afterInit goes on after Init.
func (a *shell) afterInit(err error) {
	c := &a.cell
	if c.mailbox.isAbandoned() {
		return
	}
	if err != nil {
		a.exit(&StartError{Path: c.path(), Err: err})
		return
	}
	refused := a.settle()
	c.mailbox.enter(inReceive)
	c.emit(Event{Kind: EventStarted})
	c.parent.cell.tell(childUp{c: c})
	for _, s := range refused {
		c.closeSlot(s)
	}
}

func (a *shell) receive(msg any, from *actor.PID) {
	if a.cell.mailbox.life.stage != inReceive {
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
	default:
		if from != nil {
			a.call = &call{from: from}
		}
	}
	a.msg = msg
	err := a.handle(msg)
	a.msg, a.call = nil, nil
	if err != nil {
		a.exit(err)
	}
}

// handle is guard for Receive, without the cost of a closure for each message.
func (a *shell) handle(msg any) (err error) {
	returned := false
	defer func() {
		if !returned {
			err = a.recovered(recover(), receiveReturned{err: ErrGoexit})
		}
	}()
	a.inject(BeforeReceive)
	err = a.behavior.Receive(a.ctx(), msg)
	a.inject(AfterReceive)
	returned = true
	return err
}

// guard runs user code and returns its panic as an error. It cannot recover Goexit; then the turn
// goes on with the command instead.
func (a *shell) guard(instead any, f func() error) (err error) {
	returned := false
	defer func() {
		if !returned {
			err = a.recovered(recover(), instead)
		}
	}()
	err = f()
	returned = true
	return err
}

// recovered returns a recovered panic as an error. Without one, the code called Goexit.
func (a *shell) recovered(value, instead any) error {
	if value == nil {
		a.cell.tell(instead)
		return nil
	}
	return newPanicError(value)
}

// inject calls the hook of a test.
func (a *shell) inject(point string) {
	if inject := a.cell.sys.opts.Inject; inject != nil {
		inject(a.cell.path(), point, a.msg)
	}
}

func (a *shell) command(msg any) {
	switch m := msg.(type) {
	case stopRequest:
		a.exit(ErrShutdown)
	case goroutineFailed:
		a.exit(m.reason)
	case goroutinesGone:
		a.cell.completeExit(a.reason)
	case initReturned:
		a.afterInit(m.err)
	case receiveReturned:
		a.exit(m.err)
	case terminateReturned:
		a.afterTerminate(m.err)
	}
}

func (a *shell) stop(reason error) { a.exit(reason) }

func (a *shell) answerable(*call) error { return nil }

// exit begins the exit of the incarnation, once: it takes no more messages, Terminate runs, and the
// linked goroutines return.
func (a *shell) exit(reason error) {
	c := &a.cell
	if c.mailbox.life.stage >= inTerminate || c.mailbox.isAbandoned() {
		return
	}
	worked := c.mailbox.life.stage == inReceive
	a.reason = reason
	a.msg, a.call = nil, nil
	c.mailbox.enter(inTerminate)
	c.parent.cell.tell(childExiting{c: c, reason: reason})
	c.closeMailbox()
	c.stopLinks()
	if !worked {
		a.afterTerminate(nil)
		return
	}
	a.afterTerminate(a.guard(terminateReturned{err: ErrGoexit}, func() error {
		a.behavior.Terminate(a.ctx(), reason)
		return nil
	}))
}

// afterTerminate goes on after Terminate.
func (a *shell) afterTerminate(err error) {
	if err != nil {
		a.cell.emit(Event{Kind: EventTerminateFailed, Reason: err})
	}
	a.cell.failCalls(a.reason)
	if !a.awaitGoroutines() {
		a.cell.completeExit(a.reason)
	}
}
