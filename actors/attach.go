package actors

import (
	"context"
	"errors"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/hub"
	"github.com/hublink-go/hublink/supervisor"
)

// attach starts the actors of the named extensions; those that run are told that they are attached
// again.
func (c *extensionsChannel) attach(ctx *supervisor.Ctx, names []string) error {
	for _, name := range names {
		f, known := c.dev.factory(name)
		if !known {
			if err := c.say(ctx, name, "error", hub.ExtensionError("unknown_extension")); err != nil {
				return err
			}
			continue
		}
		c.number++
		number := c.number
		c.attached[name], c.asked[name] = true, number
		c.errands.run(ctx, errand{name: "attach " + name, do: func(gctx context.Context) any {
			return extensionStarted{name: name, number: number, err: c.dev.startExtension(gctx, f)}
		}})
	}
	return nil
}

func (c *extensionsChannel) started(ctx *supervisor.Ctx, m extensionStarted) error {
	if !c.attached[m.name] || m.number != c.asked[m.name] {
		return nil // detached meanwhile
	}
	if m.err != nil {
		delete(c.attached, m.name)
		c.log.Warn().Err(m.err).Str("extension", m.name).Msg("extension does not start")
		return c.say(ctx, m.name, "error", hub.ExtensionError("start_failure"))
	}
	ctx.Monitor(c.dev.extensionSup(m.name))
	if err := c.say(ctx, m.name, "attached", hub.Empty); err != nil {
		return err
	}
	c.ready(m.name)
	return nil
}

// ready tells an extension's actor that it is attached, if it is.
func (c *extensionsChannel) ready(name string) {
	if c.attached[name] && c.core.State() == protocol.Joined {
		_ = c.dev.extension(name).
			Send(extensionAttached{version: c.versions[name]})
			// being restarted: it says ready
		c.dev.board.attached(c.attached)
	}
}

func (c *extensionsChannel) detach(ctx *supervisor.Ctx, names []string) error {
	for _, name := range names {
		if !c.attached[name] {
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
func (c *extensionsChannel) stop(ctx *supervisor.Ctx, name string) {
	delete(c.attached, name)
	c.dev.board.attached(c.attached)
	c.errands.run(ctx, errand{name: "detach " + name, do: func(gctx context.Context) any {
		c.dev.stopExtension(gctx, name)
		return nil
	}})
}

// quarantined: an extension's supervisor has given up, after the fourth crash within 30 s. The hub
// is told, and may attach it again.
func (c *extensionsChannel) quarantined(ctx *supervisor.Ctx, m supervisor.Down) error {
	if errors.Is(m.Reason, supervisor.ErrShutdown) {
		return nil // it was stopped, by a detach or with the device
	}
	for name := range c.attached {
		if c.dev.extensionSup(name) != m.Ref {
			continue
		}
		delete(c.attached, name)
		c.dev.board.attached(c.attached)
		c.dev.emit(Event{Kind: EventExtensionQuarantined, Name: name, Err: m.Reason})
		c.log.Warn().
			Str("extension", name).
			Msg("extension crashed too often, detached until the hub attaches it again")
		return c.say(ctx, name, "error", hub.ExtensionError("crashed"))
	}
	return nil
}
