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

func TestStrategies(t *testing.T) {
	for _, c := range []struct {
		strategy supervisor.Strategy
		crash    string
		want     []string
	}{
		{supervisor.OneForOne, "b", []string{"terminate r/b boom", "init r/b"}},
		{supervisor.OneForAll, "b", []string{
			"terminate r/b boom", "terminate r/c shutdown", "terminate r/a shutdown", "init r/a", "init r/b",
			"init r/c",
		}},
		{supervisor.RestForOne, "a", []string{
			"terminate r/a boom", "terminate r/c shutdown", "terminate r/b shutdown", "init r/a", "init r/b",
			"init r/c",
		}},
		{supervisor.RestForOne, "b", []string{
			"terminate r/b boom", "terminate r/c shutdown", "init r/b",
			"init r/c",
		}},
		{supervisor.RestForOne, "c", []string{"terminate r/c boom", "init r/c"}},
	} {
		t.Run(c.strategy.String()+" "+c.crash, func(t *testing.T) {
			inBubble(t, func(w *world) {
				w.start(supervisor.Spec{Name: "r", Strategy: c.strategy, Children: w.children("a", "b", "c")})
				w.end("r/"+c.crash, errBoom)
				w.expect("stopped in reverse, started in order", c.want...)
				require.Equal(w, 1, restarts(w, "r/"+c.crash),
					"one crash is one restart, however many siblings it costs")
				require.Len(w, w.events.Events(supervisor.EventRestarting), 1)
			})
		})
	}
}

func TestRestartTypes(t *testing.T) {
	for _, c := range []struct {
		restart supervisor.Restart
		reason  error
		again   bool
	}{
		{supervisor.Permanent, errBoom, true},
		{supervisor.Permanent, supervisor.ErrNormal, true},
		{supervisor.Transient, errBoom, true},
		{supervisor.Transient, supervisor.ErrNormal, false},
		{supervisor.Transient, supervisor.ErrShutdown, false},
		{supervisor.Temporary, errBoom, false},
		{supervisor.Temporary, supervisor.ErrNormal, false},
	} {
		t.Run(c.restart.String()+" "+c.reason.Error(), func(t *testing.T) {
			inBubble(t, func(w *world) {
				child := w.probe.Child("a")
				child.Restart = c.restart
				root := w.start(supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{child}})
				w.end("r/a", c.reason)
				require.Equal(w, c.again, w.alive("r/a"))
				infos, err := root.WhichChildren(w.Context())
				require.NoError(w, err)
				require.Equal(w, c.restart != supervisor.Temporary, len(infos) == 1,
					"a temporary child is forgotten, others stay known")
			})
		})
	}
}

// What a sibling's crash does to children that are not permanent.
func TestSiblingsOfEveryType(t *testing.T) {
	inBubble(t, func(w *world) {
		children := w.children("a", "b", "c", "d")
		children[1].Restart, children[2].Restart = supervisor.Temporary, supervisor.Transient
		w.start(supervisor.Spec{Name: "r", Strategy: supervisor.OneForAll, Children: children})
		w.end("r/c", supervisor.ErrNormal)
		w.expect("a transient child that is done has no effect on its siblings", "terminate r/c normal")
		w.end("r/a", errBoom)
		w.expect("the temporary one is stopped for good, the transient one is started with the others",
			"terminate r/a boom", "terminate r/d shutdown", "terminate r/b shutdown", "init r/a", "init r/c",
			"init r/d")
	})
}

func TestEveryIncarnationIsNew(t *testing.T) {
	inBubble(t, func(w *world) {
		w.start(supervisor.Spec{Name: "r", Children: w.children("a")})
		ref := w.sys.Ref("r/a")
		first := w.incarnation("r/a")
		pid, ok := ref.PID()
		require.True(w, ok)
		root := w.sys.ActorSystem().Root
		root.Send(pid, "hello")
		w.expect("a PID is good for its incarnation", "receive r/a hello")

		// The crash comes first in the mailbox; what waits behind it must not reach the successor.
		block := make(chan struct{})
		w.do("r/a", func(*supervisor.Ctx) error {
			<-block
			return errBoom
		})
		w.send("r/a", "lost")
		root.Send(pid, "lost too")
		close(block)
		w.expect("a new mailbox", "terminate r/a boom", "init r/a")
		require.Equal(w, []string{"dropped r/a: string"}, w.events.Lines(supervisor.EventDropped))
		require.Equal(w, 2, w.events.Events(supervisor.EventDropped)[0].Count)

		require.Greater(w, w.incarnation("r/a"), first)
		root.Send(pid, "stale")
		w.expectNothing("a stale PID reaches no actor")
		w.send("r/a", "fresh")
		w.expect("the name does", "receive r/a fresh")
		require.Equal(w, w.sys.Ref("r/a"), ref, "names are comparable")
		time.Sleep(time.Second) // protoactor's log of dead letters has a goroutine for a moment
	})
}

