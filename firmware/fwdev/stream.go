package fwdev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/firmware/fwup"
)

// maxHeld bounds what is held back in memory without a SpoolDir.
const maxHeld = 64 << 20

// ErrOtherFirmware means that the archive is not the firmware that was offered.
var ErrOtherFirmware = errors.New("the archive is another firmware than the one that was offered")

// errAborted ends the reader of a stream that is given up.
var errAborted = errors.New("the update was called off")

// Begin makes ready for an archive: it ends a stream that a crash has left open, and takes back a
// flip that was not booted, because tasks choose the slot by the boot record.
func (a *Applier) Begin(ctx context.Context, target firmware.Target) (firmware.Staging, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a.release()
	if err := a.takeBack(ctx); err != nil {
		return nil, err
	}
	a.open = a.stream(ctx, target)
	return firmware.InOrder(a.open), nil
}

// Release ends a stream that a crash has left open.
func (a *Applier) Release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.release()
}

func (a *Applier) release() {
	if a.open != nil {
		_ = a.open.Abort()
		a.open = nil
	}
}

// takeBack makes the running firmware, which has to be committed, the one that boots next.
func (a *Applier) takeBack(ctx context.Context) error {
	state, err := a.cfg.Slots.State(ctx)
	switch {
	case err != nil:
		return err
	case !state.Validated:
		return errors.New("the running firmware is on trial; " +
			"commit it or let its trial end before the next update")
	case state.Next == state.Active:
		return nil
	}
	if err := a.cfg.Slots.Revert(ctx); err != nil {
		return fmt.Errorf("take back the flip that was not booted: %w", err)
	}
	if state, err = a.cfg.Slots.State(ctx); err == nil && state.Next != state.Active {
		err = fmt.Errorf("slot %s boots next and cannot be taken back: restart, "+
			"then update again", state.Next)
	}
	return err
}

// recorder is a boot record for slots that others write and flip to; slotdev's is one.
type recorder interface {
	// Vacate notes that the slot that does not run is about to be written.
	Vacate(ctx context.Context) error
	// Pin notes which slot runs, before something else flips.
	Pin(ctx context.Context) error
}

// vacate keeps the slot that does not run from being gone back to while it is written.
func (a *Applier) vacate(ctx context.Context) error {
	if r, ok := a.cfg.Slots.(recorder); ok {
		return r.Vacate(ctx)
	}
	return nil
}

// pin notes which slot runs, before something else flips.
func (a *Applier) pin(ctx context.Context) error {
	if r, ok := a.cfg.Slots.(recorder); ok {
		return r.Pin(ctx)
	}
	return nil
}

// stream begins to read an archive in a goroutine, which ends with Finish or Abort.
func (a *Applier) stream(ctx context.Context, target firmware.Target) *stream {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	in, out := io.Pipe()
	s := &stream{a: a, target: target, out: out, done: make(chan struct{}), cancel: cancel}
	go func() {
		defer close(s.done)
		s.err = s.read(ctx, in)
		if s.err != nil {
			in.CloseWithError(s.err)
		}
	}()
	return s
}

// stream applies one archive. It implements firmware.Stream.
type stream struct {
	a      *Applier
	target firmware.Target
	out    *io.PipeWriter
	cancel context.CancelFunc

	done  chan struct{} // closed when the archive was read; what follows is set before
	err   error
	job   job
	spool *os.File

	mu    sync.Mutex // held by Flip and Abort
	ended bool
}

// job applies an archive whose head was read.
type job interface {
	// read applies all but the flip and verifies the archive to its end.
	read(ctx context.Context) error
	// flip makes the new firmware boot next.
	flip(ctx context.Context) error
	// abort undoes what can be undone and ends the job, after an error or instead of flip.
	abort()
}

// Write gives the next bytes to the reader. It fails with what the reader found wrong.
func (s *stream) Write(p []byte) (int, error) { return s.out.Write(p) }

// Finish waits until the archive was verified and everything but the flip is on the disk.
func (s *stream) Finish(ctx context.Context) error {
	_ = s.out.Close() // never fails
	select {
	case <-s.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return errAborted
	}
	return s.err
}

// Flip makes the new firmware boot next. It is called after Finish has returned nil.
func (s *stream) Flip(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return errAborted
	}
	select {
	case <-s.done:
	default:
		return errors.New("the archive was not read to its end: finish it first")
	}
	if err := errors.Join(s.err, ctx.Err()); err != nil {
		s.end()
		return err
	}
	s.ended = true
	defer s.close()
	return s.job.flip(ctx)
}

// Abort gives the archive up. After Flip or another Abort it does nothing.
func (s *stream) Abort() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.end()
	}
	return nil
}

// end ends the reader and the job. The caller holds s.mu.
func (s *stream) end() {
	s.ended = true
	s.cancel()
	_ = s.out.CloseWithError(errAborted)
	<-s.done
	if s.job != nil {
		s.job.abort()
	}
	s.close()
}

func (s *stream) close() {
	s.cancel()
	if s.spool != nil {
		_ = s.spool.Close()
		_ = os.Remove(s.spool.Name())
		s.spool = nil
	}
}

// read reads the archive to its end.
func (s *stream) read(ctx context.Context, in io.Reader) error {
	cfg := &s.a.cfg
	gate, err := fwup.NewGate(in, fwup.GateConfig{
		Options: cfg.Keys(), Tasks: s.tasks, Spool: s.openSpool,
	})
	if err != nil {
		return err
	}
	meta := gate.Archive().Meta()
	if err := offered(meta, s.target); err != nil {
		return err
	}
	if s.job, err = s.choose(ctx, gate); err != nil {
		return err
	}
	return s.job.read(ctx)
}

func (s *stream) tasks(m *fwfile.Meta) []*fwfile.Task { return fwup.Candidates(m, s.a.task()) }

func (a *Applier) task() string {
	if a.cfg.Task == "" {
		return "upgrade"
	}
	return a.cfg.Task
}

// offered compares what the archive's signature covers with what was offered, on which the policy
// has decided.
func offered(meta *fwfile.Meta, target firmware.Target) error {
	if target.UUID != "" && target.UUID != meta.UUID {
		return fmt.Errorf("%w: its uuid is %s, not %s", ErrOtherFirmware, meta.UUID, target.UUID)
	}
	for _, c := range [...]struct{ key, is string }{
		{"product", meta.Product},
		{"version", meta.Version},
		{"platform", meta.Platform},
		{"architecture", meta.Architecture},
	} {
		if want := target.Meta[c.key]; want != "" && want != c.is {
			return fmt.Errorf("%w: its %s is %q, not %q", ErrOtherFirmware, c.key, c.is, want)
		}
	}
	return nil
}

// openSpool makes the file for what is held back.
func (s *stream) openSpool() (fwup.Spool, error) {
	if s.a.cfg.SpoolDir == "" {
		return &memory{}, nil
	}
	f, err := os.CreateTemp(s.a.cfg.SpoolDir, "archive-*.tail")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(f.Name()) // it lives as long as it is open, so a crash leaves nothing behind
	s.spool = f
	return f, nil
}

// memory is a spool in memory with a bound.
type memory struct{ b []byte }

func (m *memory) Write(p []byte) (int, error) {
	if len(m.b)+len(p) > maxHeld {
		return 0, fmt.Errorf("more than %d bytes follow the last resource of the task; "+
			"set a folder for them", maxHeld)
	}
	m.b = append(m.b, p...)
	return len(p), nil
}

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(m.b)) {
		return 0, io.EOF
	}
	n := copy(p, m.b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
