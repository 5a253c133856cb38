package extension

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/extensions"
	"github.com/hublink-go/hublink/supervisor"
)

// extensionBacklog is how many messages wait for an extension that is slow or hangs; the hub asks
// again for what is lost.
const extensionBacklog = 256

// extensionIntensity is how often an extension may crash before it is quarantined.
var extensionIntensity = supervisor.Intensity{Max: 3, Within: 30 * time.Second}

// extension runs one extension of the embedder's. It is its host: what the extension pushes goes to
// channel/extensions, and its one timer is kept here.
type extension struct {
	door     *Door
	factory  extensions.Factory
	ext      extensions.Extension
	self     supervisor.Ref
	number   uint64 // of the incarnation
	attached bool
	timer    supervisor.Timer
	alarm    uint64 // number of the timer in force
	log      *zerolog.Logger
}

// Messages of the actor to itself.
type (
	// wakeAfter: from Host.Wake on any goroutine of this incarnation's, or of one that ended: then it
	// means nothing. Lost with a crash: the fresh extension sets its own.
	wakeAfter struct {
		incarnation uint64
		after       time.Duration
	}
	// alarm: from its own timer.
	alarm struct{ number uint64 }
)

// Spec describes the branch of one extension: a supervisor of its own, temporary, so that a crash
// loop ends with the extension detached and nothing else hurt.
func Spec(d *Door, f extensions.Factory) supervisor.ChildSpec {
	return supervisor.ChildSpec{
		ID: f.Name, Restart: supervisor.Temporary,
		Supervisor: &supervisor.Spec{
			Name: f.Name, Intensity: extensionIntensity,
			Children: []supervisor.ChildSpec{{
				ID: f.Name,
				New: func(supervisor.Heir) supervisor.Behavior {
					return &extension{door: d, factory: f, log: d.Log("extension/" + f.Name)}
				},
				Mailbox: supervisor.MailboxPolicy{Capacity: extensionBacklog, Overflow: supervisor.DropNewest},
			}},
		},
	}
}

// Init makes a fresh extension and asks whether it is attached.
func (e *extension) Init(ctx *supervisor.Ctx) error {
	e.self, e.number = ctx.Self(), ctx.Incarnation()
	ext, err := e.factory.New(e)
	if err != nil {
		return fmt.Errorf("start extension %s: %w", e.factory.Name, err)
	}
	e.ext = ext
	_ = e.door.Channel.Send(
		message.ExtensionReady{Name: e.factory.Name},
	) // being restarted: it attaches anew
	return nil
}

// Receive handles one message; see the table in the package documentation.
func (e *extension) Receive(ctx *supervisor.Ctx, msg any) error {
	switch m := msg.(type) {
	case message.ExtensionAttached:
		if e.attached {
			return nil
		}
		e.attached = true
		return e.ext.Handle(extensions.Event{Kind: extensions.Attached, Version: m.Version})
	case message.ExtensionDetached:
		return e.detach()
	case message.ExtensionMessage:
		if !e.attached {
			return nil
		}
		return e.ext.Handle(extensions.Event{Kind: extensions.Message, Name: m.Event, Payload: m.Payload})
	case wakeAfter:
		if m.incarnation == e.number {
			e.setAlarm(ctx, m.after)
		}
		return nil
	case alarm:
		if m.number != e.alarm {
			return nil
		}
		return e.ext.Handle(extensions.Event{Kind: extensions.Tick})
	default:
		return ctx.Unexpected(msg)
	}
}

// Terminate lets the extension put its things in order.
func (e *extension) Terminate(_ *supervisor.Ctx, reason error) {
	if errors.Is(reason, supervisor.ErrShutdown) {
		_ = e.detach() // ending anyway
	}
}

func (e *extension) detach() error {
	if !e.attached {
		return nil
	}
	e.attached = false
	return e.ext.Handle(extensions.Event{Kind: extensions.Detached})
}

func (e *extension) setAlarm(ctx *supervisor.Ctx, after time.Duration) {
	e.timer.Stop()
	e.alarm++
	if after >= 0 {
		e.timer = ctx.After(after, alarm{number: e.alarm})
	}
}

// Push implements extensions.Host.
func (e *extension) Push(event string, payload any) error {
	if !e.attached {
		return extensions.ErrDetached
	}
	data, err := json.Marshal(payload, json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("push %s:%s: %w", e.factory.Name, event, err)
	}
	if e.door.Channel.Send(
		message.ExtensionPush{Name: e.factory.Name, Event: event, Payload: data},
	) != nil {
		return extensions.ErrDetached
	}
	return nil
}

// Wake implements extensions.Host.
func (e *extension) Wake(after time.Duration) {
	_ = e.self.Send(wakeAfter{incarnation: e.number, after: after}) // not alive: it has ended
}

// Now implements extensions.Host.
func (e *extension) Now() time.Time { return time.Now() }
