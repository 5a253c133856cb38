package update

import (
	"errors"
	"fmt"
	"io"

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
)

// applier writes one firmware into the slot that is not running, and hashes what it writes. It is
// the edge to the slot: it reads and writes in its own turn, one part or one piece at a time, so
// that it can be stopped between two.
type applier struct {
	door     *Transfers
	number   uint64 // of the transfer
	plan     *firmware.Plan
	staging  firmware.Staging
	verifier *firmware.Verifier
	rehash   *firmware.Rehash
	part     []byte // what is hashed again; nil after that
	safe     int64  // bytes that would survive a power cut
	failed   bool   // updater knows; what still comes is thrown away
	log      *zerolog.Logger
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
	// applied: to updater; all bytes are verified and the slot can be flipped to.
	applied struct{ run uint64 }
	// applyFailed: to updater; the slot cannot be written, or the bytes are wrong.
	applyFailed struct {
		run uint64
		err error
	}
)

func newApplier(t *Transfers, number uint64, plan *firmware.Plan) supervisor.Behavior {
	return &applier{
		door: t, number: number, plan: plan, verifier: firmware.NewVerifier(plan.Source, plan.Limit),
		log: t.Log(applierID),
	}
}

// Init opens the slot in the first turn.
func (a *applier) Init(ctx *supervisor.Ctx) error { return ctx.Self().Send(openSlot{}) }

// Receive handles one message; see the table in the package documentation.
func (a *applier) Receive(ctx *supervisor.Ctx, msg any) error {
	switch m := msg.(type) {
	case openSlot:
		return a.open(ctx)
	case rehashOn:
		return a.hashAgain(ctx)
	case chunk:
		defer chunks.Put(m.data)
		if m.run != a.number || a.failed {
			return nil
		}
		return a.write(ctx, *m.data)
	case rewind:
		if m.run == a.number && !a.failed {
			a.verifier.Reset()
			a.safe = 0
			return a.tell(advanced{run: a.number})
		}
		return nil
	case finish:
		if m.run == a.number && !a.failed {
			return a.finish(ctx)
		}
		return nil
	default:
		return ctx.Unexpected(msg)
	}
}

// Terminate closes the slot; what was written stays for the next try.
func (a *applier) Terminate(*supervisor.Ctx, error) { a.abort() }

func (a *applier) abort() {
	if a.staging == nil {
		return
	}
	staging := a.staging
	a.staging = nil // exactly one of Finish and Abort, also when it panics
	if err := staging.Abort(); err != nil {
		a.log.Debug().Err(err).Msg("closing the slot")
	}
}

// open opens the slot and begins to hash what can be kept.
func (a *applier) open(ctx *supervisor.Ctx) error {
	staging, err := a.door.Applier.Begin(ctx.Context(), a.plan.Target)
	if err != nil {
		return a.fail(ctx, fmt.Errorf("open the slot: %w", err))
	}
	a.staging = staging
	if !a.plan.Keep {
		return a.tell(prepared{run: a.number})
	}
	a.rehash = firmware.NewRehash(a.verifier, a.plan.Checkpoint)
	return ctx.Self().Send(rehashOn{})
}

func (a *applier) hashAgain(ctx *supervisor.Ctx) error {
	ctx.Checkpoint("rehash")
	off, n := a.rehash.Next()
	if n == 0 {
		a.safe = min(off, a.plan.Checkpoint)
		a.rehash, a.part = nil, nil
		a.log.Debug().Int64("kept", off).Msg("bytes in the slot hashed again")
		return a.tell(prepared{run: a.number, off: off})
	}
	if a.part == nil {
		a.part = make([]byte, firmware.PartSize)
	}
	read, err := a.staging.ReadAt(a.part[:n], off)
	if err != nil && !errors.Is(err, io.EOF) {
		return a.fail(ctx, fmt.Errorf("read the slot: %w", err))
	}
	a.rehash.Take(a.part[:read])
	return ctx.Self().Send(rehashOn{})
}

// write hashes and writes one piece, and syncs when enough has come together.
func (a *applier) write(ctx *supervisor.Ctx, p []byte) error {
	off := a.verifier.Offset()
	if _, err := a.verifier.Write(p); err != nil {
		return a.fail(ctx, err)
	}
	ctx.Checkpoint("write")
	if _, err := a.staging.WriteAt(p, off); err != nil {
		return a.fail(ctx, fmt.Errorf("write the slot: %w", err))
	}
	off += int64(len(p))
	if off-a.safe >= firmware.CheckpointEvery {
		if err := a.staging.Sync(); err != nil {
			return a.fail(ctx, fmt.Errorf("write the slot: %w", err))
		}
		a.safe = off
	}
	a.door.Board.Count(func(n *board.Counters) { n.Downloads += uint64(len(p)) })
	// gone: it was the last piece, or updater hears of its end
	_ = a.door.downloader().Send(more{n: 1})
	return a.tell(advanced{run: a.number, off: off, safe: a.safe})
}

// finish judges all bytes and makes the slot ready to be flipped to.
func (a *applier) finish(ctx *supervisor.Ctx) error {
	if err := a.verifier.Finish(); err != nil {
		return a.fail(ctx, err)
	}
	ctx.Checkpoint("finish")
	staging := a.staging
	a.staging = nil
	if err := staging.Finish(ctx.Context()); err != nil {
		return a.fail(ctx, fmt.Errorf("finish the slot: %w", err))
	}
	if err := a.tell(applied{run: a.number}); err != nil {
		return err
	}
	return supervisor.ErrNormal
}

// fail gives up: the updater decides what comes next.
func (a *applier) fail(_ *supervisor.Ctx, err error) error {
	a.failed = true
	a.abort()
	return a.tell(applyFailed{run: a.number, err: err})
}

// tell sends to updater. One that is not alive will order anew, and this transfer with all it has
// is of no use to it.
func (a *applier) tell(msg any) error { return a.door.Updater.Send(msg) }
