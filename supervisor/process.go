package supervisor

import "github.com/asynkron/protoactor-go/actor"

// process is a cell as protoactor sees it: an actor.Actor and its actor.Mailbox at once. The
// methods stand on a type of their own, so that the cell of an actor or Supervisor does not have
// them.
type process cell

// Receive implements actor.Actor.
func (p *process) Receive(ctx actor.Context) {
	c := (*cell)(p)
	switch msg := ctx.Message().(type) {
	case *actor.Started:
		c.role.begin()
	case *actor.Stopping:
		c.role.stop(ErrKilled) // without effect if the cell has exited and tells protoactor so
	case *actor.Stopped, *actor.Restarting, *actor.Terminated:
	default:
		c.role.receive(msg, ctx.Sender())
	}
}

// PostUserMessage implements actor.Mailbox. Actors that know the PID send this way.
func (p *process) PostUserMessage(msg any) {
	c := (*cell)(p)
	if msg != nil && c.post(msg) != nil {
		c.reportDropped([]any{msg})
	}
}

// PostSystemMessage implements actor.Mailbox. It ignores the messages that suspend and resume a
// mailbox for protoactor's own restarts, which are not used here.
func (p *process) PostSystemMessage(msg any) {
	if _, ok := msg.(actor.SystemMessage); ok {
		(*cell)(p).tell(msg)
	}
}

// RegisterHandlers implements actor.Mailbox. The pool of the System gives the turns, not the
// dispatcher.
func (p *process) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	p.mailbox.mu.Lock()
	defer p.mailbox.mu.Unlock()
	p.invoker = invoker
}

// Start implements actor.Mailbox: the first turn begins.
func (p *process) Start() { p.sys.pool.submit((*cell)(p)) }

// UserMessageCount implements actor.Mailbox.
func (p *process) UserMessageCount() int { return p.mailbox.size() }
