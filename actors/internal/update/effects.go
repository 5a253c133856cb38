package update

import (
	"context"
	"fmt"

	"github.com/hublink-go/hublink/actors/internal/drive"
	"github.com/hublink-go/hublink/actors/internal/errand"
	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/protocol/hub"
	"github.com/hublink-go/hublink/supervisor"
)

// apply carries out one effect. unsaved is why a journal that had to be saved was not; err is a bug
// of ours.
func (u *updater) apply(ctx *supervisor.Ctx, e firmware.Effect) (unsaved, err error) {
	switch e.Kind {
	case firmware.DoPersist:
		return u.persist(e), nil
	case firmware.DoReport:
		u.push(reportPush(e.Report), e.Report.Seq)
	case firmware.DoProgress:
		u.progress(e)
	case firmware.DoValidated:
		u.push(hub.FirmwareValidated(), 0)
	case firmware.DoDecide:
		u.askClient()
	case firmware.DoPrepare:
		u.prepare(ctx, e)
	case firmware.DoFetch:
		u.fetch(ctx, e)
	case firmware.DoFinish:
		_ = u.door.Transfers.applier().Send(finish{run: e.Plan.Run}) // not there: its end was noticed
	case firmware.DoStop:
		u.stopTransfer(ctx)
	case firmware.DoFlip:
		u.flip(ctx, e)
	case firmware.DoCommit, firmware.DoRevert:
		u.writeBoot(ctx, e)
	case firmware.DoInspect:
		u.errands.Run(ctx, errand.Errand{
			Name: "inspect", Do: func(gctx context.Context) any { return u.load(gctx) },
		})
	case firmware.DoReboot:
		u.reboot(ctx, e.Reason)
	case firmware.DoAnswer:
		for _, c := range u.callers {
			c.Reply(message.Committed{Err: e.Err})
		}
		u.callers = nil
	case firmware.DoTell:
		u.tell(e)
	default:
		return nil, fmt.Errorf("updater: unknown effect %d", e.Kind)
	}
	return nil, nil
}

// persist saves the journal in the actor's own turn: nothing that follows may be begun before.
func (u *updater) persist(e firmware.Effect) error {
	err := e.Err
	if err == nil {
		err = u.door.Journal.Save(e.Journal)
	}
	if err == nil || e.Must {
		return err
	}
	u.log.Warn().
		Err(err).
		Msg("the journal cannot be saved; going on, since the boot record knows what matters")
	return nil
}

func (u *updater) push(p hub.Push, seq uint64) {
	// lost with a crash of the channel: said again after the rejoin
	_ = u.door.Channel.Send(message.Push{Event: p.Event, Payload: p.Payload, Seq: seq})
}

func (u *updater) progress(e firmware.Effect) {
	if e.Push {
		stage := hub.StageDownloading
		if e.Stage == firmware.StageUpdating {
			stage = hub.StageUpdating
		}
		u.push(hub.Progress(stage, e.Percent), 0)
	}
	if u.door.Tells.Progress {
		_ = u.door.Client.Send(message.TellProgress{
			UUID: e.UUID, Stage: e.Stage.String(), Percent: e.Percent,
		})
	}
}

// askClient asks for a decision about the offer, if one is awaited. A client that is being
// restarted is asked again.
func (u *updater) askClient() {
	u.again.clear()
	if u.core.State() != firmware.Deciding {
		return
	}
	offer, _, _ := u.core.Update()
	if u.door.Client.Send(message.Decide{Offer: *offer}) != nil {
		u.again.set(drive.In(askClientAgain))
	}
}

// reboot has the client reboot the machine. When the client ends over it, the default counts at
// once, see down.
func (u *updater) reboot(ctx *supervisor.Ctx, reason string) {
	u.rebooting = reason
	ctx.Monitor(u.door.Client)
	_ = u.door.Client.Send(message.DoReboot{Reason: reason}) // not alive: its monitor says so
}

// flip has the applier flip, or the boot record written.
func (u *updater) flip(ctx *supervisor.Ctx, e firmware.Effect) {
	if !e.ByApplier {
		u.writeBoot(ctx, e)
		return
	}
	u.flipping = e.Plan.Run
	if err := u.door.Transfers.applier().Send(flip{run: e.Plan.Run}); err != nil {
		u.flipEnded(ctx, err)
	}
}

// flipEnded reads the boot record after a flip by the applier.
func (u *updater) flipEnded(ctx *supervisor.Ctx, err error) {
	u.flipping = 0
	u.errands.Run(ctx, errand.Errand{Name: "boot record", Do: func(gctx context.Context) any {
		return firmware.FlipDone(err, u.door.bootState(gctx))
	}})
}

// writeBoot has the boot record written and reads it anew.
func (u *updater) writeBoot(ctx *supervisor.Ctx, e firmware.Effect) {
	slots := u.door.Slots
	u.errands.Run(ctx, errand.Errand{Name: "boot record", Do: func(gctx context.Context) any {
		// A write that has begun is not broken off when the actor ends: its successor reads what has
		// become of it.
		wctx, cancel := context.WithTimeout(context.WithoutCancel(gctx), bootWriteWithin)
		defer cancel()
		switch e.Kind {
		case firmware.DoFlip:
			err := slots.Flip(wctx, e.Plan.Target)
			return firmware.FlipDone(err, u.door.bootState(wctx))
		case firmware.DoCommit:
			err := slots.Commit(wctx)
			return firmware.CommitDone(err, u.door.bootState(wctx))
		default:
			err := slots.Revert(wctx)
			return firmware.RevertDone(err, u.door.bootState(wctx))
		}
	}})
}

// load reads what is on disk.
func (u *updater) load(ctx context.Context) (disk firmware.OnDisk) {
	disk.Journal, disk.JournalErr = u.door.Journal.Load()
	disk.Boot = u.door.bootState(ctx)
	return disk
}

// bootState reads the boot record.
func (d *Door) bootState(ctx context.Context) (boot firmware.BootRead) {
	ctx, cancel := context.WithTimeout(ctx, stateWithin)
	defer cancel()
	boot.State, boot.Err = d.Slots.State(ctx)
	return boot
}
