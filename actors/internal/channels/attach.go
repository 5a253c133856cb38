package channels

import (
	"context"
	"errors"

	"github.com/hublink-go/hublink/actors/internal/errand"
	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/hub"
	"github.com/hublink-go/hublink/supervisor"
)

// attach starts the actors of the named extensions; those that run are told that they are attached
// again.
func (c *extensionsTopic) attach(ctx *supervisor.Ctx, names []string) error {
	for _, name := range names {
		f, _ := c.door.factory(name)
		number, known := c.table.Attach(name)
		if !known {
			if err := c.say(ctx, name, "error", hub.ExtensionError("unknown_extension")); err != nil {
				return err
			}
			continue
		}
		spec := c.door.Spec(f)
		c.errands.Run(ctx, errand.Errand{Name: "attach " + name, Do: func(gctx context.Context) any {
			err := c.door.Branch.Start(gctx, spec)
			if errors.Is(err, supervisor.ErrAlreadyStarted) {
				err = nil
			}
			return extensionStarted{name: name, number: number, err: err}
		}})
	}
	return nil
}

func (c *extensionsTopic) started(ctx *supervisor.Ctx, m extensionStarted) error {
	if !c.table.Started(m.name, m.number) {
		return nil // detached meanwhile
	}
	if m.err != nil {
		c.table.Detach(m.name)
		c.channel.log.Warn().Err(m.err).Str("extension", m.name).Msg("extension does not start")
		return c.say(ctx, m.name, "error", hub.ExtensionError("start_failure"))
	}
	ctx.Monitor(c.door.supervisor(m.name))
	if err := c.say(ctx, m.name, "attached", hub.Empty); err != nil {
		return err
	}
	c.ready(m.name)
	return nil
}

// ready tells an extension's actor that it is attached, if it is.
func (c *extensionsTopic) ready(name string) {
	if c.table.Attached(name) && c.channel.core.State() == protocol.Joined {
		// being restarted: it says ready
		_ = c.door.extension(name).Send(message.ExtensionAttached{Version: c.table.Version(name)})
		c.show()
	}
}

// show writes down which extensions are attached.
func (c *extensionsTopic) show() { c.door.Board.Extensions(c.table.Names()) }

func (c *extensionsTopic) detach(ctx *supervisor.Ctx, names []string) error {
	for _, name := range names {
		if !c.table.Attached(name) {
			continue
		}
		c.stop(ctx, name)
		if err := c.say(ctx, name, "detached", hub.Empty); err != nil {
			return err
		}
	}
	return nil
}

// stop ends an extension's actor without a word to the hub.
func (c *extensionsTopic) stop(ctx *supervisor.Ctx, name string) {
	c.table.Detach(name)
	c.show()
	c.errands.Run(ctx, errand.Errand{Name: "detach " + name, Do: func(gctx context.Context) any {
		c.door.Branch.Stop(gctx, name)
		return nil
	}})
}

// quarantined: an extension's supervisor has given up, after the fourth crash within 30 s. The hub
// is told, and may attach it again.
func (c *extensionsTopic) quarantined(ctx *supervisor.Ctx, m supervisor.Down) error {
	if errors.Is(m.Reason, supervisor.ErrShutdown) {
		return nil // it was stopped, by a detach or with the device
	}
	for _, name := range c.table.Names() {
		if c.door.supervisor(name) != m.Ref {
			continue
		}
		c.table.Detach(name)
		c.show()
		c.door.Events.Quarantined(name, m.Reason)
		c.channel.log.Warn().
			Str("extension", name).
			Msg("extension crashed too often, detached until the hub attaches it again")
		return c.say(ctx, name, "error", hub.ExtensionError("crashed"))
	}
	return nil
}
