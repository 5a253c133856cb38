package supervisor_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/supervisor"
	"github.com/hublink-go/hublink/supervisor/supervisortest"
)

func TestCall(t *testing.T) {
	inBubble(t, func(w *world) {
		var later supervisor.Caller
		w.start(supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{
			w.probe.ChildWith("a", supervisortest.Hooks{Receive: func(c *supervisor.Ctx, msg any) error {
				switch msg {
				case "answer":
					c.Reply(42)
				case "error":
					c.Reply(errBoom)
				case "later":
					later = c.Caller()
				case "answer and crash":
					c.Reply(42)
					return errBoom
				case "crash":
					return errBoom
				case "panic":
					panic(errBoom)
				case "unknown":
					return c.Unexpected(msg)
				case "twice":
					c.Reply(1)
					c.Reply(2)
				}
				return nil // "silence"
			}}),
			{ID: "s", Supervisor: &supervisor.Spec{}},
		}})
		a := w.sys.Ref("r/a")
		call := func(req any) (int, error) { return supervisor.Call[int](w.Context(), a, req) }

		n, err := call("answer")
		require.NoError(w, err)
		require.Equal(w, 42, n)
		_, err = call("error")
		require.Equal(w, errBoom, err, "an error is an answer too")
		asError, err := supervisor.Call[error](w.Context(), a, "error")
		require.NoError(w, err)
		require.Equal(w, errBoom, asError)
		_, err = supervisor.Call[string](w.Context(), a, "answer")
		require.ErrorContains(w, err, "the answer is a int, not a string")
		n, err = call("twice")
		require.NoError(w, err)
		require.Equal(w, 1, n)
		require.Equal(w, []string{"not-a-call r/a: int"}, w.events.Lines(supervisor.EventNotACall))
		_, err = call("unknown")
		require.ErrorIs(w, err, supervisor.ErrUnexpected)
		_, err = call(nil)
		require.ErrorIs(w, err, supervisor.ErrNilMessage)

		var downErr *supervisor.DownError
		for _, req := range []string{"crash", "panic"} {
			require.Zero(w, elapsed(func() { _, err = call(req) }), "at once")
			require.ErrorAs(w, err, &downErr)
			require.Equal(w, "r/a", downErr.Path)
			require.ErrorIs(w, err, errBoom)
			synctest.Wait()
		}
		n, err = call("answer and crash")
		require.NoError(w, err, "it had answered")
		require.Equal(w, 42, n)
		synctest.Wait()

		go func() {
			synctest.Wait()
			later.Reply(7)
		}()
		n, err = call("later")
		require.NoError(w, err)
		require.Equal(w, 7, n)
		require.False(w, later.Reply(8), "no caller waits any more")
		require.False(w, supervisor.Caller{}.Reply(1))

		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		_, err = supervisor.Call[int](ctx, a, "silence")
		require.ErrorIs(w, err, context.DeadlineExceeded)
		_, err = supervisor.Call[int](w.Context(), w.sys.Ref("r/none"), 1)
		require.ErrorIs(w, err, supervisor.ErrNoProc)
		_, err = supervisor.Call[int](w.Context(), supervisor.Ref{}, 1)
		require.ErrorIs(w, err, supervisor.ErrNoProc)
		_, err = supervisor.Call[int](w.Context(), w.sys.Ref("r/s"), 1)
		require.ErrorIs(w, err, supervisor.ErrUnexpected, "supervisors have methods instead")
	})
}

// The callee dies with one call being handled, one in the mailbox and one that was to be answered
// later.
func TestCallsOfACalleeThatDies(t *testing.T) {
	inBubble(t, func(w *world) {
		release := make(chan struct{})
		w.start(supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{
			w.probe.ChildWith("a", supervisortest.Hooks{Receive: func(c *supervisor.Ctx, msg any) error {
				if msg == "later" {
					c.Caller()
					return nil
				}
				<-release
				return errBoom
			}}),
		}})
		answers := make(chan error, 3)
		for _, req := range []string{"later", "now", "never read"} {
			go func() {
				_, err := supervisor.Call[int](w.Context(), w.sys.Ref("r/a"), req)
				answers <- err
			}()
			synctest.Wait()
		}
		require.Empty(w, answers)
		close(release)
		for range 3 {
			var downErr *supervisor.DownError
			require.ErrorAs(w, <-answers, &downErr)
		}
		w.expect("none of them reached the successor", "receive r/a later", "receive r/a now",
			"terminate r/a boom", "init r/a")
	})
}

func TestTerminateMayStillAnswer(t *testing.T) {
	inBubble(t, func(w *world) {
		var caller supervisor.Caller
		w.start(supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{
			w.probe.ChildWith("a", supervisortest.Hooks{
				Receive:   func(c *supervisor.Ctx, _ any) error { caller = c.Caller(); return errBoom },
				Terminate: func(*supervisor.Ctx, error) { caller.Reply("sorry") },
			}),
		}})
		res, err := supervisor.Call[string](w.Context(), w.sys.Ref("r/a"), "x")
		require.NoError(w, err)
		require.Equal(w, "sorry", res)
	})
}