func TestGiveUpGoesUpTwoLevels(t *testing.T) {
	inBubble(t, func(w *world) {
		twice := supervisor.Intensity{Max: 2, Within: time.Minute}
		once := supervisor.Intensity{Max: 1, Within: time.Minute}
		root := w.start(supervisor.Spec{Name: "r", Intensity: once, Children: []supervisor.ChildSpec{
			{ID: "s", Supervisor: &supervisor.Spec{Intensity: twice, Children: w.children("a", "b")}},
			w.probe.Child("c"),
		}})
		for range 2 {
			w.end("r/s/a", errBoom)
		}
		w.expect("within the intensity", "terminate r/s/a boom", "init r/s/a", "terminate r/s/a boom",
			"init r/s/a")
		w.end("r/s/a", errBoom)
		w.expect("the third crash ends the supervisor, its parent starts a new one",
			"terminate r/s/a boom", "terminate r/s/b shutdown", "init r/s/a", "init r/s/b")
		require.Equal(w, 1, restarts(w, "r/s"), "and counts that as a crash")
		// b this time: restarts count for the supervisor, not for the child; a new supervisor counts anew
		for range 3 {
			w.end("r/s/b", errBoom)
		}
		<-root.Done()
		var gaveUp *supervisor.GaveUpError
		require.ErrorAs(w, root.Wait(), &gaveUp, "the host decides what it means")
		require.Equal(
			w,
			supervisor.GaveUpError{
				Path:   "r",
				Child:  "s",
				Max:    1,
				Within: time.Minute,
				Reason: gaveUp.Reason,
			},
			*gaveUp,
		)
		require.ErrorIs(w, gaveUp, errBoom, "down to the crash that was one too many")
		require.False(w, w.alive("r/c"), "siblings were stopped")
		require.ErrorIs(w, w.sys.Ref("r/c").Send("x"), supervisor.ErrNoProc)
		_, err := w.sys.Start(w.Context(), supervisor.Spec{Name: "r"})
		require.NoError(w, err, "the name is free again")
	})
}

func TestIntensityForgets(t *testing.T) {
	inBubble(t, func(w *world) {
		w.start(
			supervisor.Spec{
				Name:      "r",
				Intensity: supervisor.Intensity{Max: 1, Within: time.Second},
				Children:  w.children("a"),
			},
		)
		for range 10 {
			w.end("r/a", errBoom)
			time.Sleep(time.Second + 1)
		}
		require.True(w, w.alive("r/a"))
		require.Equal(w, 10, w.events.Of("r/a", supervisor.EventRestarting)[9].Restarts)
	})
}

func TestCrashDuringTheFirstStartWaits(t *testing.T) {
	inBubble(t, func(w *world) {
		block := make(chan struct{})
		slow := w.probe.ChildWith("b", supervisortest.Hooks{Init: hang(block)})
		done := make(chan error, 1)
		go func() {
			_, err := w.sys.Start(w.Context(), supervisor.Spec{
				Name: "r", Strategy: supervisor.OneForAll,
				Children: []supervisor.ChildSpec{w.probe.Child("a"), slow},
			})
			done <- err
		}()
		synctest.Wait()
		w.end("r/a", errBoom)
		w.expect("b is still starting", "init r/a", "init r/b", "terminate r/a boom")
		close(block)
		require.NoError(w, <-done, "every Init has returned")
		w.expect("then the crash is repaired", "terminate r/b shutdown", "init r/a", "init r/b")
	})
}

func TestTwoCrashesDuringTheFirstStartAreOneRestartOfAll(t *testing.T) {
	inBubble(t, func(w *world) {
		block := make(chan struct{})
		done := make(chan error, 1)
		go func() {
			_, err := w.sys.Start(w.Context(), supervisor.Spec{
				Name: "r", Strategy: supervisor.OneForAll,
				Children: append(w.children("a", "b"),
					w.probe.ChildWith("c", supervisortest.Hooks{Init: hang(block)})),
			})
			done <- err
		}()
		synctest.Wait()
		w.end("r/a", errBoom)
		w.end("r/b", errBoom)
		close(block)
		require.NoError(w, <-done)
		synctest.Wait()
		require.Len(w, w.events.Events(supervisor.EventRestarting), 1,
			"b is started with a: it was down anyway")
		for _, path := range []string{"r/a", "r/b", "r/c"} {
			require.True(w, w.alive(path))
		}
	})
}

