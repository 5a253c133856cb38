package extension

import (
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/internal/board"
	"github.com/hublink-go/hublink/actors/internal/drive"
	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/extensions"
	"github.com/hublink-go/hublink/supervisor"
)

// terminateWithin bounds the last calls of Handle when the extension is stopped; it is below the
// time that the supervisor gives to an actor.
const terminateWithin = 4 * time.Second

// extension runs one incarnation of an extension: it takes events in order and gives them, one at a
// time, to Handle in a goroutine of its own. The actor never blocks, so it finds a call that does
// not return.
type extension struct {
	door     *Door
	factory  *extensions.Factory
	host     *host
	ext      extensions.Extension
	number   uint64 // of the incarnation
	attached bool
	queue    eventQueue // events that wait for Handle
	alarms   alarms
	call     *handleCall // the call that is under way; nil means none
	due      time.Time   // the deadline of call; zero means none
	timer    drive.Timer
	log      *zerolog.Logger
}

// Messages of the actor to itself.
type (
	// setTimer: from Host.Timer on any goroutine, also of an incarnation that has ended: then it means
	// nothing. Lost with a crash: the fresh extension sets its own.
	setTimer struct {
		incarnation uint64
		name        string
		after       time.Duration
	}
	// handled: from the goroutine of a call of Handle. Dies with it.
	handled struct {
		call *handleCall
		err  error
	}
)

// Spec describes the branch of one extension: a supervisor of its own, temporary, so that a crash
// loop ends with the extension detached and nothing else hurt.
func Spec(d *Door, f *extensions.Factory) supervisor.ChildSpec {
	return supervisor.ChildSpec{
		ID: f.Name, Restart: supervisor.Temporary,
		Supervisor: &supervisor.Spec{
			Name: f.Name, Intensity: intensity(f),
			Children: []supervisor.ChildSpec{{
				ID: f.Name,
				New: func(supervisor.Heir) supervisor.Behavior {
					return &extension{door: d, factory: f, log: d.Log("extension/" + f.Name)}
				},
			}},
		},
	}
}

// intensity is how often an extension may crash before it is quarantined: three times within 30 s,
// or within the time that four calls beyond a long deadline take.
func intensity(f *extensions.Factory) supervisor.Intensity {
	within := 3*deadlineOf(f) + 5*time.Second
	return supervisor.Intensity{Max: 3, Within: max(30*time.Second, within)}
}

func deadlineOf(f *extensions.Factory) time.Duration {
	if f.Deadline > 0 {
		return f.Deadline
	}
	return extensions.HandleDeadline
}

// Init makes a fresh extension and asks whether it is attached.
func (e *extension) Init(ctx *supervisor.Ctx) error {
	e.number = ctx.Incarnation()
	e.host = newHost(e, ctx)
	ext, err := e.factory.New(e.host)
	if err != nil {
		return fmt.Errorf("start extension %s: %w", e.factory.Name, err)
	}
	e.ext = ext
	// lost while channel/extensions is being restarted: its next incarnation attaches anew
	_ = e.door.Channel.Send(message.ExtensionReady{Name: e.factory.Name})
	return nil
}

// Receive handles one message; see the table in package actors.
func (e *extension) Receive(ctx *supervisor.Ctx, msg any) error {
	switch m := msg.(type) {
	case message.ExtensionAttached:
		e.attach(m.Version)
	case message.ExtensionDetached:
		e.detach()
	case message.ExtensionMessage:
		if e.attached {
			e.add(extensions.Event{Kind: extensions.Message, Name: m.Event, Payload: m.Payload})
		}
	case message.ExtensionSent:
		e.host.window.sent(m.Bytes)
	case setTimer:
		if m.incarnation == e.number {
			e.alarms.set(time.Now(), m.name, m.after)
		}
	case drive.Tick:
		if err := e.tick(time.Now()); err != nil {
			return err
		}
	case handled:
		if m.call != e.call {
			return nil
		}
		e.call, e.due = nil, time.Time{}
		if m.err != nil {
			return m.err
		}
	default:
		return ctx.Unexpected(msg)
	}
	e.next(ctx)
	e.timer.Arm(ctx, drive.Earliest(e.alarms.deadline(), e.due))
	return nil
}

