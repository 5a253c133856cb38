package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

const looksWithin = 2 * time.Second

// conclude fills in the result and shows what was sent.
func (s *scene) conclude(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, looksWithin)
	defer cancel()
	r := &s.result
	seen := s.device.Snapshot()
	if len(seen.Statuses) > 0 {
		r.Statuses = seen.Statuses
	}
	drops, _, finished := s.watch.seen()
	r.SocketDrops = max(drops, seen.Sockets-s.machine.boots)
	if !finished.IsZero() {
		r.rate(s.machine.downloaded, finished.Sub(s.offered).Seconds())
	}
	if boot, err := s.machine.record(ctx); err == nil {
		r.SlotAfter, r.Validated = boot.Active, boot.Validated
	}
	if s.record != nil {
		s.compareRecord()
	}
	s.print.Line("\nmessages")
	for _, line := range transcript(s.device.Messages()) {
		s.print.Line("%s", line)
	}
}

// compareRecord compares the boot record with its bytes before the offer.
func (s *scene) compareRecord() {
	s.result.BootRecord = "changed"
	if now, err := bootRecord(s.kit.slots.Env); err == nil && bytes.Equal(now, s.record) {
		s.result.BootRecord = "unchanged"
	}
}

// check returns what is wrong after all steps were taken, or nil.
func (s *scene) check() error {
	r := &s.result
	var errs []error
	if r.SlotBefore == r.SlotAfter {
		errs = append(errs, fmt.Errorf("the device still runs from slot %s", r.SlotAfter))
	}
	if !r.Validated {
		errs = append(errs, errors.New("the new firmware is not committed"))
	}
	if !s.rightStatuses() {
		errs = append(errs, fmt.Errorf("the hub has heard %s", strings.Join(r.Statuses, ", ")))
	}
	if r.SocketDrops != 0 {
		errs = append(errs, fmt.Errorf("%d sockets were dropped", r.SocketDrops))
	}
	if want, got := s.fault.interruptions(s.fw.Content.Size), s.resumed(); got < want {
		errs = append(errs,
			fmt.Errorf("the download went on %d times where it had stopped, not %d times", got, want))
	}
	return errors.Join(errs...)
}

// rightStatuses: received, started once or, where the download was interrupted, more often,
// completed.
func (s *scene) rightStatuses() bool {
	list := s.result.Statuses
	if s.fault.interruptions(s.fw.Content.Size) > 0 {
		list = slices.Compact(slices.Clone(list))
	}
	return slices.Equal(list, []string{"received", "started", "completed"})
}

// resumed counts the requests that asked for the rest of the file.
func (s *scene) resumed() (n int) {
	for _, r := range s.fw.Requests() {
		if r.Range != "" && r.Range != "bytes=0-" {
			n++
		}
	}
	return n
}

// showTree prints the supervision tree.
func (s *scene) showTree(ctx context.Context) error {
	tree, err := s.machine.agent.Tree(ctx)
	if err != nil {
		return fmt.Errorf("look at the supervision tree: %w", err)
	}
	s.print.Line("supervision tree")
	for line := range strings.Lines(tree.String()) {
		s.print.Line("%s", strings.TrimRight(line, "\n"))
	}
	return nil
}

// ending is a file that cannot be read any more once the demo is over.
type ending struct {
	ctx  context.Context //nolint:containedctx // of the one call of Run that it lives in
	file io.ReaderAt
}

func (e ending) ReadAt(p []byte, off int64) (int, error) {
	if e.ctx.Err() != nil {
		return 0, context.Cause(e.ctx)
	}
	return e.file.ReadAt(p, off)
}

// Print prints the result as text, line by line.
func (r Result) Print(line func(format string, args ...any)) {
	line("\n%s -> %s, slot %s -> %s, statuses %s", r.From, r.To, r.SlotBefore, r.SlotAfter,
		strings.Join(r.Statuses, ", "))
	line("%d bytes in %.2f s, %.1f MB/s; %d sockets dropped", r.Bytes, r.Seconds, r.MBPerS,
		r.SocketDrops)
	switch {
	case r.OK:
		line("ok: the device runs %s, committed", r.To)
	case r.Validated:
		line("not updated: %s\nthe device runs as before, from slot %s", r.Reason, r.SlotAfter)
	default:
		line("not ok: %s", r.Reason)
	}
}
