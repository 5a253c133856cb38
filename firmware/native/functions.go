package native

import (
	"fmt"
	"strconv"

	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/firmware/internal/blockcache"
)

// function is a function of fwup that this package has.
type function struct {
	least, most int  // number of arguments
	resource    bool // only in on-resource
	run         func(r *Run, args []string, s *source) error
}

// functions are fwup's functions by name (fwup, src/functions.c).
func functions() map[string]function {
	return map[string]function{
		"raw_write":      {1, 1, true, rawWrite},
		"raw_memset":     {3, 3, false, rawMemset},
		"trim":           {2, 2, false, trim},
		"mbr_write":      {1, 1, false, mbrWrite},
		"gpt_write":      {1, 1, false, gptWrite},
		"uboot_clearenv": {1, 1, false, ubootClear},
		"uboot_recover":  {1, 1, false, ubootRecover},
		"uboot_setenv":   {3, 3, false, ubootSet},
		"uboot_unsetenv": {2, 2, false, ubootUnset},
		"info":           {1, 1, false, info},
		"error":          {1, 1, false, refuse},
		"fat_mkfs":       {2, 2, false, fatMkfs},
		"fat_write":      {2, 2, true, fatWrite},
		"fat_mv":         {3, 3, false, fatMove},
		"fat_mv!":        {3, 3, false, fatMoveOver},
		"fat_rm":         {2, 2, false, fatRemove},
		"fat_rm!":        {2, 2, false, fatRemoveExisting},
		"fat_cp":         {3, 4, false, fatCopy},
		"fat_mkdir":      {2, 2, false, fatMkdir},
		"fat_setlabel":   {2, 2, false, fatLabel},
		"fat_attrib":     {3, 3, false, fatAttrib},
		"fat_touch":      {2, 2, false, fatTouch},
	}
}

// calls runs the calls of an event.
func (r *Run) calls(event string, calls []fwfile.Call, s *source) error {
	table := functions()
	for _, c := range calls {
		f := table[c.Name()] // check has seen that it is there
		if err := f.run(r, c.Args(), s); err != nil {
			return fmt.Errorf("%s of task %q: %s: %w", event, r.task.Name, c.Name(), err)
		}
	}
	if s != nil {
		return s.finish()
	}
	return nil
}

// check refuses a task that this package cannot do, before anything is written.
func (r *Run) check() error {
	t := r.task
	if len(t.Unknown) > 0 {
		return fmt.Errorf("task %q: %w: section %q", t.Name, ErrUnsupported, t.Unknown[0])
	}
	for _, calls := range [][]fwfile.Call{t.OnInit, t.OnFinish, t.OnError} {
		if err := r.checkCalls(calls, false); err != nil {
			return fmt.Errorf("task %q: %w", t.Name, err)
		}
	}
	for i := range t.OnResource {
		on := &t.OnResource[i]
		if r.meta.Resource(on.Resource) == nil {
			return fmt.Errorf("task %q uses resource %q, which meta.conf does not describe",
				t.Name, on.Resource)
		}
		if on.Delta.Options != "" {
			return fmt.Errorf("task %q: %w: delta-source-raw-options", t.Name, ErrUnsupported)
		}
		if err := r.checkCalls(on.Calls, true); err != nil {
			return fmt.Errorf("task %q: resource %q: %w", t.Name, on.Resource, err)
		}
	}
	return nil
}

func (r *Run) checkCalls(calls []fwfile.Call, resource bool) error {
	table := functions()
	for _, c := range calls {
		f, ok := table[c.Name()]
		switch {
		case !ok:
			return fmt.Errorf("%w: %s; install fwup and set applier = \"fwup\"", ErrUnsupported, c.Name())
		case c.Name() == "raw_write" && len(c.Args()) > 1:
			return fmt.Errorf("%w: raw_write with options", ErrUnsupported)
		case len(c.Args()) < f.least || len(c.Args()) > f.most:
			return fmt.Errorf("%s has %d arguments", c.Name(), len(c.Args()))
		case f.resource && !resource:
			return fmt.Errorf("%s outside of on-resource", c.Name())
		}
	}
	return nil
}

// number reads a number as fwup does: decimal, or with 0x or 0 in front.
func number(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 0, 64)
	if err != nil || n > 1<<53 {
		return 0, fmt.Errorf("%.40q is not a number of blocks", text)
	}
	return n, nil
}

// offset reads a number of blocks and returns bytes.
func offset(text string) (int64, error) {
	n, err := number(text)
	return int64(n) * blockSize, err //nolint:gosec // number bounds it
}

func rawWrite(r *Run, args []string, s *source) error {
	at, err := offset(args[0])
	if err != nil {
		return err
	}
	w := rawFile{blockcache.NewPadder(r.cache), at}
	if err := s.copy(w); err != nil {
		return err
	}
	return w.out.Flush()
}

func rawMemset(r *Run, args []string, _ *source) error {
	at, err := offset(args[0])
	if err != nil {
		return err
	}
	n, err := offset(args[1])
	if err != nil {
		return err
	}
	value, err := strconv.ParseUint(args[2], 0, 8)
	if err != nil {
		return fmt.Errorf("%.40q is no byte", args[2])
	}
	b := make([]byte, 64<<10)
	for i := range b {
		b[i] = byte(value)
	}
	for n > 0 {
		part := min(n, int64(len(b)))
		if _, err := r.cache.WriteThrough(b[:part], at); err != nil {
			return err
		}
		at, n = at+part, n-part
	}
	return nil
}

func trim(r *Run, args []string, _ *source) error {
	at, err := offset(args[0])
	if err != nil {
		return err
	}
	n, err := offset(args[1])
	if err != nil {
		return err
	}
	r.cache.Trim(at, n)
	if d, ok := r.disk.(Discarder); ok {
		_ = d.Discard(at, n) // a hint: devices may not be able to
	}
	return nil
}

func ubootClear(r *Run, args []string, _ *source) error {
	e, err := r.env(args[0])
	if err != nil {
		return err
	}
	return e.clear()
}

func ubootRecover(r *Run, args []string, _ *source) error {
	e, err := r.env(args[0])
	if err != nil {
		return err
	}
	return e.recover()
}

func ubootSet(r *Run, args []string, _ *source) error {
	e, err := r.env(args[0])
	if err != nil {
		return err
	}
	return e.change(func(vars map[string]string) { vars[args[1]] = args[2] })
}

func ubootUnset(r *Run, args []string, _ *source) error {
	e, err := r.env(args[0])
	if err != nil {
		return err
	}
	return e.change(func(vars map[string]string) { delete(vars, args[1]) })
}

func info(r *Run, args []string, _ *source) error {
	if r.opts.Info != nil {
		r.opts.Info(args[0])
	}
	return nil
}

func refuse(_ *Run, args []string, _ *source) error {
	return fmt.Errorf("%w: %s", ErrRefused, args[0])
}
