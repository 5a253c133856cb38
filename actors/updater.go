package actors

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/protocol/hub"
	"github.com/hublink-go/hublink/supervisor"
)

const (
	memoryKey = "memory"
	// stateWithin bounds the reading of the boot record.
	stateWithin = 3 * time.Second
	// bootWriteWithin bounds the writing of the boot record.
	bootWriteWithin = 30 * time.Second
	// askClientAgain is when a client that was not alive is asked again.
	askClientAgain = time.Second
)

// updater drives the update machine of one device: it reads journal and boot record when it starts,
// saves the one and has the other written, and orders downloads. What takes time it leaves to
// errands and to the actors of a transfer.
type updater struct {
	dev     *Device
	core    firmware.Machine
	loop    drive
	errands errands // of effects, in their order; the result is a firmware.Input or a message
	watched map[supervisor.Ref]uint64
	callers []supervisor.Caller // who wants a commit
	memory  *updaterMemory      // nil while there is nothing that the next incarnation has to know
	log     zerolog.Logger

	rebooting string // why; empty: it was not asked for
}

// updaterMemory is what an updater leaves to the next one in the same process.
type updaterMemory struct{ firmware.Memory }

// Close implements io.Closer: nobody inherits, and nothing is missed.
func (*updaterMemory) Close() error { return nil }

// Messages to updater.
type (
	// offered: from channel/device; the hub offers a firmware. Lost with a crash: the channel gives it
	// again to the next incarnation, once.
	offered struct{ offer *firmware.Offer }
	// channelUp: from channel/device; it has joined, or answers askChannel: last is the newest report
	// that it pushed since this join, validated what the join has said. Lost: the updater asks when it
	// starts.
	channelUp struct {
		last      uint64
		validated bool
	}
	// channelDown: from channel/device; what is pushed now is dropped. Lost: as if it came later.
	channelDown struct{}
	// askParams: from channel/device; answered with joinParams. Lost: the channel asks again.
	askParams struct{}
	// reportWritten: from channel/device; the reports up to seq went out. Lost: a reboot waits for its
	// deadline.
	reportWritten struct{ seq uint64 }
	// reportConfirmed: from channel/device; they have arrived. Lost: said again after the next join.
	reportConfirmed struct{ seq uint64 }
	// rebootWanted: from channel/device or Device.Reboot. Lost with a crash: whoever wants it asks
	// again.
	rebootWanted struct{ reason string }
	// commitWanted: a Call from Device.Commit, answered with committed. Lost: the caller is told.
	commitWanted struct{}
	committed    struct{ err error }
	// decided: from client. Lost: the default counts at the deadline.
	decided struct {
		uuid     string
		decision firmware.Decision
	}
	// askClient: from its own timer; the client was not alive when it had to decide.
	askClient struct{ uuid string }
)

func (d *Device) newUpdater(h supervisor.Heir) supervisor.Behavior {
	u := &updater{dev: d, log: d.log("updater"), core: firmware.NewMachine(d.cfg.machine())}
	if kept, ok := h.Take(memoryKey); ok {
		u.memory, _ = kept.(*updaterMemory)
	}
	return u
}

// machine is the part of the config that the core needs.
func (c *Config) machine() firmware.Config {
	deadline := c.Client.Deadline
	if deadline == 0 {
		deadline = clientDeadline
	}
	return firmware.Config{
		Policy: c.Firmware.Policy, ManualCommit: c.Firmware.ManualCommit,
		CommitDeadline: c.Firmware.CommitDeadline,
		DecideWithin:   deadline + 5*time.Second, RebootWithin: deadline + time.Minute,
	}
}

// Init goes on where journal and boot record say, and asks the channel for its state. Both are
// small and read here, so that nothing is handled before they are known.
func (u *updater) Init(ctx *supervisor.Ctx) error {
	in := u.load(context.Background()) // bounded by itself
	if u.memory != nil {
		in.Memory = u.memory.Memory
		ctx.Keep(memoryKey, u.memory)
	}
	if err := u.step(ctx, in); err != nil {
		return err
	}
	_ = u.dev.topics[topicDevice].Send(askChannel{}) // not there yet: it will join and tell
	return u.tellParams()
}