func TestStartFailureInARestartCounts(t *testing.T) {
	for _, strategy := range []supervisor.Strategy{
		supervisor.OneForOne, supervisor.OneForAll,
		supervisor.RestForOne,
	} {
		t.Run(strategy.String(), func(t *testing.T) {
			inBubble(t, func(w *world) {
				fail := 0
				flaky := w.probe.ChildWith("b", supervisortest.Hooks{Init: func(*supervisor.Ctx) error {
					if fail--; fail >= 0 {
						return errors.New("not yet")
					}
					return nil
				}})
				root := w.start(supervisor.Spec{
					Name: "r", Strategy: strategy, Intensity: supervisor.Intensity{Max: 3, Within: time.Minute},
					Backoff:  supervisor.Backoff{Min: time.Second, Max: time.Second},
					Children: []supervisor.ChildSpec{w.probe.Child("a"), flaky, w.probe.Child("c")},
				})
				fail = 2
				require.Equal(w, 3*time.Second, elapsed(func() {
					w.end("r/b", errBoom)
					for range 3 {
						time.Sleep(time.Second)
						synctest.Wait()
					}
				}))
				require.True(w, w.alive("r/b"), "two failed starts and the crash are three restarts")
				require.True(w, w.alive("r/a"))
				require.True(w, w.alive("r/c"))
				require.Equal(w, 3, restarts(w, "r/b"))
				time.Sleep(2 * time.Minute)
				fail = 100
				w.end("r/b", errBoom)
				var gaveUp *supervisor.GaveUpError
				require.ErrorAs(w, root.Wait(), &gaveUp)
				var start *supervisor.StartError
				require.ErrorAs(w, gaveUp.Reason, &start, "the last of them was a failed start")
				require.Equal(w, "r/b", start.Path)
			})
		})
	}
}

func TestBackoff(t *testing.T) {
	inBubble(t, func(w *world) {
		root := w.start(supervisor.Spec{
			Name: "r", Intensity: supervisor.Intensity{Max: 100, Within: time.Minute},
			Backoff: supervisor.Backoff{
				Min: time.Second,
				Max: 8 * time.Second,
			}, Children: w.children("a", "b"),
		})
		for n, most := range []int{1, 2, 4, 8, 8} {
			w.end("r/a", errBoom)
			e := w.events.Of("r/a", supervisor.EventRestarting)[n]
			require.GreaterOrEqual(w, e.Delay, time.Second)
			require.LessOrEqual(w, e.Delay, time.Duration(most)*time.Second)
			time.Sleep(e.Delay - 1)
			require.False(w, w.alive("r/a"), "still waiting")
			require.True(w, w.alive("r/b"), "b has nothing to do with it")
			infos, err := root.WhichChildren(w.Context())
			require.NoError(w, err)
			require.Equal(w, supervisor.StateRestarting, infos[0].State)
			time.Sleep(time.Nanosecond)
			require.True(w, w.alive("r/a"))
		}
		time.Sleep(8 * time.Second)
		w.end("r/a", errBoom)
		require.Equal(w, time.Second, w.events.Of("r/a", supervisor.EventRestarting)[5].Delay,
			"a child that has run for Max begins anew")
	})
}

func TestStopDuringBackoff(t *testing.T) {
	for _, strategy := range []supervisor.Strategy{supervisor.OneForOne, supervisor.OneForAll} {
		inBubble(t, func(w *world) {
			root := w.start(supervisor.Spec{
				Name: "r", Strategy: strategy, Backoff: supervisor.Backoff{Min: time.Hour, Max: time.Hour},
				Children: w.children("a", "b"),
			})
			w.end("r/a", errBoom)
			w.probe.Take()
			require.Zero(w, elapsed(func() {
				_, err := root.Stop(w.Context())
				require.NoError(w, err)
			}))
			time.Sleep(2 * time.Hour)
			for _, note := range w.probe.Take() {
				require.NotContains(w, note, "init", "while stopping nothing is restarted")
			}
		})
	}
}

func TestSignificantChildren(t *testing.T) {
	for _, c := range []struct {
		auto supervisor.AutoShutdown
		ends []string
		over bool
	}{
		{supervisor.AnySignificant, []string{"plain"}, false},
		{supervisor.AnySignificant, []string{"one"}, true},
		{supervisor.AllSignificant, []string{"one"}, false},
		{supervisor.AllSignificant, []string{"one", "two"}, true},
	} {
		inBubble(t, func(w *world) {
			children := w.children("plain", "one", "two", "other")
			children[0].Restart = supervisor.Temporary
			children[1].Restart, children[1].Significant = supervisor.Transient, true
			children[2].Restart, children[2].Significant = supervisor.Temporary, true
			root := w.start(supervisor.Spec{Name: "r", AutoShutdown: c.auto, Children: children})
			for _, id := range c.ends {
				w.end("r/"+id, supervisor.ErrNormal)
			}
			require.Equal(w, c.over, !w.alive("r/other"), "%v after %v", c.auto, c.ends)
			if c.over {
				require.NoError(w, root.Wait(), "it is no failure")
			}
		})
	}
}
