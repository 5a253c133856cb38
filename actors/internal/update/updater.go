package update

import (
	"context"
	"errors"
	"time"

	"github.com/hublink-go/hublink/actors/internal/board"
	"github.com/hublink-go/hublink/actors/internal/drive"
	"github.com/hublink-go/hublink/actors/internal/errand"
	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/protocol/hub"
	"github.com/hublink-go/hublink/supervisor"
)

// New makes an incarnation of updater.
func New(door *Door, h supervisor.Heir) supervisor.Behavior {
	u := &updater{door: door, log: door.Log("updater"), core: firmware.NewMachine(door.Machine)}
	if kept, ok := h.Take(memoryKey); ok {
		u.memory, _ = kept.(*updaterMemory)
	}
	return u
}

// Init goes on where journal and boot record say, and asks the channel for its state. Both are
// small and read here, so that nothing is handled before they are known.
func (u *updater) Init(ctx *supervisor.Ctx) error {
	disk := u.load(context.Background()) // bounded by itself
	if u.memory != nil {
		disk.Memory = u.memory.Memory
		ctx.Keep(memoryKey, u.memory)
	}
	if err := u.start(ctx, disk); err != nil {
		return err
	}
	_ = u.door.Channel.Send(message.AskChannel{}) // not there yet: it will join and tell
	return u.tellParams()
}

// start starts the core from what is on disk.
func (u *updater) start(ctx *supervisor.Ctx, disk firmware.OnDisk) error {
	if err := u.step(ctx, firmware.Started(disk)); err != nil {
		return err
	}
	u.remember(ctx)
	u.publish()
	return nil
}

// Receive handles one message; see the table in package actors.
func (u *updater) Receive(ctx *supervisor.Ctx, msg any) error {
	u.outcomes.note(msg)
	if in, ok := u.input(msg); ok {
		return u.step(ctx, in)
	}
	switch m := msg.(type) {
	case drive.Tick:
		return u.tick(ctx)
	case message.AskParams:
		return u.tellParams()
	case message.CommitWanted:
		u.callers = append(u.callers, ctx.Caller())
		return u.step(ctx, firmware.CommitWanted())
	case errand.Done:
		return u.errandDone(ctx, m)
	case flipEnded:
		if m.run == u.flipping {
			u.flipEnded(ctx, m.err)
		}
		return nil
	case transferUp:
		u.watch(ctx, m)
		return nil
	case supervisor.Down:
		return u.down(ctx, m)
	default:
		return ctx.Unexpected(msg)
	}
}

// input translates what the core has to know.
func (u *updater) input(msg any) (firmware.Input, bool) {
	switch m := msg.(type) {
	case message.Offered:
		return firmware.Offered(m.Offer), true
	case message.Decided:
		return firmware.Decided(m.UUID, m.Decision), true
	case message.ChannelUp:
		return firmware.ChannelUp(m.Last, m.Validated), true
	case message.ChannelDown:
		return firmware.ChannelDown(), true
	case message.ReportWritten:
		return firmware.Written(m.Seq), true
	case message.ReportConfirmed:
		return firmware.Confirmed(m.Seq), true
	case message.RebootWanted:
		return firmware.RebootWanted(m.Reason), true
	case prepared:
		return firmware.Prepared(m.run, m.off), true
	case fetchesItself:
		return firmware.FetchesItself(m.run), true
	case attemptStarted:
		return firmware.AttemptStarted(m.run, m.off, m.total), true
	case advanced:
		return firmware.Advanced(m.run, m.off, m.safe), true
	case fetched:
		return firmware.Fetched(m.run), true
	case fetchFailed:
		return firmware.FetchFailed(m.run, m.err), true
	case applied:
		return firmware.Applied(m.run, m.flips), true
	case applyFailed:
		return firmware.ApplyFailed(m.run, m.err), true
	default:
		return firmware.Input{}, false
	}
}

func (u *updater) errandDone(ctx *supervisor.Ctx, m errand.Done) error {
	u.errands.Finish(ctx)
	switch r := m.Result.(type) {
	case nil:
		return nil
	case firmware.Input:
		return u.step(ctx, r)
	case firmware.OnDisk:
		return u.start(ctx, r)
	default:
		return u.Receive(ctx, r)
	}
}

// tick: the deadline of the core has come, or the time to ask the client again.
func (u *updater) tick(ctx *supervisor.Ctx) error {
	if u.again.due(time.Now()) {
		u.askClient()
	}
	return u.step(ctx, firmware.Tick())
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
	fetches := m.Ref == u.door.Transfers.downloader()
	if errors.Is(m.Reason, supervisor.ErrNoProc) && u.outcomes.told(fetches, number) {
		return nil // it was done before it was watched
	}
	if number == u.flipping {
		if !fetches {
			u.flipEnded(ctx, m.Reason)
		}
		return nil
	}
	return u.step(ctx, firmware.TransferLost(number, m.Reason))
}

// Terminate has nothing to undo: the journal has all that the next incarnation needs.
func (u *updater) Terminate(*supervisor.Ctx, error) {}

// step feeds the core and carries out what it says, in order.
func (u *updater) step(ctx *supervisor.Ctx, in firmware.Input) error {
	effects := u.core.Step(time.Now(), in, nil)
	if len(effects) > 0 {
		u.remember(ctx)
		u.publish()
	}
	for _, e := range effects {
		ctx.Checkpoint("effect")
		saved, err := u.apply(ctx, e)
		if err != nil {
			return err
		}
		if saved != nil { // nothing after it may be done
			return u.step(ctx, firmware.PersistFailed(saved))
		}
	}
	u.timer.Arm(ctx, drive.Earliest(u.core.Deadline(), u.again.at))
	return nil
}

// remember keeps what the next incarnation in this process has to know. A device at rest keeps
// nothing.
func (u *updater) remember(ctx *supervisor.Ctx) {
	switch idle := u.core.State() == firmware.Idle; {
	case idle && u.memory != nil:
		u.memory = nil
		ctx.Keep(memoryKey, nil)
	case !idle && u.memory == nil:
		u.memory = &updaterMemory{Memory: u.core.Memory()}
		ctx.Keep(memoryKey, u.memory)
	case !idle:
		u.memory.Memory = u.core.Memory()
	}
}

// tellParams gives the channel its join parameters; one that did not ask takes no notice.
func (u *updater) tellParams() error {
	f := u.core.Facts()
	_ = u.door.Channel.Send(message.JoinParams{Join: hub.JoinParams{ // lost: it asks again
		Metadata: f.Meta, DownloadingUUID: f.Downloading, Validated: f.Validated, Reverted: f.Reverted,
	}})
	return nil
}

// publish writes down what Status shows.
func (u *updater) publish() {
	boot, reverted := u.core.Boot(), u.core.Reverted()
	offer, stage, percent := u.core.Update()
	f := board.Firmware{
		Meta: boot.Meta, Slot: boot.Active, Validated: boot.Validated, Reverted: reverted,
	}
	if offer != nil {
		f.Update = &board.Update{
			UUID: offer.UUID, Version: offer.Version(), Stage: stage.String(), Percent: percent,
		}
	}
	u.door.Board.Firmware(f)
}
