package actors

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/supervisor"
)

// A transfer is a pair of actors, applier and downloader, that live as long as one try of a
// download. Its number is in all that they say: what an older pair still says is not listened to.
const (
	applierID    = "applier"
	downloaderID = "downloader"
	// transferWithin bounds the start or stop of one of them: a writer that hangs is abandoned before.
	transferWithin = 20 * time.Second
)

// transferUp: from an errand; one actor of a transfer was started, or not.
type transferUp struct {
	id  string
	run uint64
	err error
}

func (d *Device) applier() supervisor.Ref    { return d.ref("update/transfers/" + applierID) }
func (d *Device) downloader() supervisor.Ref { return d.ref("update/transfers/" + downloaderID) }

// prepare starts an applier, once nobody writes the slot any more.
func (u *updater) prepare(ctx *supervisor.Ctx, e firmware.Effect) {
	plan, number := e.Plan, e.Run
	u.errands.run(ctx, errand{name: "start applier", do: func(gctx context.Context) any {
		u.dev.stopTransfer(gctx)
		return u.dev.startTransfer(gctx, number, supervisor.ChildSpec{
			ID: applierID, Restart: supervisor.Temporary, // a crash is for the updater to judge
			New: func(supervisor.Heir) supervisor.Behavior { return u.dev.newApplier(number, plan) },
		})
	}})
}

// fetch starts a downloader for the applier that is there.
func (u *updater) fetch(ctx *supervisor.Ctx, e firmware.Effect) {
	plan, off, number := e.Plan, e.Offset, e.Run
	u.errands.run(ctx, errand{name: "start downloader", do: func(gctx context.Context) any {
		return u.dev.startTransfer(gctx, number, supervisor.ChildSpec{
			ID: downloaderID, Restart: supervisor.Temporary, // as above
			New: func(supervisor.Heir) supervisor.Behavior { return u.dev.newDownloader(number, plan, off) },
		})
	}})
}

func (u *updater) stopTransfer(ctx *supervisor.Ctx) {
	if !u.dev.applier().Alive() && !u.dev.downloader().Alive() && u.errands.idle() {
		return
	}
	u.errands.run(ctx, errand{name: "stop transfer", do: func(gctx context.Context) any {
		u.dev.stopTransfer(gctx)
		return nil
	}})
}

func (d *Device) startTransfer(
	ctx context.Context,
	run uint64,
	spec supervisor.ChildSpec,
) transferUp {
	up := transferUp{id: spec.ID, run: run}
	sup, ok := d.sys.Supervisor(d.path("update/transfers"))
	if !ok {
		up.err = fmt.Errorf("start %s: its supervisor is not there", spec.ID)
		return up
	}
	up.err = within(ctx, transferWithin, func(ctx context.Context) error {
		_, err := sup.StartChild(ctx, spec)
		return err
	})
	return up
}

// stopTransfer ends both actors, the one that feeds the other first.
func (d *Device) stopTransfer(ctx context.Context) {
	sup, ok := d.sys.Supervisor(d.path("update/transfers"))
	if !ok {
		return
	}
	for _, id := range [...]string{downloaderID, applierID} {
		_ = within(
			ctx,
			transferWithin,
			func(ctx context.Context) error { return sup.TerminateChild(ctx, id) },
		) // not there: nothing to stop
	}
}

// watch has the end of an actor of the transfer reported.
func (u *updater) watch(ctx *supervisor.Ctx, m transferUp) {
	ref := u.dev.ref("update/transfers/" + m.id)
	if u.watched == nil {
		u.watched = make(map[supervisor.Ref]uint64, 2)
	}
	u.watched[ref] = m.run
	if m.err != nil {
		_ = ctx.Self().Send(supervisor.Down{Ref: ref, Reason: m.err})
		return
	}
	ctx.Monitor(ref)
}

// down: an actor of a transfer has ended, one that is done has said so before; or the client has,
// while it was to reboot.
func (u *updater) down(ctx *supervisor.Ctx, m supervisor.Down) error {
	if m.Ref == u.dev.client {
		if !errors.Is(m.Reason, supervisor.ErrShutdown) {
			u.dev.endForReboot(u.rebooting)
		}
		return nil
	}
	number, ok := u.watched[m.Ref]
	delete(u.watched, m.Ref)
	if len(u.watched) == 0 {
		u.watched = nil
	}
	if !ok || errors.Is(m.Reason, supervisor.ErrNormal) {
		return nil
	}
	return u.step(ctx, firmware.Input{Kind: firmware.TransferLost, Run: number, Err: m.Reason})
}
