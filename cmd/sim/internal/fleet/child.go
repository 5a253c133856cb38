package fleet

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"
)

const (
	helloWithin  = 10 * time.Second
	answerWithin = 5 * time.Second
	endWithin    = 5 * time.Second
)

// child is the hub's process, seen from the agents'. Its methods are for one goroutine.
type child struct {
	hello
	roots *x509.CertPool // nil without TLS
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan []byte // what it says; closed at the end of its output
	errs  *tail
}

// startHub starts command and waits until it has said where the hub is. The child must be ended.
func startHub(ctx context.Context, command *exec.Cmd) (*child, error) {
	c := &child{cmd: command, lines: make(chan []byte, 4), errs: &tail{}}
	command.Stderr = c.errs
	var err error
	if c.in, err = command.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start the hub: %w", err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the hub: %w", err)
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start the hub: %w", err)
	}
	go c.read(out) // ends with the process
	line, err := c.next(ctx, helloWithin)
	if err == nil {
		err = c.greeted(line)
	}
	if err != nil {
		_ = c.end() // its own words say more
		return nil, fmt.Errorf("start the hub: %w%s", err, c.errs.words())
	}
	return c, nil
}

// greeted reads the first line.
func (c *child) greeted(line []byte) error {
	if err := json.Unmarshal(line, &c.hello); err != nil {
		return err
	}
	if c.Root == nil {
		return nil
	}
	root, err := x509.ParseCertificate(c.Root)
	if err != nil {
		return err
	}
	c.roots = x509.NewCertPool()
	c.roots.AddCert(root)
	return nil
}

func (c *child) read(out io.Reader) {
	defer close(c.lines)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		c.lines <- bytes.Clone(lines.Bytes()) // as many as were asked for: there is room
	}
}

func (c *child) next(ctx context.Context, within time.Duration) ([]byte, error) {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case line, ok := <-c.lines:
		if !ok {
			return nil, errors.New("it has ended")
		}
		return line, nil
	case <-timer.C:
		return nil, fmt.Errorf("it did not answer within %v", within)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// ask asks the hub one of the questions that it knows.
func (c *child) ask(ctx context.Context, question string) (a answer, err error) {
	if _, err = io.WriteString(c.in, question+"\n"); err != nil {
		return a, fmt.Errorf("ask the hub: %w%s", err, c.errs.words())
	}
	line, err := c.next(ctx, answerWithin)
	if err == nil {
		err = json.Unmarshal(line, &a)
	}
	if err != nil {
		return a, fmt.Errorf("ask the hub: %w%s", err, c.errs.words())
	}
	return a, nil
}

// end ends the process: by closing its input, and when that does not help, by killing it.
func (c *child) end() error {
	_ = c.in.Close()
	timer := time.AfterFunc(endWithin, func() { _ = c.cmd.Process.Kill() })
	defer timer.Stop()
	for range c.lines { // Wait must come after the last read
	}
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("the hub's process: %w%s", err, c.errs.words())
	}
	return nil
}

// tail keeps the last of what a process complains about.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 4 << 10

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-tailSize):]
	return len(p), nil
}

func (t *tail) words() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.text) == 0 {
		return ""
	}
	return ": " + strings.TrimSpace(string(t.text))
}
