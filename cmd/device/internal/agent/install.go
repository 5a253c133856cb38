package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/cmd/device/internal/config"
	"github.com/hublink-go/hublink/cmd/device/internal/history"
	"github.com/hublink-go/hublink/cmd/device/internal/look"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/fetch"
	firmwareformat "github.com/hublink-go/hublink/firmware/format"
	"github.com/hublink-go/hublink/firmware/fwdev"
	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/firmware/fwup"
	"github.com/hublink-go/hublink/firmware/native"
)

// flipWithin bounds a flip by hand.
const flipWithin = time.Hour

// Order is what to install by hand.
type Order struct {
	Source  string // a file, or an http or https address
	Task    string // beginning of the task's name; empty: that of the configuration
	Version string // of an image, which has none by itself
	// Progress is called with the bytes taken so far and their number, 0 if it is not known.
	Progress func(done, all int64)
	// Notice is called when a download goes on after an error.
	Notice func(text string)
}

// config returns the configuration with the task of the order.
func (o *Order) config(file *config.File) *config.File {
	conf := *file
	if o.Task != "" {
		conf.Firmware.Task = o.Task
	}
	return &conf
}

// Install installs a firmware by hand, with the checks that an offer of a hub passes, and makes it
// boot next. It returns what it has installed. It fails with a *Refusal, with ErrConfig, or while
// an agent runs on the same state directory.
func Install(ctx context.Context, file *config.File, o Order) (
	installed firmware.Metadata, err error,
) {
	d, err := openDesk(ctx, o.config(file))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	d.order = o
	begun := time.Now()
	d.note(history.Entry{What: "offered", Reason: place(o.Source)})
	defer func() { d.noteEnd(err, begun) }()
	if !d.state.Validated {
		return nil, errOnTrial()
	}
	if isURL(o.Source) {
		err = d.download(ctx)
	} else {
		err = d.copy(ctx)
	}
	if err != nil {
		return nil, classify(err)
	}
	return d.offer.Meta, nil
}

// note adds an entry to the history; an operator's work does not fail with it.
func (d *desk) note(e history.Entry) {
	e.By, e.Time = history.ByHand, time.Now().UTC()
	if d.history == nil {
		return
	}
	if err := d.history.Add(e); err != nil && d.order.Notice != nil {
		d.order.Notice(err.Error())
	}
}

// noteEnd adds the outcome of an installation to the history.
func (d *desk) noteEnd(err error, begun time.Time) {
	e := history.Entry{
		What: "completed", Bytes: d.written, Millis: time.Since(begun).Milliseconds(),
	}
	if d.offer != nil {
		e.UUID, e.Version = d.offer.UUID, d.offer.Version()
	}
	if err != nil {
		e.What, e.Reason = "failed", err.Error()
	}
	for _, kind := range [...]error{ErrInstalled, ErrPolicy, ErrDowngrade} {
		if errors.Is(err, kind) {
			e.What = "refused"
		}
	}
	d.note(e)
}

