package fwup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hublink-go/hublink/firmware/fwfile"
)

// Program is an installed fwup.
type Program struct {
	Path string   // empty: fwup, by PATH
	Args []string // more arguments for each apply, for instance --unsafe
	Env  []string // the environment, as NAME=value; nil: empty but for PATH
}

// Apply says what a run does.
type Apply struct {
	Device string // block device or file
	Task   string // prefix of the task's name; empty: upgrade
	Keys   []fwfile.Key
	// OnFrame is called for each frame, in order, by a goroutine of the process. It must not block.
	OnFrame func(Frame)
}

// ErrFailed means that fwup reported a failure, or ended without reporting success.
var ErrFailed = errors.New("fwup failed")

// grace is how long a program may take to end after it has closed its output.
const grace = 30 * time.Second

// Process is one run of fwup. Write, Finish and Abort are for one goroutine.
type Process struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr *tail
	read   chan struct{} // closed when the output has ended

	mu   sync.Mutex
	last Frame // Success or Failure; zero: none
	bad  error // output that is no frame
}

// Version returns the program's version, for instance 1.10.1. The hub's deltas depend on it.
func (p Program) Version(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := p.command(ctx, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", p.path(), err)
	}
	version := strings.TrimSpace(string(out[:min(len(out), 100)]))
	if version == "" || strings.ContainsAny(version, " \n\t") {
		return "", fmt.Errorf("ask %s for its version: it says %q", p.path(), version)
	}
	return version, nil
}

// Installed reports whether the program is there.
func (p Program) Installed() bool {
	_, err := exec.LookPath(p.path())
	return err == nil
}

func (p Program) path() string {
	if p.Path == "" {
		return "fwup"
	}
	return p.Path
}

func (p Program) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.path(), args...) //nolint:gosec // from the configuration
	cmd.Env = p.Env
	if cmd.Env == nil {
		cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	}
	ownGroup(cmd)
	cmd.Cancel = func() error { return killGroup(cmd) }
	cmd.WaitDelay = grace
	return cmd
}

// Start starts the program, which waits for the archive. When ctx ends, it is killed.
func (p Program) Start(ctx context.Context, a Apply) (*Process, error) {
	if a.Task == "" {
		a.Task = "upgrade"
	}
	args := slices.Concat(
		[]string{"--apply", "--framing", "--no-unmount", "-d", a.Device, "--task", a.Task}, p.Args)
	for _, k := range a.Keys {
		args = append(args, "--public-key", k.String())
	}
	r := &Process{cmd: p.command(ctx, args...), stderr: &tail{}, read: make(chan struct{})}
	r.cmd.Stderr = r.stderr
	stdin, err := r.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", p.path(), err)
	}
	stdout, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", p.path(), errors.Join(err, stdin.Close()))
	}
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w; install fwup, or set the path to it", p.path(), err)
	}
	r.stdin = stdin
	go r.drain(stdout, a.OnFrame)
	return r, nil
}

// drain reads the output to its end, so that the program never waits for its reader. It ends with
// the program.
func (r *Process) drain(out io.Reader, onFrame func(Frame)) {
	defer close(r.read)
	for {
		f, err := ReadFrame(out)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				r.mu.Lock()
				if r.last.Type == "" { // behind a result stands the exit handshake, if it was asked for
					r.bad = err
				}
				r.mu.Unlock()
				_, _ = io.Copy(io.Discard, out)
			}
			return
		}
		if f.Type == Success || f.Type == Failure {
			r.mu.Lock()
			if r.last.Type != Failure {
				r.last = f
			}
			r.mu.Unlock()
		}
		if onFrame != nil {
			onFrame(f)
		}
	}
}

// Write gives bytes of the archive to the program. When the program has ended before, Write
// returns why; one that has succeeded needs no more bytes, and Write takes them in silence.
func (r *Process) Write(p []byte) (int, error) {
	if _, err := (framer{r.stdin}).Write(p); err != nil {
		<-r.read // the program has closed its input, so its output ends soon
		if end := r.verdict(); end != nil {
			return 0, end
		}
	}
	return len(p), nil
}

// Finish tells the program that the archive is complete and waits for it. Nil means that it
// reported success and exited with 0.
func (r *Process) Finish() error {
	_ = framer{r.stdin}.end() // it may have ended already
	_ = r.stdin.Close()
	<-r.read
	err := r.cmd.Wait()
	if end := r.verdict(); end != nil {
		return end
	}
	if err != nil {
		return fmt.Errorf("%w: it reported success, and then: %w", ErrFailed, err)
	}
	return nil
}

// verdict returns what the reports mean: nil for success.
func (r *Process) verdict() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.last.Type == Failure:
		return fmt.Errorf("%w: %s", ErrFailed, r.last.Text)
	case r.bad != nil:
		return fmt.Errorf("%w: %w%s", ErrFailed, r.bad, r.stderr.suffix())
	case r.last.Type != Success:
		return fmt.Errorf("%w: it ended without a result%s", ErrFailed, r.stderr.suffix())
	default:
		return nil
	}
}

// Kill ends the program with its children. Write and Finish then fail. It may be called from any
// goroutine.
func (r *Process) Kill() { _ = killGroup(r.cmd) }

// Abort kills the program with its children, then closes its input, in this order: a cut archive
// may look complete to it. It waits for the end.
func (r *Process) Abort() {
	_ = killGroup(r.cmd)
	_ = r.cmd.Wait()
	_ = r.stdin.Close()
	<-r.read
}

// tail keeps the last bytes that a program wrote to stderr.
type tail struct {
	mu sync.Mutex
	b  []byte
}

const maxTail = 2 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if n := len(t.b) - maxTail; n > 0 {
		t.b = append(t.b[:0], t.b[n:]...)
	}
	return len(p), nil
}

// suffix returns the text as the end of an error message.
func (t *tail) suffix() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if text := bytes.TrimSpace(t.b); len(text) > 0 {
		return fmt.Sprintf(": %q", text)
	}
	return ""
}
