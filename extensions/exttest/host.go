package exttest

import (
	"fmt"
	"runtime/debug"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/hublink-go/hublink/extensions"
)

// Epoch is the time at which the clock of a Host starts.
var Epoch = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// patience is how long a Host waits for the goroutines of an extension, and for Handle.
const patience = 5 * time.Second

// ticksMax is how many ticks a Host gives at one instant of its clock before it calls the extension
// a busy loop.
const ticksMax = 1000

// Push is an event that the extension sent to the hub.
type Push struct {
	Event   string         // without the extension's prefix
	Payload jsontext.Value // a JSON object
	At      time.Time
}

// Into reads the payload into v, or fails the test.
func (p Push) Into(tb testing.TB, v any) {
	tb.Helper()
	if err := json.Unmarshal(p.Payload, v); err != nil {
		tb.Fatalf("payload of %q: %v\n%s", p.Event, err, p.Payload)
	}
}

// Host runs one extension the way the agent does, under the control of a test.
type Host struct {
	tb       testing.TB
	factory  extensions.Factory
	version  string
	ext      extensions.Extension
	port     *port
	attached bool // the hub listens
	crashes  []error

	pushes  []Push // guarded by the port's lock, as is the next
	refusal error
}

// NewHost makes the extension. It is not attached yet. The end of the test ends the extension.
func NewHost(tb testing.TB, f extensions.Factory) *Host {
	tb.Helper()
	if err := f.Validate(); err != nil {
		tb.Fatal(err)
	}
	h := &Host{tb: tb, factory: f, version: f.Versions[0]}
	h.start(Epoch)
	tb.Cleanup(h.Close)
	return h
}

// Close ends the extension for good and fails the test when goroutines of it go on.
func (h *Host) Close() {
	h.tb.Helper()
	h.port.end()
}

// Attach tells the extension that the hub listens, in its most preferred version.
func (h *Host) Attach() {
	h.tb.Helper()
	h.AttachVersion(h.factory.Versions[0])
}

// AttachVersion tells the extension that the hub listens and speaks this version.
func (h *Host) AttachVersion(version string) {
	h.tb.Helper()
	h.attached, h.version = true, version
	h.deliver(extensions.Event{Kind: extensions.Attached, Version: version})
}

// Detach tells the extension to be silent.
func (h *Host) Detach() {
	h.tb.Helper()
	h.attached = false
	h.deliver(extensions.Event{Kind: extensions.Detached})
}

// Send gives the extension a message of the hub. A detached one does not get it.
func (h *Host) Send(event, payload string) {
	h.tb.Helper()
	if !h.attached {
		return
	}
	h.deliver(
		extensions.Event{Kind: extensions.Message, Name: event, Payload: jsontext.Value(payload)},
	)
}

// Advance lets time pass, with every tick that falls into it. Advance(0) gives the ticks that are
// due now.
func (h *Host) Advance(d time.Duration) {
	h.tb.Helper()
	until := h.Now().Add(d)
	last, n := h.Now(), 0
	for {
		name, due := h.port.tick(until)
		if !due {
			return
		}
		if now := h.Now(); !now.Equal(last) {
			last, n = now, 0
		}
		if n++; n > ticksMax {
			h.tb.Fatalf("the extension wakes itself without end at %s", last.Sub(Epoch))
		}
		h.deliver(extensions.Event{Kind: extensions.Tick, Name: name})
	}
}

// Restart drops the extension as after a crash and makes a fresh one, which is attached if the old
// one was.
func (h *Host) Restart() {
	h.tb.Helper()
	h.start(h.port.end())
	if h.attached {
		h.deliver(extensions.Event{Kind: extensions.Attached, Version: h.version})
	}
}

// Refuse makes every Push fail with err; nil accepts them again. ErrBusy makes PushContext wait.
func (h *Host) Refuse(err error) {
	h.port.mu.Lock()
	defer h.port.mu.Unlock()
	h.refusal = err
	h.port.changed()
}

