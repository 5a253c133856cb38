package update

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/internal/board"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/supervisor"
)

const (
	// chunkSize is the largest piece of firmware in one message.
	chunkSize = 64 << 10
	// window is how many pieces may be on their way from the downloader to the applier: the memory of
	// an update, and a part of what a crash makes the device download again.
	window = 4
	// flipWithin bounds a flip by the sink: an installer may write a whole slot in it.
	flipWithin = time.Hour
)

// applier takes the bytes of one transfer to its sink. It is the edge to the slot: it reads and
// writes in its own turn, one part or one piece at a time, so that it can be stopped between two. A
// download or a flip by the sink itself may take long and runs in a linked goroutine.
type applier struct {
	door *Transfers
	transfer
	intake *firmware.Intake // nil: not open, ended, or in use by the goroutine
	failed bool             // the owner knows; the applier drops what still comes
	log    *zerolog.Logger
}

// Messages to applier, and its answers.
type (
	// openSlot: from applier to itself, so that a slow slot is no slow start.
	openSlot struct{}
	// rehashOn: from applier to itself; hash the next part of what the slot holds.
	rehashOn struct{}
	// chunk: from downloader; the next bytes. They belong to the applier. Lost with a crash of either,
	// like the transfer.
	chunk struct {
		run  uint64
		data *[]byte
	}
	// rewind: from downloader; the server has another file, the next byte is byte 0.
	rewind struct{ run uint64 }
	// finish: from updater; no more bytes will come.
	finish struct{ run uint64 }
	// flip: from updater; the intent is on disk, the sink flips by itself.
	flip struct{ run uint64 }
	// fetchedItself: from its own goroutine; the sink has downloaded by itself, or failed.
	fetchedItself struct {
		intake *firmware.Intake
		err    error
	}

	// prepared: to updater; the slot is open, the first off bytes in it are kept. Lost with a crash of
	// updater, which then orders anew; so are the others.
	prepared struct {
		run uint64
		off int64
	}
	// advanced: to updater; off bytes are written, safe of them are synced.
	advanced struct {
		run  uint64
		off  int64
		safe int64
	}
	// fetchesItself: to updater; the sink is open and downloads by itself.
	fetchesItself struct{ run uint64 }
	// applied: to updater; all bytes are verified. The slot can be flipped to, or the sink flips when
	// it is told to.
	applied struct {
		run   uint64
		flips bool
	}
	// flipEnded: from its own goroutine, and on to updater; the flip by the sink has ended.
	flipEnded struct {
		run uint64
		err error
	}
	// applyFailed: to updater; the slot cannot be written, or the bytes are wrong.
	applyFailed struct {
		run uint64
		err error
	}
)

func newApplier(door *Transfers, t transfer) supervisor.Behavior {
	return &applier{door: door, transfer: t, log: door.Log(applierID)}
}

// Init opens the sink in the first turn.
func (a *applier) Init(ctx *supervisor.Ctx) error { return ctx.Self().Send(openSlot{}) }

// Receive handles one message; see the table in package actors.
func (a *applier) Receive(ctx *supervisor.Ctx, msg any) error {
	switch m := msg.(type) {
	case openSlot:
		return a.open(ctx)
	case rehashOn:
		return a.hashAgain(ctx)
	case chunk:
		defer chunks.Put(m.data)
		if a.takes(m.run) {
			return a.write(ctx, *m.data)
		}
	case rewind:
		if a.takes(m.run) {
			a.intake.Rewind()
			return a.tell(advanced{run: a.plan.Run})
		}
	case finish:
		if a.takes(m.run) {
			return a.finish(ctx)
		}
	case fetchedItself:
		return a.fetched(ctx, m)
	case flip:
		if a.takes(m.run) {
			a.flip(ctx)
		}
	case flipEnded:
		if err := a.tell(m); err != nil {
			return err
		}
		return supervisor.ErrNormal
	default:
		return ctx.Unexpected(msg)
	}
	return nil
}

// takes reports whether a message belongs to this transfer and can still be used.
func (a *applier) takes(run uint64) bool {
	return run == a.plan.Run && !a.failed && a.intake != nil
}

