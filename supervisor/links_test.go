package supervisor

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// doer is an actor that does what it is sent.
type doer struct{}

func (doer) Init(*Ctx) error { return nil }

func (doer) Receive(c *Ctx, msg any) error {
	if f, ok := msg.(func(c *Ctx) error); ok {
		return f(c)
	}
	return nil
}

func (doer) Terminate(*Ctx, error) {}

// Links that are gone leave nothing behind in the actors that go on.
func TestNothingPilesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys, err := NewSystem(Options{})
		require.NoError(t, err)
		newDoer := func(Heir) Behavior { return doer{} }
		_, err = sys.Start(t.Context(), Spec{
			Name: "r", Intensity: Intensity{Max: 1000, Within: time.Second},
			Children: []ChildSpec{{ID: "lives", New: newDoer}, {ID: "crashes", New: newDoer}},
		})
		require.NoError(t, err)
		lives, crashes := sys.Ref("r/lives"), sys.Ref("r/crashes")
		do := func(r Ref, f func(c *Ctx) error) {
			require.NoError(t, r.Send(f))
			synctest.Wait()
		}
		for range 10 {
			do(lives, func(c *Ctx) error {
				c.Monitor(crashes)
				c.After(time.Second, "fires")
				c.After(time.Hour, "is stopped").Stop()
				c.Go("short", func(context.Context) error { return nil })
				return nil
			})
			do(crashes, func(c *Ctx) error {
				c.Monitor(lives)
				c.After(time.Hour, "is cut off")
				return nil
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := Call[int](ctx, lives, "is given up")
			require.ErrorIs(t, err, context.DeadlineExceeded)
			cancel()
			do(crashes, func(*Ctx) error { return errors.New("boom") })
		}
		time.Sleep(time.Minute)
		c := lives.cell()
		c.mailbox.mu.Lock()
		require.Empty(t, c.links.monitors.watched, "an exited actor is not watched")
		require.Empty(t, c.links.monitors.by, "and does not watch")
		require.Nil(t, c.links.timers.first)
		require.Nil(t, c.links.calls.first)
		require.Empty(t, c.links.goroutines.running)
		require.LessOrEqual(t, len(c.mailbox.user.buf), queueKeep)
		require.Zero(t, c.mailbox.control.buf)
		c.mailbox.mu.Unlock()
		_, err = sys.Shutdown(t.Context())
		require.NoError(t, err)
		for i := range sys.names.shards {
			require.Empty(t, sys.names.shards[i].m, "names are given back")
		}
	})
}
