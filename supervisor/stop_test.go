package supervisor_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/supervisor"
	"github.com/hublink-go/hublink/supervisor/supervisortest"
)

func TestStartAndStopInOrder(t *testing.T) {
	inBubble(t, func(w *world) {
		slow := func(d time.Duration) supervisortest.Hooks {
			return supervisortest.Hooks{
				Init:      func(*supervisor.Ctx) error { time.Sleep(d); return nil },
				Terminate: func(*supervisor.Ctx, error) { time.Sleep(d) },
			}
		}
		spec := supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{
			w.probe.ChildWith("a", slow(3*time.Second)),
			{ID: "s", Supervisor: &supervisor.Spec{Children: []supervisor.ChildSpec{
				w.probe.ChildWith("b", slow(2*time.Second)), w.probe.ChildWith("c", slow(time.Second)),
			}}},
			w.probe.Child("d"),
		}}
		var root *supervisor.Supervisor
		require.Equal(w, 6*time.Second, elapsed(func() {
			var err error
			root, err = w.sys.Start(w.Context(), spec)
			require.NoError(w, err)
		}), "Start returns when every Init has")
		w.expect("one after the other", "init r/a", "init r/s/b", "init r/s/c", "init r/d")
		require.Equal(
			w,
			[]string{
				"started r/a",
				"started r/s/b",
				"started r/s/c",
				"started r/s",
				"started r/d",
				"started r",
			},
			w.events.Lines(),
		)
		w.events.Reset()
		require.Equal(w, 6*time.Second, elapsed(func() {
			report, err := root.Stop(w.Context())
			require.NoError(w, err)
			require.NoError(w, report.Err())
		}))
		w.expect("the last one first", "terminate r/d shutdown", "terminate r/s/c shutdown",
			"terminate r/s/b shutdown", "terminate r/a shutdown")
		require.Equal(w, []string{
			"exited r/d: shutdown", "exited r/s/c: shutdown", "exited r/s/b: shutdown",
			"exited r/s: shutdown", "exited r/a: shutdown", "exited r: shutdown",
		}, w.events.Lines())
		require.NoError(w, root.Wait(), "it was wanted")
		_, err := root.Stop(w.Context())
		require.NoError(w, err, "Stop is idempotent")
		_, err = root.WhichChildren(w.Context())
		require.ErrorIs(w, err, supervisor.ErrNoProc)
	})
}

func TestFailedStartLeavesNothing(t *testing.T) {
	for name, hooks := range map[string]supervisortest.Hooks{
		"New panics":   {New: func(supervisor.Heir) { panic("new") }},
		"Init errs":    {Init: func(*supervisor.Ctx) error { return errBoom }},
		"Init panics":  {Init: func(*supervisor.Ctx) error { panic(errBoom) }},
		"Init ends":    {Init: func(*supervisor.Ctx) error { return supervisor.ErrNormal }},
		"Init hangs":   {Init: func(*supervisor.Ctx) error { time.Sleep(time.Hour); return nil }},
		"linked fails": {Init: func(c *supervisor.Ctx) error { c.Go("g", block); return errBoom }},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				_, err := w.sys.Start(w.Context(), supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{
					w.probe.Child("a"),
					{ID: "s", Supervisor: &supervisor.Spec{Children: []supervisor.ChildSpec{
						w.probe.Child("b"), w.probe.ChildWith("c", hooks), w.probe.Child("d"),
					}}},
					w.probe.Child("e"),
				}})
				var start *supervisor.StartError
				require.ErrorAs(w, err, &start)
				require.Equal(w, "r/s/c", start.Path, "the one that did not start, however deep")
				notes := w.probe.Take()
				require.Equal(w, []string{"terminate r/s/b shutdown", "terminate r/a shutdown"},
					notes[len(notes)-2:],
					"what was started was stopped, in order; what did not start is not terminated")
				require.NotContains(w, notes, "init r/s/d")
				for _, path := range []string{"r", "r/a", "r/s", "r/s/b", "r/s/c", "r/s/d", "r/e"} {
					require.False(w, w.alive(path), path)
				}
				require.Empty(w, w.events.Events(supervisor.EventRestarting, supervisor.EventGaveUp),
					"a first start is not retried")
				time.Sleep(time.Hour) // lets the one that hangs return
			})
		})
	}
}

