package firmware

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Intake takes the bytes of one try into a staging: it hashes again what an earlier try has left,
// verifies what comes, writes and syncs it, and flips when the staging does that by itself. It
// calls the staging in the order of its contract. It belongs to one goroutine.
//
//	in, err := firmware.OpenIntake(ctx, applier, plan)
//	for done := false; err == nil && !done; {
//		done, err = in.Rehash()
//	}
//	... in.Write(p), for the bytes from in.Written() on ...
//	err = in.Finish(ctx)
type Intake struct {
	staging  Staging // nil: it has ended
	verifier *Verifier
	rehash   *Rehash // nil: nothing to hash again
	part     []byte
	plan     *Plan
	synced   int64
}

// errEnded is the error of an intake whose staging has ended.
var errEnded = errors.New("the staging has ended")

// OpenIntake opens a staging for plan.
func OpenIntake(ctx context.Context, a Applier, plan *Plan) (*Intake, error) {
	staging, err := a.Begin(ctx, plan.Target)
	if err != nil {
		return nil, fmt.Errorf("open the slot: %w", err)
	}
	in := &Intake{staging: staging, verifier: NewVerifier(plan.Source, plan.Limit), plan: plan}
	if plan.Keep && !in.FetchesItself() {
		in.rehash = NewRehash(in.verifier, plan.Checkpoint)
	}
	return in, nil
}

// FetchesItself reports whether the staging downloads by itself, so that Fetch takes the place of
// Rehash and Write.
func (in *Intake) FetchesItself() bool {
	_, ok := in.staging.(*selfFetching)
	return ok
}

// Flips reports whether the staging flips by itself, so that Flip follows Finish.
func (in *Intake) Flips() bool {
	_, ok := in.staging.(Flipper)
	return ok
}

// Written returns how many bytes of the file are there: the next one that is missing.
func (in *Intake) Written() int64 { return in.verifier.Offset() }

// Synced returns how many of them would survive a power cut.
func (in *Intake) Synced() int64 { return in.synced }

// Rehash hashes one part of what an earlier try has left. done means that the rest has to be
// downloaded, from Written on.
func (in *Intake) Rehash() (done bool, err error) {
	if in.rehash == nil {
		return true, nil
	}
	off, n := in.rehash.Next()
	if n == 0 {
		in.synced = min(off, in.plan.Checkpoint)
		in.rehash, in.part = nil, nil
		return true, nil
	}
	if in.part == nil {
		in.part = make([]byte, PartSize)
	}
	read, err := in.staging.ReadAt(in.part[:n], off)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read the slot: %w", err)
	}
	in.rehash.Take(in.part[:read])
	return false, nil
}

// Write verifies and writes the next bytes. It syncs every CheckpointEvery bytes.
func (in *Intake) Write(p []byte) error {
	if in.staging == nil {
		return errEnded
	}
	off := in.verifier.Offset()
	if _, err := in.verifier.Write(p); err != nil {
		return err
	}
	if _, err := in.staging.WriteAt(p, off); err != nil {
		return fmt.Errorf("write the slot: %w", err)
	}
	if off += int64(len(p)); off-in.synced < CheckpointEvery {
		return nil
	}
	if err := in.staging.Sync(); err != nil {
		return fmt.Errorf("write the slot: %w", err)
	}
	in.synced = off
	return nil
}

// Rewind begins again at byte 0, because the server has another file.
func (in *Intake) Rewind() {
	in.verifier.Reset()
	in.synced = 0
}

// Fetch has a staging that downloads by itself do so; see Fetcher.
func (in *Intake) Fetch(ctx context.Context, advanced func(bytes int64)) error {
	f, ok := in.staging.(*selfFetching)
	if !ok {
		return errEnded
	}
	if err := f.Fetch(ctx, in.plan.Source, advanced); err != nil {
		return fmt.Errorf("download by the installer: %w", err)
	}
	return nil
}

// Finish judges all bytes and makes the firmware ready to be flipped to. It ends the staging,
// unless that flips by itself.
func (in *Intake) Finish(ctx context.Context) error {
	if in.staging == nil {
		return errEnded
	}
	if !in.FetchesItself() {
		if err := in.verifier.Finish(); err != nil {
			return err
		}
	}
	staging := in.staging
	if !in.Flips() {
		in.staging = nil // Abort is not called any more, also when Finish panics
	}
	if err := staging.Finish(ctx); err != nil {
		return fmt.Errorf("finish the slot: %w", err)
	}
	return nil
}

// Flip has a staging flip that does so by itself; see Flipper. It ends the staging.
func (in *Intake) Flip(ctx context.Context) error {
	f, ok := in.staging.(Flipper)
	if !ok {
		return errEnded
	}
	in.staging = nil
	return f.Flip(ctx)
}

// Abort ends the staging, unless it has ended. What was written stays for a later try.
func (in *Intake) Abort() error {
	staging := in.staging
	in.staging = nil
	if staging == nil {
		return nil
	}
	return staging.Abort()
}
