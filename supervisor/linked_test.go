package supervisor_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/supervisor"
	"github.com/hublink-go/hublink/supervisor/supervisortest"
)

func TestLinkedGoroutines(t *testing.T) {
	for _, c := range []struct {
		name string
		f    func(context.Context) error
		want error // reason; nil: the actor goes on
	}{
		{"returns", func(context.Context) error { return nil }, nil},
		{"errs", func(context.Context) error { return errBoom }, errBoom},
		{"panics", func(context.Context) error { panic(errBoom) }, errBoom},
		{
			"ends itself", func(context.Context) error { runtime.Goexit(); return nil },
			supervisor.ErrGoexit,
		},
		{"is done", func(context.Context) error { return supervisor.ErrNormal }, supervisor.ErrNormal},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				w.start(supervisor.Spec{Name: "r", Children: w.children("a")})
				w.do("r/a", func(ctx *supervisor.Ctx) error {
					ctx.Go("worker", c.f)
					return nil
				})
				synctest.Wait()
				events := w.events.Of("r/a", supervisor.EventExited)
				if c.want == nil {
					require.Empty(w, events)
					return
				}
				require.ErrorIs(w, events[0].Reason, c.want)
				require.ErrorContains(w, events[0].Reason, "goroutine worker")
				require.Equal(w, c.name == "panics", len(events[0].Stack) > 0, "a panic has a stack")
				require.True(w, w.alive("r/a"), "it was restarted")
			})
		})
	}
}

func TestLinkedGoroutinesEndWithTheIncarnation(t *testing.T) {
	inBubble(t, func(w *world) {
		w.start(supervisor.Spec{Name: "r", Children: w.children("a")})
		w.do("r/a", func(c *supervisor.Ctx) error {
			c.Go("tidy", func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(time.Second)
				w.probe.Note("tidied up")
				return ctx.Err() // is no second reason
			})
			return errBoom
		})
		w.expect("cancelled before Terminate", "terminate r/a boom")
		require.False(w, w.alive("r/a"), "the successor waits")
		time.Sleep(time.Second)
		w.expect("until the goroutine has ended", "tidied up", "init r/a")
		require.Equal(w, []string{"exited r/a: boom"}, w.events.Lines(supervisor.EventExited))
	})
}

func TestStopCancelsWhatABusyActorWaitsFor(t *testing.T) {
	inBubble(t, func(w *world) {
		root := w.start(supervisor.Spec{Name: "r", Children: w.children("a")})
		w.do("r/a", func(c *supervisor.Ctx) error {
			<-c.Context().Done()
			return nil
		})
		require.Zero(w, elapsed(func() {
			_, err := root.Stop(w.Context())
			require.NoError(w, err)
		}))
		w.expect("and it ends as it was asked to", "terminate r/a shutdown")
	})
}

func TestNothingIsStartedInTerminate(t *testing.T) {
	inBubble(t, func(w *world) {
		child := w.probe.ChildWith("a", supervisortest.Hooks{Terminate: func(c *supervisor.Ctx, _ error) {
			c.Go("late", func(context.Context) error { w.probe.Note("late"); return nil })
			require.False(w, c.After(0, "late").Stop())
			require.Error(w, c.Context().Err())
		}})
		w.start(supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{child}})
		w.end("r/a", errBoom)
		time.Sleep(time.Second)
		w.expect("no trace of it", "terminate r/a boom", "init r/a")
	})
}

func TestTimers(t *testing.T) {
	inBubble(t, func(w *world) {
		w.start(supervisor.Spec{Name: "r", Children: w.children("a")})
		require.False(w, supervisor.Timer{}.Stop(), "the zero Timer is none")
		var stopped supervisor.Timer
		w.do("r/a", func(c *supervisor.Ctx) error {
			c.After(2*time.Second, "two")
			c.After(time.Second, "one")
			stopped = c.After(time.Second, "never")
			return nil
		})
		synctest.Wait()
		require.True(w, stopped.Stop())
		require.False(w, stopped.Stop(), "it was stopped before")
		time.Sleep(2 * time.Second)
		w.expect("in time", "receive r/a one", "receive r/a two")

		w.do("r/a", func(c *supervisor.Ctx) error {
			t := c.After(time.Second, "in the mailbox")
			time.Sleep(2 * time.Second) // it fires while the actor is busy
			require.True(w, t.Stop(), "that is not too late")
			return nil
		})
		time.Sleep(2 * time.Second)
		w.expectNothing("Stop keeps its promise")

		w.do("r/a", func(c *supervisor.Ctx) error {
			c.After(time.Second, "of the first incarnation")
			return errBoom
		})
		time.Sleep(2 * time.Second)
		w.expect("timers die with the incarnation", "terminate r/a boom", "init r/a")
	})
}