// place is a source without what may be secret in it.
func place(source string) string {
	if !isURL(source) {
		return source
	}
	u, err := url.Parse(source)
	if err != nil {
		return "an address"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

func isURL(source string) bool {
	return strings.HasPrefix(source, "http://") || strings.HasPrefix(source, "https://")
}

// desk is a device that an operator works on while no agent runs.
type desk struct {
	file    *config.File
	found   found
	state   firmware.BootState
	journal actors.FileJournal
	unlock  func() error
	history *history.Log // nil: it cannot be written

	order Order
	offer *firmware.Offer // what is installed, as a hub would offer it; nil: not known yet
	all   int64           // bytes of the file; 0: not known
	// bytes that were taken
	written int64
}

// openDesk opens what a firmware by hand needs, and claims the state directory.
func openDesk(ctx context.Context, file *config.File) (*desk, error) {
	d := &desk{file: file, journal: actors.FileJournal{Path: statePath(file, "journal")}}
	var errs [3]error
	d.found.slots, errs[0] = openSlots(ctx, file)
	d.found.keys, errs[1] = publicKeys(file.Firmware.PublicKeys)
	d.found.tls, errs[2] = trust(&file.Hub)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("%w:\n%w", ErrConfig, err)
	}
	unlock, err := lock(file)
	if err != nil {
		return nil, err
	}
	d.unlock = unlock
	if d.state, err = d.found.slots.State(ctx); err != nil {
		return nil, errors.Join(err, unlock())
	}
	d.history, _ = history.Open(file.Firmware.StateDir) // the firmware matters more
	return d, nil
}

func (d *desk) close() error {
	if d.history != nil {
		_ = d.history.Close() // every entry is synced
	}
	return d.unlock()
}

// copy installs a file: it is judged whole before anything is written.
func (d *desk) copy(ctx context.Context) error {
	fw, err := look.Read(ctx, d.order.Source, d.found.keys)
	if err != nil {
		return err
	}
	d.offer, d.all = offerOf(fw, d.state, d.order.Version), fw.Size
	if _, err := d.found.judge(d.file, fw, d.state, d.order.Version); err != nil {
		return err
	}
	d.found.onArchive = func(a fwdev.Archive) error {
		d.note(archiveEntry(a, history.ByHand))
		return nil
	}
	in, err := os.Open(d.order.Source)
	if err != nil {
		return err
	}
	defer in.Close()
	s, err := d.open(ctx, d.offer.Source(), d.offer.Target())
	if err != nil {
		return err
	}
	if _, err := io.Copy(writer{ctx, s}, in); err != nil {
		return errors.Join(err, s.intake.Abort())
	}
	return s.finish(ctx)
}

// download installs from an address. The archive is judged by its head, before anything is written.
func (d *desk) download(ctx context.Context) error {
	d.found.onArchive = func(a fwdev.Archive) error {
		d.note(archiveEntry(a, history.ByHand))
		return d.judgeHead(a)
	}
	source := firmware.Source{URL: firmware.SignedURL(d.order.Source)}
	s, err := d.open(ctx, source, firmware.Target{})
	if err != nil {
		return err
	}
	get := fetch.New(fetch.Options{
		HTTP:      downloads(d.file, d.found.tls),
		Stall:     d.file.Firmware.Stall.D(),
		OnAttempt: func(a fetch.Attempt) { d.all = max(a.Total, 0) },
		OnRetry: func(err error, wait time.Duration) {
			d.order.Notice(fmt.Sprintf("%v; trying again in %v", err, wait.Round(time.Second)))
		},
	})
	if _, err := get.Fetch(ctx, fetch.Source{URL: d.order.Source}, s); err != nil {
		if !errors.As(err, new(sinkError)) {
			err = refuse(ErrDownload, "%v", err)
		}
		return errors.Join(err, s.intake.Abort())
	}
	return s.finish(ctx)
}

// judgeHead judges a downloaded archive whose signature was verified.
func (d *desk) judgeHead(a fwdev.Archive) error {
	fw := look.Head(a.Meta, max(d.all, 1))
	o := offerOf(fw, d.state, "")
	o.Checksum = strings.Repeat("0", 64) // the signature vouches for the file
	err := d.found.wants(d.file, o, d.state)
	o.Checksum, o.Size, o.URL = "", d.all, firmware.SignedURL(d.order.Source)
	d.offer = o
	return err
}

// open opens the applier of the configuration.
func (d *desk) open(ctx context.Context, from firmware.Source, to firmware.Target) (*sink, error) {
	var applier firmware.Applier
	if to.UUID == "" {
		applier = d.found.onlyArchives(d.file)
	} else {
		applier = d.found.applier(d.file, zerolog.Nop())
	}
	in, err := firmware.OpenIntake(ctx, applier, &firmware.Plan{
		Source: from, Target: to, Limit: d.state.Capacity,
	})
	return &sink{desk: d, intake: in}, err
}

// errBareImage is why an image is not installed from an address.
var errBareImage = errors.New("this is an image, which has no description by itself: " +
	"download it and install the file, with --as-version")

// onlyArchives is applier for a file of which nothing is known before its head.
func (f *found) onlyArchives(file *config.File) firmware.Applier {
	c := firmwareformat.Config{Slots: f.slots, Raw: refusing{refuse(ErrPolicy, "%v", errBareImage)}}
	if archives(file) {
		a, err := f.archives(file, zerolog.Nop())
		c.Archive = a
		if err != nil {
			c.Archive = refusing{err}
		}
	}
	return firmwareformat.New(c)
}

// sink takes the bytes of a file to an intake. It implements fetch.Sink.
type sink struct {
	desk   *desk
	intake *firmware.Intake
}

// sinkError is an error of the sink rather than of the download.
type sinkError struct{ error }

func (e sinkError) Unwrap() error { return e.error }

// Write takes the next bytes.
func (s *sink) Write(_ context.Context, p []byte) error {
	if err := s.intake.Write(p); err != nil {
		return sinkError{err}
	}
	s.desk.written = s.intake.Written()
	s.desk.order.Progress(s.desk.written, s.desk.all)
	return nil
}

// Restart fails: the bytes of an archive that were applied cannot be taken back in this try.
func (s *sink) Restart(context.Context) error {
	return refuse(ErrDownload, "the file has changed on the server: start again")
}

// writer writes to a sink until ctx ends.
type writer struct {
	ctx context.Context //nolint:containedctx // of one copy
	s   *sink
}

func (w writer) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return len(p), w.s.Write(w.ctx, p)
}

