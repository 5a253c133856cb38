package supervisor_test

import (
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/supervisor"
	"github.com/hublink-go/hublink/supervisor/supervisortest"
)

// socket is a value for heir slots.
type socket struct {
	closed  int
	onClose func() error
}

func (s *socket) Close() error {
	s.closed++
	if s.onClose != nil {
		return s.onClose()
	}
	return nil
}

// keeper is an actor with a socket in its heir slot: it takes the one that is there, or opens
// another.
type keeper struct {
	w       *world
	fail    *int // Init fails as many times, after the socket was taken
	forget  bool // does not take
	opened  []*socket
	current *socket
}

func (k *keeper) child(id string) supervisor.ChildSpec {
	var taken *socket
	return k.w.probe.ChildWith(id, supervisortest.Hooks{
		New: func(h supervisor.Heir) {
			taken = nil
			if v, ok := h.Take("socket"); ok && !k.forget {
				taken, _ = v.(*socket)
				_, again := h.Take("socket")
				require.False(k.w, again, "one owner")
			}
		},
		Init: func(c *supervisor.Ctx) error {
			if k.fail != nil && *k.fail > 0 {
				*k.fail--
				return errors.New("not yet")
			}
			if taken == nil {
				taken = &socket{}
				k.opened = append(k.opened, taken)
			}
			k.current = taken
			c.Keep("socket", taken)
			return nil
		},
	})
}

// Every cause of a restart hands the socket on.
func TestHeirSlotSurvives(t *testing.T) {
	for name, cause := range map[string]func(w *world, root *supervisor.Supervisor){
		"error":  func(w *world, _ *supervisor.Supervisor) { w.end("r/k", errBoom) },
		"normal": func(w *world, _ *supervisor.Supervisor) { w.end("r/k", supervisor.ErrNormal) },
		"panic": func(w *world, _ *supervisor.Supervisor) {
			w.do("r/k", func(c *supervisor.Ctx) error { return panics(c, nil) })
		},
		"Goexit": func(w *world, _ *supervisor.Supervisor) {
			w.do("r/k", func(c *supervisor.Ctx) error { return goexit(c, nil) })
		},
		"linked goroutine": func(w *world, _ *supervisor.Supervisor) {
			w.do("r/k", func(c *supervisor.Ctx) error {
				c.Go("g", failing)
				return nil
			})
		},
		"injected": func(w *world, _ *supervisor.Supervisor) {
			w.crashes.CrashAt("r/k", 1)
			w.send("r/k", "x")
		},
		"sibling": func(w *world, _ *supervisor.Supervisor) { w.end("r/sibling", errBoom) },
		"killed": func(w *world, _ *supervisor.Supervisor) {
			pid, _ := w.sys.Ref("r/k").PID()
			w.sys.ActorSystem().Root.Stop(pid)
		},
		"by hand": func(w *world, root *supervisor.Supervisor) {
			require.NoError(w, root.TerminateChild(w.Context(), "k"))
			_, err := root.RestartChild(w.Context(), "k")
			require.NoError(w, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				k := &keeper{w: w}
				root := w.start(supervisor.Spec{
					Name: "r", Strategy: supervisor.OneForAll,
					Children: []supervisor.ChildSpec{k.child("k"), w.probe.Child("sibling")},
				})
				before := w.incarnation("r/k")
				cause(w, root)
				synctest.Wait()
				require.NotEqual(w, before, w.incarnation("r/k"), "it was restarted")
				require.Len(w, k.opened, 1, "the next incarnation has the same socket")
				require.Zero(w, k.current.closed)
				_, err := root.Stop(w.Context())
				require.NoError(w, err)
				require.Equal(w, 1, k.current.closed, "closed when no incarnation can take it")
			})
		})
	}
}

func TestHeirSlotSurvivesFailedStarts(t *testing.T) {
	inBubble(t, func(w *world) {
		fail := 0
		k := &keeper{w: w, fail: &fail}
		w.start(supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{k.child("k")}})
		fail = 2
		w.end("r/k", errBoom)
		require.True(w, w.alive("r/k"))
		require.Equal(w, 3, restarts(w, "r/k"))
		require.Len(w, k.opened, 1, "what a failed Init had taken goes back into the slot")
		require.Zero(w, k.current.closed)
	})
}