// Terminate closes the slot; what was written stays for the next try.
func (a *applier) Terminate(*supervisor.Ctx, error) { a.abort() }

func (a *applier) abort() {
	if a.intake == nil {
		return
	}
	intake := a.intake
	a.intake = nil
	if err := intake.Abort(); err != nil {
		a.log.Debug().Err(err).Msg("closing the slot")
	}
}

// open opens the sink and begins to hash what can be kept.
func (a *applier) open(ctx *supervisor.Ctx) error {
	intake, err := firmware.OpenIntake(ctx.Context(), a.sink, a.plan)
	if err != nil {
		return a.fail(err)
	}
	a.intake = intake
	if intake.FetchesItself() {
		return a.tell(fetchesItself{run: a.plan.Run})
	}
	return a.hashAgain(ctx)
}

func (a *applier) hashAgain(ctx *supervisor.Ctx) error {
	ctx.Checkpoint("rehash")
	done, err := a.intake.Rehash()
	switch {
	case err != nil:
		return a.fail(err)
	case !done:
		return ctx.Self().Send(rehashOn{})
	}
	kept := a.intake.Written()
	if a.plan.Keep {
		a.log.Debug().Int64("kept", kept).Msg("bytes in the slot hashed again")
	}
	return a.tell(prepared{run: a.plan.Run, off: kept})
}

// write hands one piece on, and gives the downloader its credit back.
func (a *applier) write(ctx *supervisor.Ctx, p []byte) error {
	ctx.Checkpoint("write")
	if err := a.intake.Write(p); err != nil {
		return a.fail(err)
	}
	a.door.Board.Count(func(n *board.Counters) { n.Downloads += uint64(len(p)) })
	// not running: it was the last piece, or the owner hears of its end
	_ = a.door.downloader().Send(more{n: 1})
	return a.tell(advanced{run: a.plan.Run, off: a.intake.Written(), safe: a.intake.Synced()})
}

// finish has all bytes judged. A sink that downloads by itself does so before.
func (a *applier) finish(ctx *supervisor.Ctx) error {
	if !a.intake.FetchesItself() {
		return a.finished(ctx)
	}
	intake, self := a.intake, ctx.Self()
	a.intake = nil
	ctx.Go("fetch", func(gctx context.Context) error {
		err := intake.Fetch(gctx, func(off int64) {
			_ = a.tell(advanced{run: a.plan.Run, off: off}) // lost: the next one says more
		})
		if self.Send(fetchedItself{intake: intake, err: err}) != nil {
			_ = intake.Abort() // the actor has ended
		}
		return nil
	})
	return nil
}

func (a *applier) fetched(ctx *supervisor.Ctx, m fetchedItself) error {
	a.intake = m.intake
	if m.err != nil {
		return a.fail(m.err)
	}
	return a.finished(ctx)
}

// finished judges all bytes. A sink that flips by itself stays open until it is told to.
func (a *applier) finished(ctx *supervisor.Ctx) error {
	ctx.Checkpoint("finish")
	if err := a.intake.Finish(ctx.Context()); err != nil {
		return a.fail(err)
	}
	flips := a.intake.Flips()
	if err := a.tell(applied{run: a.plan.Run, flips: flips}); err != nil || flips {
		return err
	}
	return supervisor.ErrNormal
}

// flip has the sink flip. The intent is on disk.
func (a *applier) flip(ctx *supervisor.Ctx) {
	intake, self, run := a.intake, ctx.Self(), a.plan.Run
	a.intake = nil // it ends with its Flip
	ctx.Go("flip", func(gctx context.Context) error {
		gctx, cancel := context.WithTimeout(gctx, flipWithin)
		defer cancel()
		err := intake.Flip(gctx)
		_ = self.Send(flipEnded{run: run, err: err}) // ended: the owner asks the boot record
		return nil
	})
}

// fail gives up: the owner decides what comes next.
func (a *applier) fail(err error) error {
	a.failed = true
	a.abort()
	return a.tell(applyFailed{run: a.plan.Run, err: err})
}