func TestCallToAnActorThatIsAbandoned(t *testing.T) {
	inBubble(t, func(w *world) {
		release := make(chan struct{})
		child := w.probe.ChildWith("a",
			supervisortest.Hooks{Receive: func(c *supervisor.Ctx, _ any) error { return hang(release)(c) }})
		child.Shutdown = time.Second
		root := w.start(supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{child}})
		go func() {
			synctest.Wait()
			_ = root.TerminateChild(context.WithoutCancel(w.Context()), "a")
		}()
		require.Equal(w, time.Second, elapsed(func() {
			_, err := supervisor.Call[int](w.Context(), w.sys.Ref("r/a"), 1)
			require.ErrorIs(w, err, supervisor.ErrStopTimeout)
		}))
		close(release)
		synctest.Wait()
	})
}

func TestMonitor(t *testing.T) {
	inBubble(t, func(w *world) {
		children := w.children("watcher", "a")
		children[1].Restart = supervisor.Temporary
		root := w.start(supervisor.Spec{Name: "r", Children: append(children, supervisor.ChildSpec{
			ID: "s", Restart: supervisor.Temporary,
			Supervisor: &supervisor.Spec{
				Intensity: supervisor.Intensity{Within: time.Second},
				Children:  w.children("b"),
			},
		})})
		monitor := func(path string) {
			w.do("r/watcher", func(c *supervisor.Ctx) error {
				c.Monitor(w.sys.Ref(path))
				c.Monitor(w.sys.Ref(path)) // twice is once
				return nil
			})
			synctest.Wait()
		}
		monitor("r/a")
		w.end("r/a", errBoom)
		w.expect("an actor", "terminate r/a boom", "receive r/watcher {r/a boom}")
		monitor("r/s")
		w.end("r/s/b", errBoom)
		notes := w.probe.Take()
		require.Len(w, notes, 2)
		require.Contains(w, notes[1], "receive r/watcher {r/s supervisor r/s gave up", "a supervisor")
		monitor("r/none")
		w.expect("at once, for each try", "receive r/watcher {r/none no such actor is alive}",
			"receive r/watcher {r/none no such actor is alive}")

		_, err := root.StartChild(w.Context(), children[1])
		require.NoError(w, err, "the ID is free before the Down arrives")
		monitor("r/a")
		w.end("r/watcher", errBoom)
		w.probe.Take()
		w.end("r/a", errBoom)
		w.expect("monitors end with the incarnation", "terminate r/a boom")
	})
}

// An actor that is told that a child is down can start one with its ID at once.
func TestDownComesAfterTheIDIsFree(t *testing.T) {
	inBubble(t, func(w *world) {
		var root *supervisor.Supervisor
		started := 0
		child := w.probe.Child("job")
		child.Restart = supervisor.Temporary
		again := func(c *supervisor.Ctx) {
			c.Go("start", func(ctx context.Context) error {
				ref, err := root.StartChild(ctx, child)
				if err != nil {
					return err
				}
				started++
				return c.Self().Send(ref)
			})
		}
		watcher := w.probe.ChildWith(
			"watcher",
			supervisortest.Hooks{Receive: func(c *supervisor.Ctx, msg any) error {
				switch m := msg.(type) {
				case supervisor.Ref:
					c.Monitor(m)
					if started < 50 {
						return m.Send(supervisortest.Do(func(*supervisor.Ctx) error { return errBoom }))
					}
				case supervisor.Down:
					again(c)
				case string:
					again(c)
				}
				return nil
			}},
		)
		root = w.start(supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{watcher}})
		w.send("r/watcher", "go")
		synctest.Wait()
		require.Equal(w, 50, started)
		require.Zero(w, restarts(w, "r/watcher"))
	})
}

func TestUnexpected(t *testing.T) {
	inBubble(t, func(w *world) {
		w.start(supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{
			w.probe.ChildWith(
				"a",
				supervisortest.Hooks{
					Receive: func(c *supervisor.Ctx, msg any) error { return c.Unexpected(msg) },
				},
			),
		}})
		w.send("r/a", errors.New("secret"))
		w.send("r", "secret")
		synctest.Wait()
		require.ElementsMatch(w, []string{"unexpected r/a: *errors.errorString", "unexpected r: string"},
			w.events.Lines(supervisor.EventUnexpected), "by type only")
		require.True(w, w.alive("r/a"), "no actor exits for it")
		require.ErrorIs(w, w.sys.Ref("r/a").Send(nil), supervisor.ErrNilMessage)
	})
}
