package native

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/firmware/internal/blockcache"
	"github.com/hublink-go/hublink/firmware/internal/fat"
)

const (
	blockSize = blockcache.Block
	segments  = 32 // that are kept in memory: 4 MiB
)

// Target is a block device or a file.
type Target interface {
	io.ReaderAt
	io.WriterAt
	// Size returns the size in bytes, and whether it is fixed. Writes behind the end of a file let it
	// grow; a block device has none.
	Size() (size int64, fixed bool, err error)
	// Sync returns when everything that was written is on the medium.
	Sync() error
}

// Discarder is a Target that can be told which bytes are of no use any more.
type Discarder interface {
	Discard(offset, n int64) error
}

// Errors of Open and of a Run.
var (
	// ErrUnsupported means that the task needs something that only the fwup program has.
	ErrUnsupported = errors.New("only the fwup program can do this")
	// ErrNoTask means that no task of the archive fits the target.
	ErrNoTask = errors.New("no task of the archive fits this device")
	// ErrRefused means that the task refuses the target by its own error function.
	ErrRefused = errors.New("the archive refuses this device")
	// ErrDelta means that a delta does not fit what the device has, or is damaged.
	ErrDelta = errors.New("the delta does not fit the running firmware")
	// ErrIncomplete means that the archive lacks a resource that the task uses.
	ErrIncomplete = errors.New("the archive lacks a resource that its task uses")
)

// Options say what to run and what the caller knows of the device.
type Options struct {
	// Task is the beginning of the task's name; empty means upgrade.
	Task string
	// PathOnDevice reports whether a path lies on a device, for require-path-on-device. Nil makes
	// tasks with this requirement unsupported.
	PathOnDevice func(path, device string) bool
	// Info is called with the texts of the info function; nil drops them.
	Info func(text string)
}

// Run is one application of a task.
type Run struct {
	opts  Options
	meta  *fwfile.Meta
	task  *fwfile.Task
	cache *blockcache.Cache
	disk  Target
	envs  map[string]*environment
	// volumes are FAT file systems by their first block.
	volumes map[uint64]*fat.Volume
	done    map[string]bool // resources that were written
}

// Open chooses the first task whose name begins with Options.Task and whose requirements the target
// meets, as fwup does. It reads the target and writes nothing.
func Open(t Target, m *fwfile.Meta, opts Options) (*Run, error) {
	r, err := choose(t, m, opts)
	if err != nil {
		return nil, err
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	return r, nil
}

// Choose returns the task that Open chooses, also if only the fwup program can do it.
func Choose(t Target, m *fwfile.Meta, opts Options) (*fwfile.Task, error) {
	r, err := choose(t, m, opts)
	if err != nil {
		return nil, err
	}
	return r.task, nil
}

func choose(t Target, m *fwfile.Meta, opts Options) (*Run, error) {
	if opts.Task == "" {
		opts.Task = "upgrade"
	}
	size, fixed, err := t.Size()
	if err != nil {
		return nil, fmt.Errorf("size of the target: %w", err)
	}
	r := &Run{
		opts: opts, meta: m, disk: t,
		cache: blockcache.New(t, blockcache.Options{Size: size, Fixed: fixed, Segments: segments}),
		envs:  map[string]*environment{}, volumes: map[uint64]*fat.Volume{}, done: map[string]bool{},
	}
	r.task, err = r.choose()
	return r, err
}

// Task returns the task that Open chose.
func (r *Run) Task() *fwfile.Task { return r.task }

func (r *Run) choose() (*fwfile.Task, error) {
	named := false
	for i := range r.meta.Tasks {
		t := &r.meta.Tasks[i]
		if !strings.HasPrefix(t.Name, r.opts.Task) {
			continue
		}
		named = true
		met, err := r.meets(t)
		if err != nil {
			return nil, fmt.Errorf("task %q: %w", t.Name, err)
		}
		if met {
			return t, nil
		}
	}
	if named {
		return nil, fmt.Errorf("%w: the requirements of its tasks %q are not met", ErrNoTask, r.opts.Task)
	}
	return nil, fmt.Errorf("%w: it has no task %q", ErrNoTask, r.opts.Task)
}

// Begin runs the task's on-init. What the caller has changed on the target since Open counts.
func (r *Run) Begin() error {
	r.cache.Discard()
	clear(r.volumes)
	clear(r.envs)
	return r.calls("on-init", r.task.OnInit, nil)
}

// Resource runs the task's on-resource for an entry, whose data it reads. An entry that the task
// does not use is passed over without reading it.
func (r *Run) Resource(e fwfile.Entry, data io.Reader) error {
	on := r.task.Resource(e.Resource.Name)
	if on == nil {
		return nil
	}
	s, err := r.source(e, on, data)
	if err != nil {
		return fmt.Errorf("resource %q: %w", e.Resource.Name, err)
	}
	if err := r.calls("on-resource", on.Calls, s); err != nil {
		return fmt.Errorf("resource %q: %w", e.Resource.Name, err)
	}
	r.done[e.Resource.Name] = true
	return nil
}

// Ready checks that every resource of the task was written and writes what is still in memory. When
// it returns nil, all but the task's on-finish is on the medium, and the caller may change U-Boot
// environments until it calls Finish.
func (r *Run) Ready() error {
	for i := range r.task.OnResource {
		if name := r.task.OnResource[i].Resource; !r.done[name] {
			return fmt.Errorf("%w: %q", ErrIncomplete, name)
		}
	}
	if err := r.flush(); err != nil {
		return err
	}
	clear(r.envs) // Finish reads them again
	return nil
}

// Finish runs the task's on-finish and writes what it changes.
func (r *Run) Finish() error {
	if err := r.calls("on-finish", r.task.OnFinish, nil); err != nil {
		return err
	}
	return r.flush()
}

// Fail drops what was not written and runs the task's on-error, as far as it goes.
func (r *Run) Fail() error {
	r.drop()
	err := r.calls("on-error", r.task.OnError, nil)
	if err == nil {
		err = r.flush()
	}
	if err != nil {
		r.drop()
	}
	return err
}

func (r *Run) drop() {
	r.cache.Discard()
	clear(r.volumes)
	for _, e := range r.envs {
		e.drop()
	}
}

// flush writes the cache, then the environments.
func (r *Run) flush() error {
	clear(r.volumes)
	if err := r.cache.Flush(); err != nil {
		return err
	}
	if err := r.disk.Sync(); err != nil {
		return fmt.Errorf("sync the target: %w", err)
	}
	for i := range r.meta.Partitions.Envs {
		if e := r.envs[r.meta.Partitions.Envs[i].Name]; e != nil {
			if err := e.flush(r.disk); err != nil {
				return err
			}
		}
	}
	r.cache.Discard() // the segments around environments have them as they were before
	return nil
}

// env returns an environment by its name in meta.conf.
func (r *Run) env(name string) (*environment, error) {
	if e := r.envs[name]; e != nil {
		return e, nil
	}
	for _, def := range r.meta.Partitions.Envs {
		if def.Name == name {
			e, err := openEnv(r.cache, def)
			if err != nil {
				return nil, err
			}
			r.envs[name] = e
			return e, nil
		}
	}
	return nil, fmt.Errorf("meta.conf has no uboot-environment %q", name)
}
