package supervisor

import (
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// cell is one incarnation of an actor or of a supervisor: a protoactor actor with a PID of its own,
// its mailbox, and what is tied to its life. Everything behind mu is for any goroutine, the rest
// for the cell's own turn.
type cell struct {
	sys         *System
	parent      *Supervisor // nil: a root supervisor
	rec         *child      // what the parent knows of it; only the parent looks inside
	role        role
	name        string // of the PID: path, "#", incarnation
	incarnation uint64 // unique in the System

	mu      sync.Mutex
	user    queue                // what others sent
	control queue                // what the machinery sent: comes first
	links   *links               // nil: nothing is tied to it
	invoker actor.MessageInvoker // protoactor's side
	pathLen int32
	at      stage
	flags   flags
}

// role is what a cell does with its turns.
type role interface {
	begin()                             // once, first of all
	receive(msg any, from *actor.PID)   // a message of somebody's
	command(msg any)                    // a message of the machinery's
	end(reason error)                   // has to end, because somebody outside said so
	answerable(c *call) (refusal error) // whether calls have a point here
}

// stage is how far the life of a cell has come.
type stage uint8

const (
	atBirth  stage = iota // New, Init
	atWork                // Receive
	atEnd                 // Terminate
	atLinked              // waiting for linked goroutines
)

// flags of a cell.
type flags uint8

const (
	scheduled  flags = 1 << iota // a worker has it, or will
	closed                       // takes no messages of others any more
	dead                         // takes nothing any more
	abandoned                    // nobody waits for it any more: it must not touch anything
	registered                   // protoactor knows it
	told                         // everybody who waited for its end knows
)

func (c *cell) is(f flags) bool { return c.flags&f != 0 }

// Receive implements actor.Actor.
func (c *cell) Receive(ctx actor.Context) {
	switch msg := ctx.Message().(type) {
	case *actor.Started:
		c.role.begin()
	case *actor.Stopping:
		c.role.end(ErrKilled) // or it has ended and says so to protoactor
	case *actor.Stopped, *actor.Restarting, *actor.Terminated:
	default:
		c.role.receive(msg, ctx.Sender())
	}
}

func (c *cell) path() string { return c.name[:c.pathLen] }

// pid makes the PID that the cell is registered under.
func (c *cell) pid() *actor.PID { return c.sys.as.NewLocalPID(c.name) }

// turn does everything that there is to do. Only one turn runs at a time.
func (c *cell) turn() {
	for {
		switch msg, from := c.next(); from {
		case fromNobody:
			return
		case fromMachinery:
			if sys, ok := msg.(actor.SystemMessage); ok {
				c.invoker.InvokeSystemMessage(sys)
			} else {
				c.role.command(msg)
			}
		case fromOthers:
			c.invoker.InvokeUserMessage(msg)
		}
	}
}

// finish ends the cell: nobody can reach it any more, and everybody who waits for that hears of it.
func (c *cell) finish(reason error) {
	orders, ok := c.kill()
	if !ok {
		return
	}
	c.close()
	if c.setFlag(registered, false) {
		c.invoker.InvokeSystemMessage(&actor.Stop{})
	}
	c.sys.emit(
		Event{
			Kind:        EventExited,
			Path:        c.path(),
			Incarnation: c.incarnation,
			Reason:      reason,
			Stack:       stackOf(reason),
		},
	)
	c.failCalls(reason)
	for _, o := range orders {
		o.answer(nil, ErrNoProc)
	}
	if c.parent != nil {
		c.parent.tell(childDown{c: c, reason: reason})
	}
	c.tellWatchers(reason)
}

// close stops taking messages of others, gives the name free and reports what is lost.
func (c *cell) close() {
	lost := c.shut()
	c.sys.names.release(c)
	c.reportLost(lost)
}

// abandon gives up waiting for the cell, which does not come back from user code or has goroutines
// that do not. It says what hangs; false: nothing does, the cell has just ended.
func (c *cell) abandon(reason error) (what string, ok bool) {
	c.mu.Lock()
	if c.is(dead | abandoned) {
		c.mu.Unlock()
		return "", false
	}
	what = c.hanging()
	c.flags |= abandoned
	kept := c.takeSlots()
	known := c.is(registered)
	c.flags &^= registered
	c.mu.Unlock()
	c.close()
	if known {
		c.sys.as.ProcessRegistry.Remove(c.pid())
	}
	c.sys.hanging.note(c, c, what)
	c.cut()
	c.failCalls(reason)
	c.tellWatchers(reason)
	for _, s := range kept {
		go c.closeSlot(s) // nobody waits for it: what it closes may be what the cell hangs in
	}
	return what, true
}

func (c *cell) isAbandoned() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.is(abandoned)
}

func (c *cell) setStage(s stage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = s
}

// setFlag returns whether it was set before.
func (c *cell) setFlag(f flags, on bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.is(f)
	if on {
		c.flags |= f
	} else {
		c.flags &^= f
	}
	return was
}
