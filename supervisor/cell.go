package supervisor

import "github.com/asynkron/protoactor-go/actor"

// cell is one incarnation of an actor or supervisor. It joins the parts that both need: a name, a
// mailbox, and what is linked to the incarnation. The lock of the mailbox guards the fields from
// mailbox on; the others never change. Only the cell's own turn calls its role.
type cell struct {
	identity
	sys     *System
	parent  *Supervisor // nil: a root supervisor
	rec     *child      // the parent's record; other goroutines read its spec only
	role    role
	mailbox mailbox
	links   *links               // nil: nothing is linked
	invoker actor.MessageInvoker // protoactor's side of the process
}

// role is what an actor or a supervisor does with a turn of its cell.
type role interface {
	begin()                             // the first call
	receive(msg any, from *actor.PID)   // a message of another actor
	command(msg any)                    // a control message
	stop(reason error)                  // protoactor was asked to stop the PID
	answerable(c *call) (refusal error) // whether the role answers calls
}

// pid returns the PID that the cell is registered under.
func (c *cell) pid() *actor.PID { return c.sys.as.NewLocalPID(c.name) }

// ref returns the logical name.
func (c *cell) ref() Ref { return Ref{sys: c.sys, path: c.path()} }

// emit reports an event about this incarnation.
func (c *cell) emit(e Event) {
	if !c.sys.listens(e.Kind) {
		return
	}
	e.Path, e.Incarnation = c.path(), c.incarnation()
	switch e.Kind {
	case EventExited, EventTerminateFailed, EventGaveUp:
		e.Stack = stackOf(e.Reason)
	default:
	}
	c.sys.emit(e)
}

// post sends msg to this incarnation.
func (c *cell) post(msg any) error {
	c.mailbox.mu.Lock()
	dropped, err := c.mailbox.put(msg, c.policy())
	wake := err == nil && c.mailbox.life.schedule()
	c.mailbox.mu.Unlock()
	c.posted(dropped, wake)
	return err
}

func (c *cell) policy() MailboxPolicy {
	if c.rec == nil {
		return MailboxPolicy{}
	}
	return c.rec.spec.Mailbox
}

// posted does what follows mailbox.put outside of the lock.
func (c *cell) posted(dropped any, wake bool) {
	if wake {
		c.sys.pool.submit(c)
	}
	if dropped != nil {
		c.reportDropped([]any{dropped})
		if l, ok := dropped.(*call); ok {
			l.fail(ErrMailboxFull)
		}
	}
}

// tell sends a control message. It reports false when the cell reads no more of them.
func (c *cell) tell(msg any) bool {
	wake, ok := c.mailbox.putControl(msg)
	if wake {
		c.sys.pool.submit(c)
	}
	return ok
}

// turn handles all messages that wait. One turn of a cell runs at a time.
func (c *cell) turn() {
	for {
		switch msg, from := c.mailbox.next(); from {
		case nothing:
			return
		case nowhere:
			c.sys.abandonments.remove(c)
			return
		case fromOwner:
			if sys, ok := msg.(actor.SystemMessage); ok {
				c.invoker.InvokeSystemMessage(sys)
			} else {
				c.role.command(msg)
			}
		case fromUser:
			c.invoker.InvokeUserMessage(msg)
		}
	}
}

// completeExit is the last act of an exit: it removes the process and tells the supervisor, the
// callers and the monitors. It does nothing for an abandoned cell.
func (c *cell) completeExit(reason error) {
	orders, ok := c.mailbox.closeControl()
	if !ok {
		return
	}
	c.closeMailbox()
	if c.mailbox.unregister() {
		c.invoker.InvokeSystemMessage(&actor.Stop{})
	}
	c.emit(Event{Kind: EventExited, Reason: reason})
	c.failCalls(reason)
	for _, o := range orders {
		o.answer(nil, ErrNoProc)
	}
	if c.parent != nil {
		c.parent.cell.tell(childExited{c: c, reason: reason})
	}
	c.announce(reason)
}

// closeMailbox refuses further messages, frees the name and reports the messages that are lost.
func (c *cell) closeMailbox() {
	dropped := c.mailbox.close()
	c.sys.names.release(c)
	c.reportDropped(dropped)
}

// reportDropped reports messages that the actor does not get.
func (c *cell) reportDropped(msgs []any) {
	if len(msgs) > 0 {
		c.emit(Event{Kind: EventDropped, Count: len(msgs), Detail: typeOf(msgs[0])})
	}
}

// abandon stops waiting for the cell, which does not return from user code or whose goroutines do
// not. It returns the user code that does not return. ok is false when the cell has just exited.
func (c *cell) abandon(reason error) (what string, ok bool) {
	c.mailbox.mu.Lock()
	life := &c.mailbox.life
	if life.is(exited | abandoned) {
		c.mailbox.mu.Unlock()
		return "", false
	}
	what = c.userCode()
	life.mark(abandoned)
	kept := c.links.takeSlots()
	known := life.is(registered)
	life.unmark(registered)
	c.mailbox.mu.Unlock()
	c.closeMailbox()
	if known {
		c.sys.as.ProcessRegistry.Remove(c.pid())
	}
	c.sys.abandonments.add(c, c, what)
	c.stopLinks()
	c.failCalls(reason)
	c.announce(reason)
	for _, s := range kept {
		go c.closeSlot(s) // without waiting: the cell may hang in the value that it closes
	}
	return what, true
}

// userCode returns the user code that the cell is in. The lock is held.
func (c *cell) userCode() string {
	switch c.mailbox.life.stage {
	case inInit:
		return "Init"
	case inReceive:
		return "Receive"
	case inTerminate:
		return "Terminate"
	case inGoroutines:
	}
	return "goroutine " + c.links.goroutineNames()
}

// hangs reports whether user code of the abandoned cell still runs.
func (c *cell) hangs() bool {
	c.mailbox.mu.Lock()
	defer c.mailbox.mu.Unlock()
	return c.mailbox.life.is(scheduled) || c.links.hasGoroutines()
}
