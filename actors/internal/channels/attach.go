package channels

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
		number, known := c.table.Attach(name)
		if !known {
			if err := c.say(ctx, name, "error", hub.ExtensionError("unknown_extension")); err != nil {
				return err
			}
			continue
		}
		spec := c.door.Spec(c.door.factory(name))
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
		c.door.Board.ExtensionProblem(m.name, "does not start: "+m.err.Error())
		c.channel.log.Warn().Err(m.err).Str("extension", m.name).Msg("extension does not start")
		return c.say(ctx, m.name, "error", hub.ExtensionError("start_failure"))
	}
	ctx.Monitor(c.door.supervisor(m.name))
	c.door.Board.ExtensionProblem(m.name, "")
	c.table.Recover(m.name)
	if err := c.say(ctx, m.name, "attached", hub.Empty); err != nil {
		return err
	}
	return c.ready(ctx, m.name)
}

// ready tells an extension's actor that it is attached, if it is, and after a hang the hub, too.
func (c *extensionsTopic) ready(ctx *supervisor.Ctx, name string) error {
	if !c.table.Attached(name) || c.channel.core.State() != protocol.Joined {
		return nil
	}
	if c.table.Recover(name) {
		if err := c.say(ctx, name, "attached", hub.Empty); err != nil {
			return err
		}
	}
	// lost while the extension is being restarted: it says ready
	_ = c.door.extension(name).Send(message.ExtensionAttached{Version: c.table.Version(name)})
	c.show()
	return nil
}

// hung tells the hub that an extension does not answer. The hub takes it for detached until a fresh
// incarnation is ready.
func (c *extensionsTopic) hung(ctx *supervisor.Ctx, name string) error {
	if !c.table.Hang(name) {
		return nil
	}
	return c.say(ctx, name, "error", hub.ExtensionError("hanging"))
}

// unknown notes, each once, the extensions that the hub does not take: its attach list has only
// those of wanted.
func (c *extensionsTopic) unknown(wanted []string) {
	for _, f := range c.door.Factories {
		advertised, known := c.offer.advertised[f.Name]
		var problem string
		switch {
		case slices.Contains(wanted, f.Name) || known && c.table.Version(f.Name) != "":
			continue // attached, or switched off by the operator
		case known:
			problem = fmt.Sprintf("the hub speaks other versions of it: %.200q", advertised)
		default:
			problem = "the hub does not know it, or has it switched off"
		}
		if c.door.Board.ExtensionProblem(f.Name, problem) {
			c.channel.log.Info().Str("extension", f.Name).Str("reason", problem).
				Msg("extension is not attached")
		}
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
		c.door.Board.ExtensionProblem(name, "crashed too often, detached: "+m.Reason.Error())
		c.door.Events.Quarantined(name, m.Reason)
		c.channel.log.Warn().
			Str("extension", name).
			Msg("extension crashed too often, detached until the hub attaches it again")
		return c.say(ctx, name, "error", hub.ExtensionError("crashed"))
	}
	return nil
}
