package lifecycle

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hublink-go/hublink/supervisor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// agent is the owner of a tree with one actor.
type agent struct {
	tree   Tree
	system *supervisor.System
	init   func(ctx context.Context) error // of the actor
	said   int                             // farewells
}

var errInit, errCrash = errors.New("no init"), errors.New("crash")

func (a *agent) Start(ctx context.Context) error {
	own := supervisor.Options{Name: "own"}
	return a.tree.Start(ctx, Options{Name: "tree", System: a.system, Own: own}, a.grow)
}

func (a *agent) grow(ctx context.Context, sys *supervisor.System) (*supervisor.Supervisor, error) {
	return sys.Start(ctx, supervisor.Spec{
		Name: "tree", Intensity: supervisor.Intensity{Max: 1, Within: time.Minute},
		Children: []supervisor.ChildSpec{{
			ID: "actor", New: func(supervisor.Heir) supervisor.Behavior { return actor{a} },
		}},
	})
}

func (a *agent) Stop(ctx context.Context) error {
	return a.tree.Stop(ctx, func(context.Context) { a.said++ })
}
func (a *agent) Done() <-chan struct{} { return a.tree.Done() }
func (a *agent) Wait() error           { return a.tree.Wait() }

type actor struct{ a *agent }

func (b actor) Init(ctx *supervisor.Ctx) error {
	if b.a.init != nil {
		return b.a.init(ctx.Context())
	}
	return nil
}
func (actor) Receive(*supervisor.Ctx, any) error { return errCrash }
func (actor) Terminate(*supervisor.Ctx, error)   {}
func (a *agent) crash(t *testing.T, times int) {
	for range times {
		require.NoError(t, a.tree.Ref("actor").Send("crash"))
		synctest.Wait()
	}
}

func closed(ch <-chan struct{}) bool {
	synctest.Wait()
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

func bubble(t *testing.T, a *agent, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t)
		require.NoError(t, a.Stop(context.Background()))
	})
}

func TestNotStarted(t *testing.T) {
	a := &agent{}
	bubble(t, a, func(t *testing.T) {
		require.ErrorIs(t, a.Wait(), ErrNotRunning)
		require.NoError(t, a.Stop(t.Context()))
		require.False(t, closed(a.Done()))
		require.False(t, a.tree.Alive())
		require.Nil(t, a.tree.Root())
	})
}

func TestStartStop(t *testing.T) {
	a := &agent{}
	bubble(t, a, func(t *testing.T) {
		early := a.Done()
		require.NoError(t, a.Start(t.Context()))
		require.True(t, a.tree.Alive())
		require.ErrorContains(t, a.Start(t.Context()), "started before")
		require.False(t, closed(early))
		require.NoError(t, a.Stop(t.Context()))
		require.True(t, closed(early))
		require.True(t, closed(a.Done()))
		require.False(t, a.tree.Alive())
		require.NoError(t, a.Wait())
		require.NoError(t, a.Stop(t.Context()), "idempotent")
		require.Equal(t, 1, a.said, "a farewell needs listeners")
	})
}

func TestFailedStart(t *testing.T) {
	a := &agent{init: func(context.Context) error { return errInit }}
	bubble(t, a, func(t *testing.T) {
		early := a.Done()
		require.ErrorIs(t, a.Start(t.Context()), errInit)
		require.ErrorIs(t, a.Wait(), ErrNotRunning)
		require.NoError(t, a.Stop(t.Context()))
		a.init = nil
		require.NoError(t, a.Start(t.Context()), "it can be repeated")
		require.False(t, closed(early))
		require.NoError(t, a.Stop(t.Context()))
		require.True(t, closed(early))
		require.ErrorContains(t, a.Start(t.Context()), "started before")
	})
}

// An actor may use its owner while it starts, and a Stop at that time waits for the start.
func TestNoLockIsHeldWhileActorsStart(t *testing.T) {
	a := &agent{}
	a.init = func(context.Context) error {
		_, _, _ = a.tree.Root(), a.tree.Alive(), a.Done()
		time.Sleep(time.Second)
		return a.tree.Ref("actor").Send("crash")
	}
	bubble(t, a, func(t *testing.T) {
		started := make(chan error, 1)
		go func() { started <- a.Start(t.Context()) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, a.Stop(ctx), context.DeadlineExceeded)
		require.NoError(t, a.Stop(t.Context()))
		require.NoError(t, <-started)
		require.NoError(t, a.Wait())
	})
}

func TestStartThatTakesTooLong(t *testing.T) {
	a := &agent{init: func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	bubble(t, a, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, a.Start(ctx), context.DeadlineExceeded)
	})
}

func TestGivesUp(t *testing.T) {
	a := &agent{}
	bubble(t, a, func(t *testing.T) {
		require.NoError(t, a.Start(t.Context()))
		a.crash(t, 2)
		require.True(t, closed(a.Done()))
		var gaveUp *supervisor.GaveUpError
		require.ErrorAs(t, a.Wait(), &gaveUp)
		require.False(t, a.tree.Alive())
	})
}

func TestRun(t *testing.T) {
	a := &agent{}
	bubble(t, a, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start := time.Now()
		require.NoError(t, Run(ctx, a))
		require.Equal(t, time.Hour, time.Since(start))
	})
	a = &agent{}
	bubble(t, a, func(t *testing.T) {
		ended := make(chan error, 1)
		go func() { ended <- Run(t.Context(), a) }()
		synctest.Wait()
		a.crash(t, 2)
		var gaveUp *supervisor.GaveUpError
		require.ErrorAs(t, <-ended, &gaveUp)
	})
}

func TestSystemOfTheEmbedder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys, err := supervisor.NewSystem(supervisor.Options{Name: "shared"})
		require.NoError(t, err)
		a := &agent{system: sys}
		require.NoError(t, a.Start(t.Context()))
		require.NoError(t, a.Stop(t.Context()))
		b := &agent{system: sys}
		require.NoError(t, b.Start(t.Context()), "the system lives on")
		require.NoError(t, b.Stop(t.Context()))
		_, err = sys.Shutdown(context.Background())
		require.NoError(t, err)
	})
}
