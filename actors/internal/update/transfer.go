package update

import (
	"context"
	"time"

	"github.com/hublink-go/hublink/actors/internal/errand"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/supervisor"
)

// transfer is one try of a download. A pair of actors, applier and downloader, lives as long as it.
// The number of its plan is in all that they say: the owner drops what an older pair still says.
type transfer struct {
	owner supervisor.Ref   // hears what becomes of it
	sink  firmware.Applier // takes the bytes of plan.Source
	plan  *firmware.Plan
}

// tell sends to the owner. One that is not alive orders a new transfer when it is back.
func (t *transfer) tell(msg any) error { return t.owner.Send(msg) }

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

// transfer returns the transfer of an effect, which this updater owns.
func (u *updater) transfer(e firmware.Effect) transfer {
	return transfer{owner: u.door.Self, sink: u.door.Applier, plan: e.Plan}
}

// prepare starts an applier, after the actors of an earlier transfer have stopped.
func (u *updater) prepare(ctx *supervisor.Ctx, e firmware.Effect) {
	door, t := u.door.Transfers, u.transfer(e)
	u.errands.Run(ctx, errand.Errand{Name: "start applier", Do: func(gctx context.Context) any {
		door.stop(gctx)
		return door.start(gctx, t.plan.Run, supervisor.ChildSpec{
			ID: applierID, Restart: supervisor.Temporary, // a crash is for the updater to judge
			New: func(supervisor.Heir) supervisor.Behavior { return newApplier(door, t) },
		})
	}})
}

// fetch starts a downloader for the applier that is there.
func (u *updater) fetch(ctx *supervisor.Ctx, e firmware.Effect) {
	door, t, off := u.door.Transfers, u.transfer(e), e.From
	u.errands.Run(ctx, errand.Errand{Name: "start downloader", Do: func(gctx context.Context) any {
		return door.start(gctx, t.plan.Run, supervisor.ChildSpec{
			ID: downloaderID, Restart: supervisor.Temporary, // as above
			New: func(supervisor.Heir) supervisor.Behavior { return newDownloader(door, t, off) },
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