// failing is a linked goroutine that fails.
func failing(context.Context) error { return errBoom }

// block is a linked goroutine that ends when it is told to.
func block(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestStartDeadline(t *testing.T) {
	inBubble(t, func(w *world) {
		release := make(chan struct{})
		child := w.probe.ChildWith("a", supervisortest.Hooks{Init: hang(release)})
		child.Start = 2 * time.Second
		var err error
		require.Equal(w, 2*time.Second, elapsed(func() {
			_, err = w.sys.Start(w.Context(),
				supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{child}})
		}))
		require.ErrorIs(w, err, supervisor.ErrStartTimeout)
		require.Equal(w, []string{"abandoned r/a: Init"}, w.events.Lines(supervisor.EventAbandoned))
		report, err := w.sys.Shutdown(w.Context())
		require.NoError(w, err)
		require.EqualError(w, report.Err(), "r/a did not stop: Init has not returned")
		w.probe.Take()
		close(release)
		w.expectNothing("it comes back too late to do anything")
		require.Empty(w, w.events.Events(supervisor.EventStarted))
	})
}

func TestStartEndsWithItsContext(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		slow := w.probe.ChildWith("b", supervisortest.Hooks{Init: func(c *supervisor.Ctx) error {
			<-c.Context().Done()
			return c.Context().Err()
		}})
		require.Equal(w, time.Second, elapsed(func() {
			_, err := w.sys.Start(ctx,
				supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{w.probe.Child("a"), slow}})
			require.ErrorIs(w, err, context.DeadlineExceeded)
		}))
		require.False(w, w.alive("r"), "the context of Init ended, and so did the tree")
	})
}

func TestStopDeadline(t *testing.T) {
	for what, arrange := range map[string]func(w *world, release <-chan struct{}) supervisor.ChildSpec{
		"Receive": func(w *world, _ <-chan struct{}) supervisor.ChildSpec {
			return w.probe.Child("b")
		},
		"Terminate": func(w *world, release <-chan struct{}) supervisor.ChildSpec {
			return w.probe.ChildWith("b", supervisortest.Hooks{Terminate: func(*supervisor.Ctx,
				error,
			) {
				<-release
			}})
		},
		"goroutine deaf": func(w *world, release <-chan struct{}) supervisor.ChildSpec {
			return w.probe.ChildWith("b", supervisortest.Hooks{Init: func(c *supervisor.Ctx) error {
				c.Go("deaf", func(context.Context) error { <-release; return nil })
				return nil
			}})
		},
	} {
		t.Run(what, func(t *testing.T) {
			inBubble(t, func(w *world) {
				release := make(chan struct{})
				child := arrange(w, release)
				child.Shutdown = 3 * time.Second
				root := w.start(
					supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{w.probe.Child("a"), child}},
				)
				if what == "Receive" {
					w.do("r/b", hang(release))
					synctest.Wait()
				}
				require.Equal(w, 3*time.Second, elapsed(func() {
					report, err := root.Stop(w.Context())
					require.NoError(w, err)
					require.Len(w, report.Abandoned, 1)
					require.Equal(w, what, report.Abandoned[0].What)
					require.ErrorContains(w, report.Err(), "r/b did not stop")
				}), "never waited for for ever")
				require.Contains(w, w.probe.Take(), "terminate r/a shutdown", "the others stop all the same")
				require.Equal(w, []string{"abandoned r/b: " + what}, w.events.Lines(supervisor.EventAbandoned))
				require.ErrorIs(w, w.events.Events(supervisor.EventAbandoned)[0].Reason,
					supervisor.ErrStopTimeout)
				close(release)
				w.expectNothing("an abandoned actor that comes back does nothing more")
			})
		})
	}
}

func TestCrashedActorThatHangsIsReplaced(t *testing.T) {
	inBubble(t, func(w *world) {
		release := make(chan struct{})
		first := true
		child := w.probe.ChildWith("a", supervisortest.Hooks{Terminate: func(*supervisor.Ctx, error) {
			if first {
				first = false
				<-release
			}
		}})
		child.Shutdown = time.Second
		w.start(supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{child}})
		w.end("r/a", errBoom)
		require.False(w, w.alive("r/a"))
		time.Sleep(time.Second)
		require.True(w, w.alive("r/a"), "Shutdown bounds every end")
		require.ErrorIs(w, w.events.Events(supervisor.EventAbandoned)[0].Reason, errBoom)
		close(release)
		synctest.Wait()
	})
}

