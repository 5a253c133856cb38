package update

import (
	"context"
	"errors"
	"time"

	"github.com/hublink-go/hublink/actors/internal/errand"
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

// prepare starts an applier, once nobody writes the slot any more.
func (u *updater) prepare(ctx *supervisor.Ctx, e firmware.Effect) {
	plan, number, door := e.Plan, e.Plan.Run, u.door.Transfers
	u.errands.Run(ctx, errand.Errand{Name: "start applier", Do: func(gctx context.Context) any {
		door.stop(gctx)
		return door.start(gctx, number, supervisor.ChildSpec{
			ID: applierID, Restart: supervisor.Temporary, // a crash is for the updater to judge
			New: func(supervisor.Heir) supervisor.Behavior { return newApplier(door, number, plan) },
		})
	}})
}

// fetch starts a downloader for the applier that is there.
func (u *updater) fetch(ctx *supervisor.Ctx, e firmware.Effect) {
	plan, off, number, door := e.Plan, e.From, e.Plan.Run, u.door.Transfers
	u.errands.Run(ctx, errand.Errand{Name: "start downloader", Do: func(gctx context.Context) any {
		return door.start(gctx, number, supervisor.ChildSpec{
			ID: downloaderID, Restart: supervisor.Temporary, // as above
			New: func(supervisor.Heir) supervisor.Behavior { return newDownloader(door, number, plan, off) },
		})
	}})
}

func (u *updater) stopTransfer(ctx *supervisor.Ctx) {
	door := u.door.Transfers
	if !door.applier().Alive() && !door.downloader().Alive() && u.errands.Idle() {
		return
	}
	u.errands.Run(ctx, errand.Errand{Name: "stop transfer", Do: func(gctx context.Context) any {
		door.stop(gctx)
		return nil
	}})
}

func (t *Transfers) start(
	ctx context.Context, run uint64, spec supervisor.ChildSpec,
) transferUp {
	err := errand.Within(ctx, transferWithin, func(ctx context.Context) error {
		return t.Branch.Start(ctx, spec)
	})
	return transferUp{id: spec.ID, run: run, err: err}
}

// stop ends both actors, the one that feeds the other first.
func (t *Transfers) stop(ctx context.Context) {
	for _, id := range [...]string{downloaderID, applierID} {
		_ = errand.Within(ctx, transferWithin, func(ctx context.Context) error {
			t.Branch.Stop(ctx, id)
			return nil
		})
	}
}

// watch has the end of an actor of the transfer reported.
func (u *updater) watch(ctx *supervisor.Ctx, m transferUp) {
	ref := u.door.Transfers.Branch.Ref(m.id)
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
	if m.Ref == u.door.Client {
		if !errors.Is(m.Reason, supervisor.ErrShutdown) {
			u.door.Reboot(u.rebooting)
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
	return u.step(ctx, firmware.TransferLost(number, m.Reason))
}