// load reads what is on disk.
func (u *updater) load(ctx context.Context) firmware.Input {
	in := firmware.Input{Kind: firmware.Started}
	in.Journal, in.Err = u.dev.cfg.Firmware.Journal.Load()
	in.Boot, in.BootErr = u.dev.bootState(ctx)
	return in
}

// Receive handles one message; see the table in the package documentation.
func (u *updater) Receive(ctx *supervisor.Ctx, msg any) error {
	if in, ok := u.input(msg); ok {
		return u.step(ctx, in)
	}
	switch m := msg.(type) {
	case tick:
		return u.step(ctx, firmware.Input{})
	case askParams:
		return u.tellParams()
	case commitWanted:
		u.callers = append(u.callers, ctx.Caller())
		return u.step(ctx, firmware.Input{Kind: firmware.CommitWanted})
	case askClient:
		u.askClient(ctx, m.uuid)
		return nil
	case errandDone:
		return u.errandDone(ctx, m)
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
	var in firmware.Input
	switch m := msg.(type) {
	case offered:
		in = firmware.Input{Kind: firmware.Offered, Offer: m.offer}
	case decided:
		in = firmware.Input{Kind: firmware.Decided, UUID: m.uuid, Decision: m.decision}
	case channelUp:
		in = firmware.Input{Kind: firmware.ChannelUp, Seq: m.last, Knows: m.validated}
	case channelDown:
		in = firmware.Input{Kind: firmware.ChannelDown}
	case reportWritten:
		in = firmware.Input{Kind: firmware.Written, Seq: m.seq}
	case reportConfirmed:
		in = firmware.Input{Kind: firmware.Confirmed, Seq: m.seq}
	case rebootWanted:
		in = firmware.Input{Kind: firmware.RebootWanted, Reason: m.reason}
	case prepared:
		in = firmware.Input{Kind: firmware.Prepared, Run: m.run, Offset: m.off}
	case attemptStarted:
		in = firmware.Input{Kind: firmware.AttemptStarted, Run: m.run, Offset: m.off, Size: m.total}
	case advanced:
		in = firmware.Input{Kind: firmware.Advanced, Run: m.run, Offset: m.off, Size: m.safe}
	case fetched:
		in = firmware.Input{Kind: firmware.Fetched, Run: m.run}
	case fetchFailed:
		in = firmware.Input{Kind: firmware.FetchFailed, Run: m.run, Err: m.err}
	case applied:
		in = firmware.Input{Kind: firmware.Applied, Run: m.run}
	case applyFailed:
		in = firmware.Input{Kind: firmware.ApplyFailed, Run: m.run, Err: m.err}
	default:
		return in, false
	}
	return in, true
}

func (u *updater) errandDone(ctx *supervisor.Ctx, m errandDone) error {
	u.errands.done(ctx)
	switch r := m.result.(type) {
	case nil:
		return nil
	case firmware.Input:
		return u.step(ctx, r)
	default:
		return u.Receive(ctx, r)
	}
}

// Terminate has nothing to undo: the journal has all that the next incarnation needs.
func (u *updater) Terminate(*supervisor.Ctx, error) {}

// step feeds the core and carries out what it says, in order.
func (u *updater) step(ctx *supervisor.Ctx, in firmware.Input) error {
	effects := u.core.Step(time.Now(), in, nil)
	if len(effects) > 0 || in.Kind == firmware.Started {
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
			return u.step(ctx, firmware.Input{Kind: firmware.PersistFailed, Err: saved})
		}
	}
	u.loop.arm(ctx, u.core.Deadline())
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
	_ = u.dev.topics[topicDevice].Send(joinParams{join: hub.JoinParams{ // lost: it asks again
		Metadata: f.Meta, DownloadingUUID: f.Downloading, Validated: f.Validated, Reverted: f.Reverted,
	}})
	return nil
}

// publish writes down what Status shows.
func (u *updater) publish() {
	boot, reverted := u.core.Boot(), u.core.Reverted()
	offer, stage, percent := u.core.Update()
	u.dev.board.set(func(s *Status) {
		s.Firmware, s.Slot, s.Validated, s.Reverted = boot.Meta, boot.Active, boot.Validated, reverted
		s.Update = nil
		if offer != nil {
			s.Update = &UpdateStatus{
				UUID:    offer.UUID,
				Version: offer.Version(),
				Stage:   stage.String(),
				Percent: percent,
			}
		}
	})
}
