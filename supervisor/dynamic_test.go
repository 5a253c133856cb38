package supervisor_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/supervisor"
	"github.com/hublink-go/hublink/supervisor/supervisortest"
)

func TestChildrenByHand(t *testing.T) {
	inBubble(t, func(w *world) {
		root := w.start(supervisor.Spec{Name: "r", Children: w.children("a")})
		ctx := w.Context()
		ref, err := root.StartChild(ctx, w.probe.Child("b"))
		require.NoError(w, err)
		require.Equal(w, w.sys.Ref("r/b"), ref)
		_, err = root.StartChild(ctx, w.probe.Child("b"))
		require.ErrorIs(w, err, supervisor.ErrAlreadyStarted)
		_, err = root.RestartChild(ctx, "b")
		require.ErrorIs(w, err, supervisor.ErrRunning)
		require.ErrorIs(w, root.DeleteChild(ctx, "b"), supervisor.ErrRunning)

		require.NoError(w, root.TerminateChild(ctx, "b"))
		w.expect("it has ended when TerminateChild returns", "init r/b", "terminate r/b shutdown")
		require.False(w, w.alive("r/b"))
		require.NoError(w, root.TerminateChild(ctx, "b"), "it is down already")
		_, err = root.StartChild(ctx, w.probe.Child("b"))
		require.ErrorIs(w, err, supervisor.ErrAlreadyPresent)
		counts, err := root.CountChildren(ctx)
		require.NoError(w, err)
		require.Equal(w, supervisor.Counts{Specs: 2, Active: 1, Workers: 2}, counts)
		_, err = root.RestartChild(ctx, "b")
		require.NoError(w, err)
		require.True(w, w.alive("r/b"))
		require.NoError(w, root.TerminateChild(ctx, "b"))
		require.NoError(w, root.DeleteChild(ctx, "b"))
		for _, err := range []error{root.TerminateChild(ctx, "b"), root.DeleteChild(ctx, "b")} {
			require.ErrorIs(w, err, supervisor.ErrNotFound)
		}
		_, err = root.RestartChild(ctx, "b")
		require.ErrorIs(w, err, supervisor.ErrNotFound)
		_, err = root.StartChild(ctx, supervisor.ChildSpec{ID: "c"})
		require.ErrorContains(w, err, "either New or Supervisor")

		_, err = root.Stop(ctx)
		require.NoError(w, err)
		_, err = root.StartChild(ctx, w.probe.Child("d"))
		require.ErrorIs(w, err, supervisor.ErrNoProc)
	})
}

func TestStartChildThatFails(t *testing.T) {
	inBubble(t, func(w *world) {
		root := w.start(
			supervisor.Spec{Name: "r", Strategy: supervisor.OneForAll, Children: w.children("a")},
		)
		bad := w.probe.ChildWith("b",
			supervisortest.Hooks{Init: func(*supervisor.Ctx) error { return errBoom }})
		for range 10 {
			_, err := root.StartChild(w.Context(), bad)
			require.ErrorIs(w, err, errBoom)
			var start *supervisor.StartError
			require.ErrorAs(w, err, &start)
			require.Equal(w, "r/b", start.Path)
		}
		require.Empty(w, w.events.Events(supervisor.EventRestarting),
			"it is the starter's business, not the supervisor's")
		infos, err := root.WhichChildren(w.Context())
		require.NoError(w, err)
		require.Len(w, infos, 1, "and leaves nothing behind")

		fail := false
		_, err = root.StartChild(
			w.Context(),
			w.probe.ChildWith("c", supervisortest.Hooks{Init: func(*supervisor.Ctx) error {
				if fail {
					return errBoom
				}
				return nil
			}}),
		)
		require.NoError(w, err)
		require.NoError(w, root.TerminateChild(w.Context(), "c"))
		fail = true
		_, err = root.RestartChild(w.Context(), "c")
		require.ErrorIs(w, err, errBoom)
		fail = false
		_, err = root.RestartChild(w.Context(), "c")
		require.NoError(w, err, "a child that could not be restarted stays known")
	})
}

func TestTerminateChildThatIsBeingRestarted(t *testing.T) {
	for _, strategy := range []supervisor.Strategy{
		supervisor.OneForOne, supervisor.OneForAll,
		supervisor.RestForOne, supervisor.Dynamic,
	} {
		t.Run(strategy.String(), func(t *testing.T) {
			inBubble(t, func(w *world) {
				root := w.start(
					supervisor.Spec{
						Name:     "r",
						Strategy: strategy,
						Backoff:  supervisor.Backoff{Min: time.Hour, Max: time.Hour},
					},
				)
				for _, child := range w.children("a", "b") {
					_, err := root.StartChild(w.Context(), child)
					require.NoError(w, err)
				}
				w.end("r/a", errBoom)
				_, err := root.RestartChild(w.Context(), "a")
				require.ErrorIs(w, err, supervisor.ErrRestarting)
				require.ErrorIs(w, root.DeleteChild(w.Context(), "a"), supervisor.ErrRestarting)
				require.Zero(w, elapsed(func() { require.NoError(w, root.TerminateChild(w.Context(), "a")) }),
					"it waits for nothing")
				time.Sleep(2 * time.Hour)
				require.False(w, w.alive("r/a"), "and is not restarted")
				require.True(w, w.alive("r/b"))
			})
		})
	}
}