// tick queues the events of the timers that ring, and reports a call that has passed its deadline.
func (e *extension) tick(now time.Time) error {
	for name, ok := e.alarms.ring(now); ok; name, ok = e.alarms.ring(now) {
		e.add(extensions.Event{Kind: extensions.Tick, Name: name})
	}
	if e.due.IsZero() || now.Before(e.due) {
		return nil
	}
	e.due = time.Time{}
	return e.hung()
}

// Terminate notes why the extension ended. When it was stopped, Terminate waits for the call that
// is under way and lets Handle put its things in order.
func (e *extension) Terminate(_ *supervisor.Ctx, reason error) {
	e.host.window.close()
	asked := errors.Is(reason, supervisor.ErrShutdown)
	if !asked {
		e.door.Board.ExtensionProblem(e.factory.Name, reason.Error())
	}
	if errors.Is(reason, errHung) {
		return
	}
	patience := time.NewTimer(terminateWithin)
	defer patience.Stop()
	if e.await(patience.C) && asked && e.attached {
		e.begin(extensions.Event{Kind: extensions.Detached}, func(*handleCall) {})
		e.await(patience.C)
	}
}

// await waits until no call of Handle is under way, or until patience is over, and reports whether
// none is.
func (e *extension) await(patience <-chan time.Time) bool {
	if e.call == nil {
		return true
	}
	select {
	case <-e.call.done:
		e.call = nil
		return true
	case <-patience:
		e.abandon()
		return false
	}
}

// attach tells the extension that the hub listens. One that is attached already goes on; what it
// had pushed may be lost with the previous incarnation of channel/extensions.
func (e *extension) attach(version string) {
	e.host.window.open()
	if !e.attached {
		e.attached = true
		e.add(extensions.Event{Kind: extensions.Attached, Version: version})
	}
}

func (e *extension) detach() {
	e.host.window.close()
	if e.attached {
		e.attached = false
		e.add(extensions.Event{Kind: extensions.Detached})
	}
}

func (e *extension) add(event extensions.Event) {
	if !e.queue.add(event) {
		e.door.Board.Count(func(n *board.Counters) { n.Dropped++ })
		e.log.Debug().Str("event", event.Name).Msg("message dropped: Handle is slow, its queue is full")
	}
}

// next gives the oldest event to Handle, unless a call is under way.
func (e *extension) next(ctx *supervisor.Ctx) {
	if e.call != nil {
		return
	}
	event, ok := e.queue.take()
	if !ok {
		return
	}
	self := ctx.Self()
	e.begin(event, func(call *handleCall) {
		_ = self.Send(handled{call: call, err: call.err}) // the incarnation has ended: not needed
	})
	e.due = drive.In(deadlineOf(e.factory))
}

// begin calls Handle in a goroutine, which ends with the call.
func (e *extension) begin(event extensions.Event, then func(*handleCall)) {
	call := newHandleCall(event)
	e.call = call
	go func() {
		call.run(e.ext)
		if call.returned() {
			e.door.Board.Count(func(n *board.Counters) { n.Abandoned-- })
		}
		then(call)
	}()
}

// hung reports a call of Handle that has passed its deadline, to the log, the hub and Status, and
// ends this incarnation. A call that has returned meanwhile is left alone.
func (e *extension) hung() error {
	if !e.abandon() {
		return nil
	}
	name, deadline := e.factory.Name, deadlineOf(e.factory)
	err := fmt.Errorf("%w: %s has not returned for %v", errHung, e.call.what, deadline)
	e.door.Board.Count(func(n *board.Counters) { n.Hangs++ })
	e.log.Warn().Str("extension", name).Str("call", e.call.what).Dur("deadline_ms", deadline).
		Msg("extension hangs: the call is abandoned, a fresh extension takes its place")
	e.door.Events.Hung(name, err)
	// lost while channel/extensions is being restarted: its next incarnation attaches anew
	_ = e.door.Channel.Send(message.ExtensionHung{Name: name})
	return err
}

// abandon gives up the call that is under way, counts it until it returns, and reports whether it
// had not returned.
func (e *extension) abandon() bool {
	if !e.call.abandon() {
		return false
	}
	e.door.Board.Count(func(n *board.Counters) { n.Abandoned++ })
	return true
}
