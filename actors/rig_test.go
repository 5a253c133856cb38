package actors_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/extensions/health"
	"github.com/hublink-go/hublink/firmware/ramdev"
	"github.com/hublink-go/hublink/protocol/hubtest"
	"github.com/hublink-go/hublink/supervisor"

	exts "github.com/hublink-go/hublink/extensions"
)

const identity = "dev-1"

// rig is one device against a simulated hub, in memory and under virtual time. It belongs to one
// test.
type rig struct {
	t       *testing.T
	hub     *hubtest.Hub
	seen    *hubtest.Device // the hub's view
	dev     *actors.Device
	sys     *supervisor.System
	slots   *ramdev.Device
	journal *ramJournal
	cfg     actors.Config
	rt      *http.Transport
	born    time.Time

	mu      sync.Mutex
	events  []actors.Event
	gaveUp  []string
	dropped int // messages
	bomb    bomb
	trace   func(path, point string, msg any)
}

// today is the hub's time at the start of a test; the clock of a bubble stands long before it.
var today = time.Date(2040, time.January, 1, 0, 0, 0, 0, time.UTC)

// ramClock is the memory of a device that has spoken to the hub before.
type ramClock struct{}

func (ramClock) LoadTime() (time.Time, error) { return today, nil }
func (ramClock) SaveTime(time.Time) error     { return nil }

// bomb crashes an actor at its n-th point.
type bomb struct {
	path   string // below the device
	after  int    // points to pass first
	passed int
	armed  bool
}

var errBomb = errors.New("crashed by a test")

// inVirtualTime runs a test with a rig in a bubble.
func inVirtualTime(t *testing.T, change func(*rig), test func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, change)
		r.start()
		t.Cleanup(r.stop)
		test(r)
	})
}

func newRig(t *testing.T, change func(*rig)) *rig {
	start := time.Now()
	clock := func() time.Time { return today.Add(time.Since(start)) }
	r := &rig{
		t:    t,
		born: start,
		hub:  hubtest.Run(t, hubtest.Config{Mode: hubtest.Memory, Record: 10_000, Now: clock}),
	}
	r.seen = r.hub.Device(identity)
	r.slots, r.journal = ramdev.New(running, 8<<20), &ramJournal{}
	r.rt = r.hub.RoundTripper()
	secret := r.hub.Secret(identity)
	r.cfg = actors.Config{
		Identity: identity,
		Hub: actors.Hub{
			URL:    r.hub.URL(),
			Secret: &secret,
			Dialer: r.hub.Dialer(),
			Clock:  ramClock{},
		},
		Firmware: actors.Firmware{
			Slots: r.slots, Applier: r.slots, Journal: r.journal,
			HTTP: &http.Client{Transport: r.rt},
		},
		Extensions: []exts.Factory{health.New(health.Options{})},
		OnEvent:    r.note,
		Seed:       1,
	}
	if change != nil {
		change(r)
	}
	var err error
	r.sys, err = supervisor.NewSystem(
		supervisor.Options{Name: "test", Inject: r.inject, OnEvent: r.supervision},
	)
	require.NoError(t, err)
	r.cfg.System = r.sys
	return r
}

// start starts the device and waits until it has joined and nothing more happens by itself.
func (r *rig) start() {
	r.t.Helper()
	var err error
	r.dev, err = actors.New(r.cfg)
	require.NoError(r.t, err)
	require.NoError(r.t, r.dev.Start(r.t.Context()))
	r.settle(time.Second)
}

// settle lets virtual time pass.
func (r *rig) settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (r *rig) stop() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.dev.Stop(ctx); err != nil {
		r.t.Error(err)
	}
	report, err := r.sys.Shutdown(context.Background())
	if err = errors.Join(err, report.Err()); err != nil {
		r.t.Error(err)
	}
	r.rt.CloseIdleConnections()
	r.hub.Close()
	if len(r.gaveUp) > 0 {
		r.t.Errorf("%v gave up", r.gaveUp)
	}
}

func (r *rig) note(e actors.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// happened counts the events of a kind.
func (r *rig) happened(kind actors.EventKind) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// last is the latest event of a kind.
func (r *rig) last(kind actors.EventKind) (found actors.Event) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Kind == kind {
			found = e
		}
	}
	require.Equal(r.t, kind, found.Kind, "it has not happened")
	return found
}

// everFailedWith reports whether an event had this cause.
func (r *rig) everFailedWith(target error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.events, func(e actors.Event) bool { return errors.Is(e.Err, target) })
}

func (r *rig) supervision(e supervisor.Event) {
	if e.Kind == supervisor.EventDropped {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.dropped += e.Count
		return
	}
	if e.Kind == supervisor.EventGaveUp {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.gaveUp = append(r.gaveUp, e.Path)
	}
}

// crashAt arms the bomb: the actor at path, below the device, crashes at its n-th point from now, n
// from 0.
func (r *rig) crashAt(path string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bomb = bomb{path: "device-" + identity + "/" + path, after: n, armed: true}
}

// crash crashes an actor with its next message.
func (r *rig) crash(path string) { r.crashAt(path, 0) }

// hit reports whether the bomb went off.
func (r *rig) hit() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bomb.path != "" && !r.bomb.armed
}

// inject counts the points of messages only: a crash in the first Init is a failed start and no
// restart.
func (r *rig) inject(path, point string, msg any) {
	if r.trace != nil {
		r.trace(path, point, msg)
	}
	if msg == nil {
		return
	}
	r.mu.Lock()
	if b := &r.bomb; b.armed &&
		(path == b.path || strings.HasSuffix(b.path, "*") && strings.HasPrefix(path,
			strings.TrimSuffix(b.path, "*"))) {
		b.passed++
		if b.passed > b.after {
			b.armed = false
			r.mu.Unlock()
			panic(errBomb)
		}
	}
	r.mu.Unlock()
}