func TestHeirSlotIsClosedWhenNobodyInherits(t *testing.T) {
	for name, c := range map[string]struct {
		restart supervisor.Restart
		end     func(w *world, root *supervisor.Supervisor)
	}{
		"done for good": {supervisor.Transient, func(w *world, _ *supervisor.Supervisor) {
			w.end("r/k",
				supervisor.ErrNormal)
		}},
		"temporary": {supervisor.Temporary, func(w *world, _ *supervisor.Supervisor) {
			w.end("r/k",
				errBoom)
		}},
		"terminated temporary": {supervisor.Temporary, func(w *world, root *supervisor.Supervisor) {
			require.NoError(w, root.TerminateChild(w.Context(), "k"))
		}},
		"deleted": {supervisor.Permanent, func(w *world, root *supervisor.Supervisor) {
			require.NoError(w, root.TerminateChild(w.Context(), "k"))
			require.NoError(w, root.DeleteChild(w.Context(), "k"))
		}},
		"supervisor gave up": {supervisor.Permanent, func(w *world, root *supervisor.Supervisor) {
			for range 4 {
				w.end("r/k", errBoom)
			}
			require.Error(w, root.Wait())
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				k := &keeper{w: w}
				child := k.child("k")
				child.Restart = c.restart
				root := w.start(supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{child}})
				c.end(w, root)
				require.Len(w, k.opened, 1)
				require.Equal(w, 1, k.current.closed)
			})
		})
	}
}

func TestHeirSlotThatIsNotTakenIsClosed(t *testing.T) {
	inBubble(t, func(w *world) {
		k := &keeper{w: w, forget: true}
		child := k.child("k")
		child.New = func(supervisor.Heir) supervisor.Behavior {
			return k.child("k").New(supervisor.Heir{})
		}
		w.start(supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{child}})
		w.end("r/k", errBoom)
		require.Len(w, k.opened, 2)
		require.Equal(w, 1, k.opened[0].closed, "Keep of another value closes the one before")
		require.Zero(w, k.opened[1].closed)
		w.do("r/k", func(c *supervisor.Ctx) error {
			c.Keep("socket", nil)
			c.Keep("other", &socket{})
			return errBoom
		})
		synctest.Wait()
		require.Zero(w, k.opened[1].closed, "emptied without closing")
		require.Zero(w, k.opened[2].closed)
	})
}

func TestHeirSlotOfAnAbandonedActorIsClosed(t *testing.T) {
	inBubble(t, func(w *world) {
		k := &keeper{w: w}
		child := k.child("k")
		child.Shutdown = time.Second
		w.start(
			supervisor.Spec{
				Name:     "r",
				Strategy: supervisor.OneForAll,
				Children: []supervisor.ChildSpec{child, w.probe.Child("a")},
			},
		)
		release := make(chan struct{})
		// as a closed socket lets a Write return
		k.current.onClose = func() error { close(release); return nil }
		w.do("r/k", hang(release))
		synctest.Wait()
		w.end("r/a", errBoom)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Len(w, k.opened, 2, "it may still use the socket: the next incarnation has its own")
		require.Equal(w, 1, k.opened[0].closed)
	})
}

func TestCloseThatMisbehaves(t *testing.T) {
	for name, c := range map[string]struct {
		onClose func() error
		event   string
	}{
		"panics": {
			func() error { panic("no way") },
			"terminate-failed r/k: close socket: panic: no way",
		},
		"ends itself": {
			func() error { runtime.Goexit(); return nil },
			"terminate-failed r/k: close socket: runtime.Goexit called",
		},
		"errs": {func() error { return errBoom }, ""},
		"hangs": {
			func() error { time.Sleep(time.Hour); return nil },
			"abandoned r/k: Close of socket",
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				k := &keeper{w: w}
				root := w.start(supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{k.child("k")}})
				k.current.onClose = c.onClose
				require.LessOrEqual(w, elapsed(func() {
					report, err := root.Stop(w.Context())
					require.NoError(w, err)
					require.Equal(w, name == "hangs", report.Err() != nil)
				}), 5*time.Second)
				lines := w.events.Lines(supervisor.EventTerminateFailed, supervisor.EventAbandoned)
				if c.event == "" {
					require.Empty(w, lines)
				} else {
					require.Equal(w, []string{c.event}, lines)
				}
				time.Sleep(time.Hour)
			})
		})
	}
}
