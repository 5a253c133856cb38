package firmware

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// ErrNotInOrder is the error of a staging that takes bytes in order only, for an offset that is not
// the next one. The transfer is begun again.
var ErrNotInOrder = errors.New("a stream takes its bytes in order only")

// Applier takes the bytes of a new firmware to where they will be booted from. There are four
// kinds:
//
//	kind            example         bytes                   who flips
//	slot            raw image       any offset, kept        Slots.Flip, one write of the boot record
//	archive         .fw, natively   in order (InOrder)      the applier (Flipper)
//	stream program  fwup            in order (InOrder)      the program: Flip gives it its last bytes
//	installer       RAUC, SWUpdate  a file, or downloads    the installer: Flip starts it
//	                                itself (SelfFetching)
//
// For every kind, nothing flips before all bytes are verified and the machine has saved its intent:
// that is when Flip is called. firmwaretest.TestApplier is the contract as a test, for all kinds,
// and firmwaretest.TestPowerCuts runs a whole update over one.
type Applier interface {
	// Begin opens the slot that is not running for target. It first makes that slot undescribed, so
	// that a torn write can never be taken for a firmware, and takes back a flip that was not booted.
	// Bytes of the same target (UUID, size and checksum) that an earlier staging has left stay, and
	// Staging.ReadAt gives them back. A staging that a crash has left open loses the slot.
	//
	// It fails with *TooLargeError when target.Size exceeds the slot, and fails while the running
	// firmware is on trial; in both cases nothing has changed. The running slot's bytes never change.
	Begin(ctx context.Context, target Target) (Staging, error)
}

// Staging is where the bytes of one try go. Its methods are called from one goroutine at a time,
// and fail after Finish or Abort. An error of any method ends the try; what was written stays.
type Staging interface {
	// ReadAt reads what an earlier staging of the same target has left, to hash it again before it is
	// trusted. A staging that keeps nothing returns io.EOF.
	io.ReaderAt
	// WriteAt writes the next bytes of the file. It never writes beyond the slot, and fails with
	// *TooLargeError instead. The offset returns to 0 when the server has another file; a staging
	// that takes bytes in order only then fails with ErrNotInOrder.
	io.WriterAt
	// Sync makes everything written survive a power loss.
	Sync() error
	// Finish is called when all bytes are verified. It syncs, and leaves the firmware ready to be
	// flipped to. It ends the staging, unless that is a Flipper. Exactly one of Finish and Abort is
	// called on a staging that is no Flipper.
	Finish(ctx context.Context) error
	// Abort ends the staging and whatever runs for it. What was written stays for a later try and
	// never boots.
	Abort() error
}

// Flipper is a Staging that flips by itself. Either Flip or Abort ends it.
type Flipper interface {
	// Flip makes the new firmware boot next, on trial. It is called once, after Finish, when the
	// intent is on disk. When it returns, with or without an error, nothing will flip any more; it
	// returns early, with the error of ctx, when ctx ends. After an error Slots.State shows whether
	// the flip has happened.
	Flip(ctx context.Context) error
}

// Stream takes the bytes of a firmware in order, for a reader of archives or the standard input of
// a program. InOrder makes a Staging of it.
//
// A program that flips as soon as it has the bytes that it needs must not be given the last of them
// before Flip. Write holds them back, and what follows them.
type Stream interface {
	io.Writer
	// Finish, Flip and Abort are those of Staging and Flipper.
	Finish(ctx context.Context) error
	Flip(ctx context.Context) error
	Abort() error
}

// InOrder returns the staging of a stream. It keeps nothing for a later try.
func InOrder(s Stream) Staging { return &inOrder{Stream: s} }

type inOrder struct {
	Stream
	next int64
}

var (
	_ Flipper = (*inOrder)(nil)
	_ Flipper = (*selfFetching)(nil)
)

// ReadAt returns io.EOF: a stream keeps nothing.
func (s *inOrder) ReadAt([]byte, int64) (int, error) { return 0, io.EOF }

func (s *inOrder) WriteAt(p []byte, off int64) (int, error) {
	if off != s.next {
		return 0, fmt.Errorf("byte %d after byte %d: %w", off, s.next, ErrNotInOrder)
	}
	n, err := s.Write(p)
	s.next += int64(n)
	return n, err
}

// Sync does nothing: a stream has nothing that a later try could use.
func (s *inOrder) Sync() error { return nil }

// Fetcher is an installer that downloads by itself. SelfFetching makes a Staging of it.
type Fetcher interface {
	// Fetch downloads and verifies src, or finds out that Flip will be able to. It calls advanced with
	// the bytes that it has so far, from the calling goroutine, as often as it likes. An error of the
	// network is to be retried within; any error ends the update. It flips nothing.
	Fetch(ctx context.Context, src Source, advanced func(bytes int64)) error
	// Flip and Abort are those of Flipper and Staging.
	Flip(ctx context.Context) error
	Abort() error
}

// SelfFetching returns the staging of an installer that downloads by itself. The bytes do not pass
// through the agent, so only the installer verifies them: give it to devices whose installer checks
// signatures.
func SelfFetching(f Fetcher) Staging { return &selfFetching{Fetcher: f} }

type selfFetching struct{ Fetcher }

func (s *selfFetching) ReadAt([]byte, int64) (int, error) { return 0, io.EOF }

func (s *selfFetching) WriteAt([]byte, int64) (int, error) {
	return 0, errors.New("an installer that downloads by itself takes no bytes")
}

func (s *selfFetching) Sync() error { return nil }

func (s *selfFetching) Finish(context.Context) error { return nil }
