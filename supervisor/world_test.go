package supervisor_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/supervisor"
	"github.com/hublink-go/hublink/supervisor/supervisortest"
)

var errBoom = errors.New("boom")

// world is a System under virtual time, with everything recorded.
type world struct {
	*testing.T
	sys     *supervisor.System
	events  *supervisortest.Recorder
	crashes *supervisortest.Injector
	probe   *supervisortest.Probe
}

// inBubble runs f in a world of its own and checks that everything in it can be stopped.
func inBubble(t *testing.T, f func(w *world)) {
	t.Helper()
	inBubbleWith(t, supervisor.Options{}, func(w *world) {
		f(w)
		report, err := w.sys.Shutdown(w.Context())
		require.NoError(w, err)
		require.NoError(w, report.Err(), "nothing may be left behind")
	})
}

func inBubbleWith(t *testing.T, opts supervisor.Options, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{
			T:       t,
			events:  supervisortest.NewRecorder(),
			crashes: supervisortest.NewInjector(1),
			probe:   supervisortest.NewProbe(),
		}
		opts.OnEvent, opts.Inject, opts.Seed = w.events.OnEvent, w.crashes.Inject, 1
		sys, err := supervisor.NewSystem(opts)
		require.NoError(t, err)
		w.sys = sys
		f(w)
	})
}

// start starts a tree and forgets the notes and events about it.
func (w *world) start(spec supervisor.Spec) *supervisor.Supervisor {
	w.Helper()
	root, err := w.sys.Start(w.Context(), spec)
	require.NoError(w, err)
	w.probe.Take()
	w.events.Reset()
	return root
}

func (w *world) children(ids ...string) []supervisor.ChildSpec {
	specs := make([]supervisor.ChildSpec, len(ids))
	for i, id := range ids {
		specs[i] = w.probe.Child(id)
	}
	return specs
}

func (w *world) send(path string, msg any) {
	w.Helper()
	require.NoError(w, w.sys.Ref(path).Send(msg), "send to %s", path)
}

func (w *world) do(path string, f func(c *supervisor.Ctx) error) {
	w.Helper()
	w.send(path, supervisortest.Do(f))
}

// end makes the actor end with the reason and waits for what follows.
func (w *world) end(path string, reason error) {
	w.Helper()
	w.do(path, func(*supervisor.Ctx) error { return reason })
	synctest.Wait()
}

func (w *world) alive(path string) bool {
	synctest.Wait()
	return w.sys.Ref(path).Alive()
}

// incarnation returns the number of the living one.
func (w *world) incarnation(path string) uint64 {
	w.Helper()
	got := make(chan uint64, 1)
	w.do(path, func(c *supervisor.Ctx) error {
		got <- c.Incarnation()
		return nil
	})
	return <-got
}

// expect compares the notes since the last time.
func (w *world) expect(why string, notes ...string) {
	w.Helper()
	synctest.Wait()
	require.Equal(w, notes, w.probe.Take(), why)
}

func (w *world) expectNothing(why string) {
	w.Helper()
	synctest.Wait()
	require.Empty(w, w.probe.Take(), why)
}

// hang is a hook that blocks until the channel is closed.
func hang(release <-chan struct{}) func(*supervisor.Ctx) error {
	return func(*supervisor.Ctx) error {
		<-release
		return nil
	}
}

func restarts(
	w *world,
	path string,
) int {
	return len(w.events.Of(path, supervisor.EventRestarting))
}

// elapsed returns how much virtual time f takes.
func elapsed(f func()) time.Duration {
	before := time.Now()
	f()
	return time.Since(before)
}