func TestShutdown(t *testing.T) {
	inBubbleWith(t, supervisor.Options{}, func(w *world) {
		release := make(chan struct{})
		w.start(supervisor.Spec{Name: "one", Children: w.children("a")})
		w.start(supervisor.Spec{Name: "two", Children: w.children("b")})
		w.do("two/b", hang(release))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		_, err := w.sys.Shutdown(ctx)
		require.ErrorIs(w, err, context.DeadlineExceeded)
		require.False(w, w.alive("one/a"), "trees do not wait for each other")
		_, err = w.sys.Start(w.Context(), supervisor.Spec{Name: "three"})
		require.ErrorIs(w, err, supervisor.ErrStopped)
		close(release)
		for range 2 {
			report, err := w.sys.Shutdown(w.Context())
			require.NoError(w, err)
			require.NoError(w, report.Err())
		}
		require.True(w, w.sys.ActorSystem().IsStopped(), "its own one ends with it")
		require.ErrorIs(w, w.sys.Ref("one/a").Send("x"), supervisor.ErrNoProc)
	})
}

func TestEmbeddersActorSystem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		as := actor.NewActorSystem(actor.WithLoggerFactory(silent),
			actor.WithDeadLetterThrottleInterval(time.Millisecond))
		if strconv.IntSize == 32 {
			_, err := supervisor.NewSystem(supervisor.Options{ActorSystem: as})
			require.ErrorIs(t, err, supervisor.ErrNarrow, "a clear answer, and no panic later")
			as.Shutdown()
			return
		}
		other := as.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
			if c.Message() == "ask" {
				c.Respond("answer")
			}
		}))
		before := processes(as)
		inner := supervisor.Options{ActorSystem: as}
		sys, err := supervisor.NewSystem(inner)
		require.NoError(t, err)
		probe := supervisortest.NewProbe()
		_, err = sys.Start(t.Context(), supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{
			probe.ChildWith("a", supervisortest.Hooks{Receive: func(c *supervisor.Ctx, msg any) error {
				c.Reply("re " + msg.(string))
				return nil
			}}),
		}})
		require.NoError(t, err)
		require.Equal(t, before+2, processes(as), "supervisor and actor live in the given system")

		pid, ok := sys.Ref("r/a").PID()
		require.True(t, ok)
		res, err := as.Root.RequestFuture(pid, "hello", time.Second).Result()
		require.NoError(t, err)
		require.Equal(t, "re hello", res, "actors of protoactor's can ask")

		report, err := sys.Shutdown(t.Context())
		require.NoError(t, err)
		require.NoError(t, report.Err())
		require.False(t, as.IsStopped(), "it is left running")
		require.Equal(t, before, processes(as), "and as it was")
		res, err = as.Root.RequestFuture(other, "ask", time.Second).Result()
		require.NoError(t, err)
		require.Equal(t, "answer", res)
		require.NoError(t, as.Root.StopFuture(other).Wait())
		as.Shutdown()
		_, err = supervisor.NewSystem(supervisor.Options{ActorSystem: as})
		require.Error(t, err, "one that has been shut down is of no use")
	})
}

// Every name has its place in the registry of an own ActorSystem, also where an int has 32 bits.
func TestAnyNameWorks(t *testing.T) {
	inBubble(t, func(w *world) {
		root := w.start(supervisor.Spec{Name: "r", Strategy: supervisor.Dynamic})
		for i := range 64 { // on 32 bits half of them would have a negative index
			_, err := root.StartChild(w.Context(), w.probe.Child("actor-"+strconv.Itoa(i)))
			require.NoError(w, err)
		}
		pids := w.sys.ActorSystem().ProcessRegistry.LocalPIDs
		require.Len(w, pids.LocalPIDs, 1, "protoactor computes the index modulo this, as a signed number")
		pid, ok := w.sys.Ref("r/actor-1").PID()
		require.True(w, ok)
		_, there := w.sys.ActorSystem().ProcessRegistry.Get(pid)
		require.True(w, there)
	})
}

