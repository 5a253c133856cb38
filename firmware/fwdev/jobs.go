package fwdev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/firmware/fwup"
	"github.com/hublink-go/hublink/firmware/native"
)

// choose decides who applies the archive and lets OnArchive judge it.
func (s *stream) choose(ctx context.Context, gate *fwup.Gate) (job, error) {
	cfg := &s.a.cfg
	seen, n, err := s.a.plan(gate.Archive().Meta())
	if err != nil {
		return nil, err
	}
	seen.Signer = gate.Archive().Signer()
	if cfg.OnArchive != nil {
		if err := cfg.OnArchive(seen); err != nil {
			if n != nil {
				n.close()
			}
			return nil, err
		}
	}
	if n != nil {
		n.archive = gate.Bypass()
		return n, nil
	}
	return s.program(ctx, gate)
}

// Plan returns how an archive would be applied now: which task, and by which program. It judges no
// signature and writes nothing.
func (a *Applier) Plan(m *fwfile.Meta) (Archive, error) {
	seen, n, err := a.plan(m)
	switch {
	case err != nil:
		return Archive{}, err
	case n != nil:
		n.close()
		return seen, nil
	default:
		return seen, a.untouchedByProgram(m)
	}
}

// plan chooses package native or, without a job, the program.
func (a *Applier) plan(m *fwfile.Meta) (Archive, *nativeJob, error) {
	seen := Archive{Meta: m, Task: a.task()}
	if a.cfg.Mode == Program {
		return seen, nil, nil
	}
	n, err := a.native(m)
	switch {
	case err == nil:
		seen.Native, seen.Task = true, n.run.Task().Name
		return seen, n, nil
	case a.cfg.Mode == Auto && errors.Is(err, native.ErrUnsupported) && a.cfg.Fwup.Installed():
		return seen, nil, nil
	default:
		return Archive{}, nil, err
	}
}

// native opens the disk and checks that package native can do the task.
func (a *Applier) native(m *fwfile.Meta) (*nativeJob, error) {
	disk, err := a.cfg.Open(a.cfg.Disk)
	if err != nil {
		return nil, err
	}
	run, err := native.Open(disk, m, a.options())
	if err == nil {
		err = a.untouched(run.Task(), m)
	}
	if err != nil {
		return nil, errors.Join(err, disk.Close())
	}
	return &nativeJob{a: a, disk: disk, run: run}, nil
}

// nativeJob applies with package native.
type nativeJob struct {
	a       *Applier
	disk    Disk
	run     *native.Run
	archive *fwfile.Reader
	begun   bool
}

func (j *nativeJob) read(ctx context.Context) error {
	if err := j.a.vacate(ctx); err != nil {
		return err
	}
	j.begun = true
	if err := j.run.Begin(); err != nil {
		return err
	}
	for {
		e, err := j.archive.Next()
		if errors.Is(err, io.EOF) {
			return j.run.Ready()
		}
		if err != nil {
			return err
		}
		if err := j.run.Resource(e, j.archive); err != nil {
			return err
		}
	}
}

// flip notes the running slot and runs the task's on-finish. Until then the boot record has not
// changed by a byte, unless the task's on-init changes it.
func (j *nativeJob) flip(ctx context.Context) error {
	err := j.a.pin(ctx)
	if err == nil {
		err = j.run.Finish()
	}
	return errors.Join(err, j.disk.Close())
}

// abort runs the task's on-error, which tidies up files that on-finish would have moved.
func (j *nativeJob) abort() {
	if j.begun {
		_ = j.run.Fail() // the update has failed for another reason, which is reported
	}
	j.close()
}

func (j *nativeJob) close() { _ = j.disk.Close() }