func TestGoexitIsACrash(t *testing.T) {
	for _, c := range []struct {
		name  string
		hooks supervisortest.Hooks
		want  []string
	}{
		{"in Receive", supervisortest.Hooks{Receive: goexit}, []string{
			"receive r/a x", "terminate r/a " + supervisor.ErrGoexit.Error(), "init r/a",
		}},
		{"in Terminate", supervisortest.Hooks{
			Receive:   func(*supervisor.Ctx, any) error { return errBoom },
			Terminate: func(*supervisor.Ctx, error) { runtime.Goexit() },
		}, []string{"receive r/a x", "terminate r/a boom", "init r/a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				w.start(
					supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{w.probe.ChildWith("a", c.hooks)}},
				)
				w.send("r/a", "x")
				w.expect("a worker more or less", c.want...)
				w.send("r/a", supervisortest.Do(func(c *supervisor.Ctx) error { return nil }))
				require.True(w, w.alive("r/a"))
			})
		})
	}
	inBubble(t, func(w *world) {
		_, err := w.sys.Start(w.Context(), supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{
			w.probe.ChildWith("a",
				supervisortest.Hooks{Init: func(c *supervisor.Ctx) error { return goexit(c, nil) }}),
		}})
		require.ErrorIs(w, err, supervisor.ErrGoexit)
	})
}

func goexit(*supervisor.Ctx, any) error {
	runtime.Goexit()
	return nil
}

func TestPanicsHaveStacks(t *testing.T) {
	inBubble(t, func(w *world) {
		w.start(
			supervisor.Spec{
				Name: "r",
				Children: []supervisor.ChildSpec{w.probe.ChildWith("a", supervisortest.Hooks{
					Receive:   panics,
					Terminate: func(c *supervisor.Ctx, _ error) { _ = panics(c, nil) },
				})},
			},
		)
		w.send("r/a", "secret")
		w.expect("Terminate is called after a panic, once", "receive r/a secret",
			"terminate r/a panic: no way", "init r/a")
		exited := w.events.Events(supervisor.EventExited)[0]
		var p *supervisor.PanicError
		require.True(w, errors.As(exited.Reason, &p))
		require.Contains(w, string(exited.Stack), "panics(", "the stack shows where")
		failed := w.events.Events(supervisor.EventTerminateFailed)
		require.Len(w, failed, 1, "a panic in Terminate is an event and nothing more")
		require.Contains(w, string(failed[0].Stack), "panics(")
	})
}

func panics(*supervisor.Ctx, any) error { panic("no way") }

// A context that has served its goroutines is forgotten; what was asked for with Context lives as
// long as the actor.
func TestContextsOfGoroutines(t *testing.T) {
	inBubble(t, func(w *world) {
		w.start(supervisor.Spec{Name: "r", Children: w.children("a")})
		var mine, first, second context.Context
		goOn := make(chan struct{})
		w.do("r/a", func(c *supervisor.Ctx) error {
			c.Go("first", func(ctx context.Context) error { first = ctx; return nil })
			return nil
		})
		synctest.Wait()
		require.Error(w, first.Err(), "no goroutine needs it any more")
		w.do("r/a", func(c *supervisor.Ctx) error {
			c.Go("second", func(ctx context.Context) error { second = ctx; <-goOn; return nil })
			mine = c.Context()
			return nil
		})
		synctest.Wait()
		require.NoError(w, second.Err(), "a fresh one")
		close(goOn)
		synctest.Wait()
		require.NoError(w, mine.Err(), "the actor lives")
		w.end("r/a", errBoom)
		require.Error(w, mine.Err())
	})
}