// Now is the Host's time.
func (h *Host) Now() time.Time { return h.port.Now() }

// Crashes are the errors and panics after which the extension was replaced by a fresh one.
func (h *Host) Crashes() []error {
	h.tb.Helper()
	h.settle()
	return h.crashes
}

// ExpectCrash waits for the extension to crash and be replaced, and returns why it did. The reason
// says why it must have.
func (h *Host) ExpectCrash(reason string) error {
	h.tb.Helper()
	before := len(h.crashes)
	h.port.wait(func() bool { return h.port.failure != nil })
	h.settle()
	if len(h.crashes) == before {
		h.tb.Fatalf("no crash: %s", reason)
	}
	return h.crashes[len(h.crashes)-1]
}

// Expect takes the next push; it fails the test when there is none or when it is of another event.
// It waits for a push only while the extension has goroutines. The reason says why the hub must
// have got it.
func (h *Host) Expect(reason, event string) Push {
	h.tb.Helper()
	var p Push
	if !h.port.wait(func() bool {
		if len(h.pushes) == 0 {
			return false
		}
		p, h.pushes = h.pushes[0], h.pushes[1:]
		return true
	}) {
		h.tb.Fatalf("no push of %q: %s", event, reason)
	}
	if p.Event != event {
		h.tb.Fatalf("push of %q instead of %q: %s\n%s", p.Event, event, reason, p.Payload)
	}
	return p
}

// ExpectSilence fails the test when a push waits. The reason says why the hub must have got
// nothing.
func (h *Host) ExpectSilence(reason string) {
	h.tb.Helper()
	for _, p := range h.Drain() {
		h.tb.Errorf("push of %q after %s: %s\n%s", p.Event, p.At.Sub(Epoch), reason, p.Payload)
	}
}

// Drain takes all pushes that wait.
func (h *Host) Drain() []Push {
	h.port.mu.Lock()
	defer h.port.mu.Unlock()
	all := h.pushes
	h.pushes = nil
	return all
}

func (h *Host) start(now time.Time) {
	h.tb.Helper()
	h.port = newPort(h, now)
	ext, err := h.factory.New(h.port)
	if err != nil {
		h.tb.Fatalf("start extension %s: %v", h.factory.Name, err)
	}
	h.ext = ext
}

func (h *Host) deliver(e extensions.Event) {
	h.tb.Helper()
	h.settle()
	if err := h.handle(e); err != nil {
		h.crashed(err)
	}
}

// settle replaces the extension when a goroutine of it has failed.
func (h *Host) settle() {
	h.tb.Helper()
	h.port.mu.Lock()
	err := h.port.failure
	h.port.failure = nil
	h.port.mu.Unlock()
	if err != nil {
		h.crashed(err)
	}
}

func (h *Host) crashed(err error) {
	h.tb.Helper()
	h.crashes = append(h.crashes, err)
	if len(h.crashes) > 100 {
		h.tb.Fatalf("the extension crashes without end, last with: %v", err)
	}
	if h.port.ctx.Err() == nil { // not closed
		h.Restart()
	}
}

// handle calls the extension in a goroutine, which ends with the call; a call that does not return
// within patience fails the test. A panic is a failed test and a crash.
func (h *Host) handle(e extensions.Event) error {
	h.tb.Helper()
	h.port.enter(e.Kind)
	defer h.port.leave()
	ended := make(chan error, 1)
	go func() { ended <- h.call(e) }()
	late := time.NewTimer(max(patience, h.factory.Deadline))
	defer late.Stop()
	select {
	case err := <-ended:
		return err
	case <-late.C:
		h.tb.Fatalf("Handle of %s %q does not return", e.Kind, e.Name)
		return nil
	}
}

func (h *Host) call(e extensions.Event) (err error) {
	h.tb.Helper()
	defer func() {
		if r := recover(); r != nil {
			h.tb.Errorf("panic while handling %s %q %q: %v\n%s", e.Kind, e.Name, e.Payload, r, debug.Stack())
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return h.ext.Handle(e)
}