// A System starts no goroutine that it does not need: protoactor's registry would take 32,000 of
// them to be looked through.
func TestNewSystemIsCheap(t *testing.T) {
	most := testing.AllocsPerRun(1, func() {
		sys, err := supervisor.NewSystem(supervisor.Options{})
		require.NoError(t, err)
		_, err = sys.Shutdown(t.Context())
		require.NoError(t, err)
	})
	require.Less(t, most, 120_000.0)
}

func processes(as *actor.ActorSystem) int {
	n := 0
	for _, bucket := range as.ProcessRegistry.LocalPIDs.LocalPIDs {
		n += bucket.Count()
	}
	return n
}

func TestStoppedFromOutside(t *testing.T) {
	inBubble(t, func(w *world) {
		children := w.children("a", "b")
		children[0].Restart = supervisor.Transient
		w.start(
			supervisor.Spec{
				Name:      "r",
				Intensity: supervisor.Intensity{Max: 9, Within: time.Minute},
				Children: append(children,
					supervisor.ChildSpec{ID: "s", Supervisor: &supervisor.Spec{Children: w.children("c")}}),
			},
		)
		root := w.sys.ActorSystem().Root
		kill := func(path string, how func(*actor.PID)) {
			pid, ok := w.sys.Ref(path).PID()
			require.True(w, ok)
			how(pid)
		}
		kill("r/a", root.Stop)
		w.expect("a kill is no orderly end", "terminate r/a "+supervisor.ErrKilled.Error(), "init r/a")
		kill("r/b", root.Poison)
		w.expect("a poison pill is one too", "terminate r/b "+supervisor.ErrKilled.Error(), "init r/b")
		kill("r/s", root.Stop)
		w.expect("a supervisor takes its children with it", "terminate r/s/c shutdown", "init r/s/c")
		for _, e := range w.events.Events(supervisor.EventRestarting) {
			require.ErrorIs(w, e.Reason, supervisor.ErrKilled)
		}
	})
}

func TestNamesMustNotCollide(t *testing.T) {
	inBubble(t, func(w *world) {
		w.start(supervisor.Spec{Name: "r", Children: w.children("a")})
		_, err := w.sys.Start(w.Context(), supervisor.Spec{Name: "r"})
		require.ErrorIs(w, err, supervisor.ErrAlreadyStarted)
		_, err = w.sys.Start(w.Context(), supervisor.Spec{Name: "q", Children: []supervisor.ChildSpec{
			w.probe.Child("s/b"), {ID: "s", Supervisor: &supervisor.Spec{Children: w.children("b")}},
		}})
		var start *supervisor.StartError
		require.ErrorAs(w, err, &start)
		require.Equal(w, "q/s/b", start.Path)
		require.False(w, w.alive("q"))
	})
}

func TestBadSpecsAreRefused(t *testing.T) {
	inBubble(t, func(w *world) {
		endless := &supervisor.Spec{}
		endless.Children = []supervisor.ChildSpec{{ID: "s", Supervisor: endless}}
		for what, spec := range map[string]supervisor.Spec{
			"no name":        {},
			"same ID twice":  {Name: "r", Children: w.children("a", "a")},
			"nothing to run": {Name: "r", Children: []supervisor.ChildSpec{{ID: "a"}}},
			"contains itself": {Name: "r", Children: []supervisor.ChildSpec{
				{ID: "s", Supervisor: endless},
			}},
			"dynamic with children": {Name: "r", Strategy: supervisor.Dynamic, Children: w.children("a")},
		} {
			_, err := w.sys.Start(w.Context(), spec)
			require.Error(w, err, what)
		}
		require.Empty(w, w.events.Events(), "nothing was started")
	})
}

func TestNilBehaviorIsAStartFailure(t *testing.T) {
	inBubble(t, func(w *world) {
		_, err := w.sys.Start(w.Context(), supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{
			{ID: "a", New: func(supervisor.Heir) supervisor.Behavior { return nil }},
		}})
		var start *supervisor.StartError
		require.True(w, errors.As(err, &start))
	})
}