func TestOrdersWaitWhileOthersAreRestarted(t *testing.T) {
	inBubble(t, func(w *world) {
		root := w.start(supervisor.Spec{
			Name: "r", Strategy: supervisor.OneForAll,
			Backoff: supervisor.Backoff{Min: time.Second, Max: time.Second}, Children: w.children("a", "b"),
		})
		require.NoError(w, root.TerminateChild(w.Context(), "b"))
		w.end("r/a", errBoom)
		require.Equal(w, time.Second, elapsed(func() {
			_, err := root.StartChild(w.Context(), w.probe.Child("c"))
			require.NoError(w, err)
		}))
		w.expect("after the restart of those that run", "terminate r/b shutdown", "terminate r/a boom",
			"init r/a", "init r/c")
		w.end("r/a", errBoom)
		errs := make(chan error, 2)
		go func() {
			_, err := root.StartChild(context.WithoutCancel(w.Context()), w.probe.Child("d"))
			errs <- err
		}()
		synctest.Wait()
		_, err := root.Stop(w.Context())
		require.NoError(w, err)
		require.ErrorIs(w, <-errs, supervisor.ErrShutdown)
	})
}

func TestStartChildWhoseCallerLeaves(t *testing.T) {
	inBubble(t, func(w *world) {
		root := w.start(supervisor.Spec{Name: "r", Strategy: supervisor.Dynamic})
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		slow := w.probe.ChildWith(
			"a",
			supervisortest.Hooks{
				Init: func(*supervisor.Ctx) error { time.Sleep(2 * time.Second); return nil },
			},
		)
		_, err := root.StartChild(ctx, slow)
		require.ErrorIs(w, err, context.DeadlineExceeded)
		require.Equal(w, time.Second,
			elapsed(func() { require.NoError(w, root.TerminateChild(w.Context(), "a")) }),
			"Init cannot be interrupted")
		require.False(w, w.alive("r/a"))
	})
}

// Ten thousand children: started one by one, crashing alone, stopped all at once.
func TestManyDynamicChildren(t *testing.T) {
	const n = 10_000
	inBubble(t, func(w *world) {
		root := w.start(
			supervisor.Spec{
				Name:      "r",
				Strategy:  supervisor.Dynamic,
				Intensity: supervisor.Intensity{Max: 100, Within: time.Minute},
			},
		)
		slow := supervisortest.Hooks{Terminate: func(*supervisor.Ctx, error) { time.Sleep(time.Second) }}
		for i := range n {
			child := w.probe.ChildWith(fmt.Sprintf("c%d", i), slow)
			if i%2 == 1 {
				child.Restart = supervisor.Temporary
			}
			_, err := root.StartChild(w.Context(), child)
			require.NoError(w, err)
		}
		w.probe.Take()
		w.end("r/c0", errBoom)
		w.end("r/c1", errBoom)
		time.Sleep(time.Second)
		w.expect("each is on its own", "terminate r/c0 boom", "terminate r/c1 boom", "init r/c0")
		require.NoError(w, root.TerminateChild(w.Context(), "c2"))
		counts, err := root.CountChildren(w.Context())
		require.NoError(w, err)
		require.Equal(w, supervisor.Counts{Specs: n - 2, Active: n - 2, Workers: n - 2}, counts,
			"what ended for good or was terminated is forgotten")
		require.Equal(w, time.Second, elapsed(func() {
			_, err := root.Stop(w.Context())
			require.NoError(w, err)
		}), "all at once: they do not depend on each other")
	})
}

func TestNestedSupervisorIsStoppedByMessage(t *testing.T) {
	inBubble(t, func(w *world) {
		root := w.start(supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{
			{ID: "s", Supervisor: &supervisor.Spec{Children: []supervisor.ChildSpec{
				{ID: "t", Supervisor: &supervisor.Spec{Children: w.children("a", "b")}},
			}}},
		}})
		require.NoError(w, root.TerminateChild(w.Context(), "s"))
		w.expect("in order, all the way down", "terminate r/s/t/b shutdown", "terminate r/s/t/a shutdown")
		_, ok := w.sys.Supervisor("r/s/t")
		require.False(w, ok)
		_, err := root.RestartChild(w.Context(), "s")
		require.NoError(w, err)
		w.expect("and up", "init r/s/t/a", "init r/s/t/b")

		nested, ok := w.sys.Supervisor("r/s/t")
		require.True(w, ok)
		_, ok = w.sys.Supervisor("r/s/t/a")
		require.False(w, ok, "is none")
		_, err = nested.Stop(w.Context())
		require.NoError(w, err)
		require.NoError(w, nested.Wait())
		synctest.Wait()
		again, ok := w.sys.Supervisor("r/s/t")
		require.True(w, ok, "to its parent a permanent child has ended")
		require.NotSame(w, nested, again)
	})
}