// program starts fwup, which waits for the archive.
func (s *stream) program(ctx context.Context, gate *fwup.Gate) (job, error) {
	cfg := &s.a.cfg
	if err := s.a.untouchedByProgram(gate.Archive().Meta()); err != nil {
		return nil, err
	}
	// The program keeps the boot record in its cache from here on.
	if err := s.a.vacate(ctx); err != nil {
		return nil, err
	}
	if err := s.a.pin(ctx); err != nil {
		return nil, err
	}
	p, err := cfg.Fwup.Start(ctx, fwup.Apply{
		Device: cfg.Disk, Task: s.a.task(), Keys: cfg.Keys().Keys,
		OnFrame: func(f fwup.Frame) {
			if f.Type == fwup.Warning && cfg.Info != nil {
				cfg.Info(f.Text)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	return &programJob{gate: gate, process: p}, nil
}

// programJob applies with the fwup program.
type programJob struct {
	gate    *fwup.Gate
	process *fwup.Process
}

func (j *programJob) read(context.Context) error {
	for {
		b, err := j.gate.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := j.process.Write(b); err != nil {
			return err
		}
	}
}

// flip gives the program the bytes that were held back, by which it flips.
func (j *programJob) flip(ctx context.Context) error {
	stop := context.AfterFunc(ctx, j.process.Kill)
	defer stop()
	_, err := io.Copy(j.process, j.gate.Tail())
	if err != nil {
		j.process.Abort()
	} else {
		err = j.process.Finish()
	}
	if err != nil && ctx.Err() != nil { // it was killed
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return err
}

func (j *programJob) abort() { j.process.Abort() }

// untouchedByProgram is untouched for the task that the program will choose, or, if only the
// program can tell which one that is, for all that it may choose.
func (a *Applier) untouchedByProgram(m *fwfile.Meta) error {
	t, err := a.choice(m)
	switch {
	case err == nil:
		return a.untouched(t, m)
	case !errors.Is(err, native.ErrUnsupported):
		return err
	}
	for _, t := range fwup.Candidates(m, a.task()) {
		if err := a.untouched(t, m); err != nil {
			return err
		}
	}
	return nil
}

// choice returns the task that fits the disk.
func (a *Applier) choice(m *fwfile.Meta) (*fwfile.Task, error) {
	disk, err := a.cfg.Open(a.cfg.Disk)
	if err != nil {
		return nil, err
	}
	t, err := native.Choose(disk, m, a.options())
	return t, errors.Join(err, disk.Close())
}

func (a *Applier) options() native.Options {
	return native.Options{Task: a.task(), Info: a.cfg.Info, PathOnDevice: pathOnDevice()}
}

// untouched refuses a task that would write to a range that is in use.
func (a *Applier) untouched(t *fwfile.Task, m *fwfile.Meta) error {
	used, err := a.cfg.InUse(a.cfg.Disk)
	if err != nil {
		return fmt.Errorf("find out which parts of %s are in use: %w", a.cfg.Disk, err)
	}
	check := func(c fwfile.Call, resource int64) error {
		from, to, ok := writes(c, resource)
		for _, u := range used {
			if ok && from < u.To && u.From < to {
				return fmt.Errorf("task %q of the archive would write to %s: %s, %s; nothing was written",
					t.Name, a.cfg.Disk, c.Name(), u.What)
			}
		}
		return nil
	}
	var errs []error
	for _, calls := range [][]fwfile.Call{t.OnInit, t.OnFinish, t.OnError} {
		for _, c := range calls {
			errs = append(errs, check(c, 0))
		}
	}
	for _, on := range t.OnResource {
		length := int64(0)
		if r := m.Resource(on.Resource); r != nil {
			length = r.Length()
		}
		for _, c := range on.Calls {
			errs = append(errs, check(c, length))
		}
	}
	return errors.Join(errs...)
}

// writes returns the range of the disk that a call writes to: of a file system its first block, of
// a partition table what stands at the beginning of the disk.
func writes(c fwfile.Call, resource int64) (from, to int64, ok bool) {
	args := c.Args()
	number := func(i int) int64 {
		if i >= len(args) {
			return -1
		}
		n, err := strconv.ParseInt(args[i], 0, 64)
		if err != nil || n > 1<<53 {
			return -1
		}
		return n
	}
	at, n := number(0), int64(1)
	switch name := c.Name(); {
	case name == "raw_write":
		n = (resource + 511) / 512
	case name == "raw_memset", name == "trim", name == "fat_mkfs":
		n = number(1)
	case name == "fat_cp" && len(args) == 4:
		at = number(2)
	case strings.HasPrefix(name, "fat_"):
	case name == "mbr_write":
		at = 0
	case name == "gpt_write":
		at, n = 0, gptBlocks
	default:
		return 0, 0, false
	}
	return at * 512, (at + n) * 512, at >= 0 && n >= 0
}

// gptBlocks is the length of a GUID partition table with its protective MBR (UEFI specification).
const gptBlocks = 34
