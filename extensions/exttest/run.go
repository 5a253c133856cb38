package exttest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hublink-go/hublink/extensions"
)

// Options are what Run has to be told about an extension.
type Options struct {
	// Provoke makes the extension push at least once if it is attached: with a message of the hub,
	// something that happens on the device, time that passes. It is called in every state.
	Provoke func(h *Host)
	// Messages are the events of the hub that the extension knows, each with a payload that it
	// accepts. None: it listens to nothing.
	Messages map[string]string
	// Crash makes Handle, or a goroutine of the extension, fail. Nil: neither ever does.
	Crash func(h *Host)
}

// Run checks that an extension keeps the contract: it is silent unless attached, takes anything
// that the hub sends and a socket that is slow or lost, is the same after each restart, and leaves
// no goroutine behind.
func Run(t *testing.T, f extensions.Factory, opts Options) {
	if opts.Provoke == nil {
		t.Fatal("exttest: Options.Provoke is required")
	}
	rules := []struct {
		name  string
		check func(*testing.T, extensions.Factory, Options)
	}{
		{"silent before Attached", silentBefore},
		{"pushes while attached, in every version", pushes},
		{"silent after Detached, pushes when attached again", silentAfter},
		{"a refused push is no crash", refused},
		{"a slow socket is no crash", slow},
		{"unknown messages are no crash", unknown},
		{"unreadable payloads are no crash", unreadable},
		{"a fresh one is as good as the first", fresh},
		{"a crash leads to a fresh one", crash},
		{"goroutines end with the incarnation", goroutines},
	}
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			rule.check(t, f, opts)
			if err := goleak.Find(before); err != nil {
				t.Errorf("goroutines are left: %v", err)
			}
		})
	}
}

func silentBefore(t *testing.T, f extensions.Factory, opts Options) {
	h := NewHost(t, f)
	opts.Provoke(h)
	h.Advance(24 * time.Hour)
	h.ExpectSilence("the hub has not attached it")
	noCrash(t, h)
}

func pushes(t *testing.T, f extensions.Factory, opts Options) {
	for _, version := range f.Versions {
		h := NewHost(t, f)
		h.AttachVersion(version)
		if provoke(h, opts) == nil {
			t.Errorf("version %s: attached and provoked, but nothing was pushed", version)
		}
		h.Detach()
		noCrash(t, h)
	}
}

func silentAfter(t *testing.T, f extensions.Factory, opts Options) {
	h := NewHost(t, f)
	h.Attach()
	opts.Provoke(h)
	h.Detach()
	h.Drain()
	opts.Provoke(h)
	h.Advance(24 * time.Hour)
	h.ExpectSilence("the hub has detached it")
	h.Attach()
	if provoke(h, opts) == nil {
		t.Error("attached again and provoked, but nothing was pushed")
	}
	h.Detach()
	noCrash(t, h)
}

func refused(t *testing.T, f extensions.Factory, opts Options) {
	h := NewHost(t, f)
	h.Attach()
	h.Refuse(extensions.ErrDetached) // the connection is lost, and Detached is under way
	opts.Provoke(h)
	h.Advance(time.Minute)
	h.Refuse(nil)
	h.Detach()
	noCrash(t, h)
}

func slow(t *testing.T, f extensions.Factory, opts Options) {
	h := NewHost(t, f)
	h.Attach()
	h.Drain() // an extension may push as soon as it is attached
	h.Refuse(extensions.ErrBusy)
	opts.Provoke(h)
	h.Advance(time.Minute)
	h.ExpectSilence("the socket takes nothing")
	h.Refuse(nil)
	if provoke(h, opts) == nil {
		t.Error("the socket takes pushes again, but nothing was pushed")
	}
	h.Detach()
	noCrash(t, h)
}

// goroutines ends an extension in each state: before Attached, attached, with a push that waits for
// a slow socket, and detached. NewHost and Close see to it that its goroutines have returned.
func goroutines(t *testing.T, f extensions.Factory, opts Options) {
	h := NewHost(t, f)
	h.Restart()
	h.Attach()
	h.Refuse(extensions.ErrBusy)
	opts.Provoke(h)
	h.Restart()
	h.Refuse(nil)
	opts.Provoke(h)
	h.Restart()
	h.Detach()
	h.Restart()
	noCrash(t, h)
}

// hostile are payloads that a broken or hostile hub might send for anything.
var hostile = []string{
	``, `null`, `true`, `0`, `-1e308`, `""`, `[]`, `{}`, `[[]]`, `{"":null}`, `{"a":1,"a":2}`, `{`,
	`"\ud800"`, "\"\xff\"", "\x00",
	`{"data":{"data":[null,{}]}}`, `{"extensions":"all"}`,
	strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000), `"` + strings.Repeat("x", 1<<20) + `"`,
}

func unknown(t *testing.T, f extensions.Factory, opts Options) {
	h := NewHost(t, f)
	h.Attach()
	for _, event := range []string{
		"", ":", "no:such:event", "NO_SUCH_EVENT",
		strings.Repeat("x", 1<<16), "\xff",
	} {
		for _, payload := range hostile {
			h.Send(event, payload)
		}
	}
	h.Drain()
	if provoke(h, opts) == nil {
		t.Error("after unknown messages nothing is pushed any more")
	}
	h.Detach()
	noCrash(t, h)
}

func unreadable(t *testing.T, f extensions.Factory, opts Options) {
	h := NewHost(t, f)
	h.Attach()
	for event, good := range opts.Messages {
		for i := range len(good) {
			h.Send(event, good[:i])
		}
		for _, payload := range hostile {
			h.Send(event, payload)
		}
		h.Send(event, good)
	}
	h.Drain()
	if provoke(h, opts) == nil {
		t.Error("after unreadable payloads nothing is pushed any more")
	}
	h.Detach()
	noCrash(t, h)
}

func fresh(t *testing.T, f extensions.Factory, opts Options) {
	h := NewHost(t, f)
	h.Attach()
	first := provoke(h, opts)
	h.Detach() // lets it release what it holds; a crashed one would have
	h.Restart()
	opts.Provoke(h)
	h.ExpectSilence("the fresh one is not attached")
	h.Attach()
	if second := provoke(h, opts); !slices.Equal(first, second) {
		t.Errorf("the first one pushed %q, the fresh one %q", first, second)
	}
	h.Detach()
	noCrash(t, h)
}

func crash(t *testing.T, f extensions.Factory, opts Options) {
	if opts.Crash == nil {
		return // it never fails
	}
	h := NewHost(t, f)
	h.Attach()
	opts.Crash(h)
	if len(h.Crashes()) == 0 {
		_ = h.ExpectCrash("Options.Crash was called")
	}
	h.Drain()
	if provoke(h, opts) == nil {
		t.Error("the fresh one pushes nothing")
	}
	h.Detach()
	h.Close()
}

// provoke returns the distinct events that were pushed. It waits for the first of them while the
// extension has goroutines.
func provoke(h *Host, opts Options) []string {
	h.tb.Helper()
	opts.Provoke(h)
	h.port.wait(func() bool { return len(h.pushes) > 0 })
	var events []string
	for _, p := range h.Drain() {
		if !slices.Contains(events, p.Event) {
			events = append(events, p.Event)
		}
	}
	return events
}

// noCrash ends the extension and fails the test when it had crashed before.
func noCrash(t *testing.T, h *Host) {
	t.Helper()
	h.Close()
	for _, err := range h.Crashes() {
		t.Errorf("crashed: %v", err)
	}
}
