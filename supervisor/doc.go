// Package supervisor runs actors under the supervision of Erlang/OTP, on
// github.com/asynkron/protoactor-go.
//
// An actor is a [Behavior]: it handles one message after the other and may crash, by an error or a
// panic. A [Spec] says which actors belong together, in which order they start, and what happens
// when one ends. Most programs need two calls: [System.Start], which starts a tree and returns when
// every Init in it has returned, and [Ref.Send].
//
//	sys, err := supervisor.NewSystem(supervisor.Options{Logger: log})
//	root, err := sys.Start(ctx, supervisor.Spec{
//		Name: "gateway", Strategy: supervisor.RestForOne,
//		Children: []supervisor.ChildSpec{
//			{ID: "modem", New: newModem},
//			{ID: "uplink", New: newUplink}, // is restarted when modem is
//		},
//	})
//	err = sys.Ref("gateway/uplink").Send(frame)
//	err = root.Wait()
//
// # What holds
//
// Every restart makes a new incarnation with a new PID and an empty mailbox; a [Ref] is the name
// that stays. Nothing that was sent to one incarnation reaches the next, but the values that it
// kept, see [Ctx.Keep] and [Heir].
//
// Children start one after the other, each when the Init of the one before has returned, and stop
// in the reverse order. Restarts count for the supervisor, not for the child: beyond its
// [Intensity] the supervisor stops its children and ends with a [GaveUpError], which is a crash to
// its own parent, and at the root the answer of [Supervisor.Wait]. The process never ends for it.
//
// Start and stop have deadlines. Go cannot end a goroutine from outside, so an actor that does not
// come back is abandoned: nobody waits for it any more, its name and PID are free, it is reported,
// and when it comes back it is told nothing and does nothing more.
//
// # Ownership and order
//
// Messages from one sender to one actor arrive in order, at most once; those that an ending actor
// has not handled are lost, with an event. An actor's timers, monitors, linked goroutines and
// context end with the incarnation. Behaviors belong to their actor: all their methods run one at a
// time, on changing goroutines. Specs belong to the System.
//
// # Limits
//
// An idle actor has no goroutine and about 1 KB of memory; one that blocks in Receive has a
// goroutine of its own and keeps nobody else waiting, except for its own mailbox. Mailboxes are
// unbounded unless their [MailboxPolicy] says otherwise. There is no distribution: all actors of a
// System live in one process.
package supervisor
