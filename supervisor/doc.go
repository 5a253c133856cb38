// Package supervisor runs actors under supervision as Erlang/OTP defines it, on
// github.com/asynkron/protoactor-go.
//
// An actor is a [Behavior]: it handles one message after the other and may crash, by an error or a
// panic. A [Spec] describes which actors belong together, in which order they start, and what
// happens when one exits. Most programs need two calls: [System.Start], which starts a tree and
// returns when every Init in it has succeeded, and [Ref.Send].
//
//	sys, err := supervisor.NewSystem(supervisor.Options{Logger: log})
//	root, err := sys.Start(ctx, supervisor.Spec{
//		Name: "gateway", Strategy: supervisor.RestForOne,
//		Children: []supervisor.ChildSpec{
//			{ID: "modem", New: newModem},
//			{ID: "uplink", New: newUplink}, // restarts when modem does
//		},
//	})
//	err = sys.Ref("gateway/uplink").Send(frame)
//	err = root.Wait()
//
// # What holds
//
// Every restart makes a new incarnation with a new PID and an empty mailbox; a [Ref] is the name
// that stays. No message to one incarnation reaches the next. The values that an incarnation keeps
// with [Ctx.Keep] do, through an [Heir].
//
// Children start one after the other, each when the Init of the one before has succeeded, and stop
// in the reverse order. A supervisor counts the restarts of all its children together: beyond its
// [Intensity] it stops its children and exits with a [GaveUpError]. To its parent that is a crash;
// from a root, [Supervisor.Wait] returns it. The process never exits for it.
//
// Start and stop have deadlines. Go cannot stop a goroutine from outside, so an actor that misses
// its deadline is abandoned: the supervisor no longer waits for it, frees its name and PID, and
// reports it. When the actor returns from its code later, it gets no message and has no effect.
//
// # Words
//
// An actor or supervisor is stopped from outside, and exits by itself or after a stop; the exit
// reason is an error. A resource is closed. User code that the supervision no longer waits for is
// abandoned.
//
// # Ownership and order
//
// Messages from one sender to one actor arrive in order, at most once. The messages that an exiting
// actor has not handled are dropped, with an event. Timers, monitors, linked goroutines and the
// context of an actor stop with its incarnation. The methods of a Behavior run one at a time, on
// changing goroutines.
//
// # Limits
//
// An idle actor has no goroutine and about 1 KB of memory. An actor that blocks in Receive has a
// goroutine of its own; only its own mailbox waits. Mailboxes are unbounded unless their
// [MailboxPolicy] bounds them. There is no distribution: all actors of a System run in one process.
//
// # Reading the source
//
// The files build on each other in this order.
//
//   - What a user describes and sees: spec.go, validate.go, event.go, errors.go, report.go.
//   - What a supervisor decides, pure: strategy.go (which children), intensity.go (how often),
//     backoff.go (when), children.go, core.go and job.go (in which order), effect.go (the result).
//     testdata/order has transcripts of it.
//   - One incarnation in parts: identity.go, queue.go, life.go, mailbox.go, then what is linked to
//     it: timer.go, call.go, heir.go, monitor.go, goroutines.go, links.go. cell.go joins the parts.
//   - What runs in a cell: ctx.go and shell.go (a Behavior), supervisor.go (a core), closing.go.
//   - What callers use: ref.go, orders.go, tree.go.
//   - Around all cells: system.go, roots.go, spawn.go, names.go, pool.go, log.go, and process.go,
//     which is protoactor's side of a cell.
package supervisor