// finish verifies everything, saves the intent where the agent finds it, and flips.
func (s *sink) finish(ctx context.Context) error {
	d := s.desk
	if err := s.intake.Finish(ctx); err != nil {
		return errors.Join(err, s.intake.Abort())
	}
	if d.offer == nil {
		return errors.Join(errors.New("the file has no firmware"), s.intake.Abort())
	}
	if err := d.intend(d.offer); err != nil {
		return errors.Join(fmt.Errorf("save the journal: %w", err), s.intake.Abort())
	}
	fctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flipWithin)
	defer cancel()
	err := s.intake.Flip(fctx)
	state, readErr := d.found.slots.State(fctx)
	if readErr == nil && state.Next != state.Active && state.Other["uuid"] == d.offer.UUID {
		return nil // the boot record counts
	}
	if readErr == nil && state.Next == state.Active {
		err = errors.Join(err, d.record(func(*firmware.Journal) {})) // nothing is left to finish
	}
	return errors.Join(errors.New("the boot record does not say that the new firmware boots next"),
		err, readErr)
}

// intend saves the intent to flip, as the agent's machine does, so that the next start of the agent
// knows why another firmware runs.
func (d *desk) intend(o *firmware.Offer) error {
	return d.record(func(j *firmware.Journal) {
		j.State, j.UUID, j.From, j.Offer = firmware.Flipping, o.UUID, d.state.Meta["uuid"], o
	})
}

// record changes the journal.
func (d *desk) record(change func(j *firmware.Journal)) error {
	data, err := d.journal.Load()
	if err != nil {
		return err
	}
	old, err := firmware.DecodeJournal(data)
	if err != nil {
		old = firmware.Journal{} // as the agent does
	}
	j := firmware.Journal{Seq: old.Seq, Reverted: old.Reverted}
	change(&j)
	data, err = j.Encode()
	if err != nil {
		return err
	}
	return d.journal.Save(data)
}

// classify gives an error of an installation its kind.
func classify(err error) error {
	if errors.As(err, new(*Refusal)) {
		return err
	}
	for _, c := range [...]struct{ err, kind error }{
		{fwfile.ErrNotArchive, ErrVerification},
		{fwfile.ErrNoKeys, ErrVerification},
		{fwfile.ErrUnsigned, ErrVerification},
		{fwfile.ErrSignature, ErrVerification},
		{fwfile.ErrCorrupt, ErrVerification},
		{fwfile.ErrTruncated, ErrVerification},
		{fwfile.ErrUncovered, ErrVerification},
		{fwfile.ErrMeta, ErrVerification},
		{fwdev.ErrOtherFirmware, ErrVerification},
		{native.ErrDelta, ErrVerification},
		{native.ErrIncomplete, ErrVerification},
		{errUnsigned, ErrVerification},
		{native.ErrNoTask, ErrPolicy},
		{fwup.ErrNoTask, ErrPolicy},
		{native.ErrRefused, ErrPolicy},
		{native.ErrUnsupported, ErrPolicy},
		{fwfile.ErrUnsupported, ErrPolicy},
		{syscall.ENOSPC, ErrNoSpace},
	} {
		if errors.Is(err, c.err) {
			return refuse(c.kind, "%v", err)
		}
	}
	switch {
	case errors.As(err, new(*firmware.TooLargeError)):
		return refuse(ErrNoSpace, "%v", err)
	case errors.As(err, new(*firmware.MismatchError)), errors.As(err, new(*firmware.ExcessError)),
		errors.As(err, new(*firmware.ShortError)):
		return refuse(ErrVerification, "%v", err)
	case errors.As(err, new(*firmwareformat.KindError)):
		return refuse(ErrPolicy, "%v", err)
	default:
		return err
	}
}
