package errand_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/internal/actortest"
	"github.com/hublink-go/hublink/actors/internal/errand"
	"github.com/hublink-go/hublink/supervisor"
)

// busy runs an errand for each duration that it is sent, and notes the results.
type busy struct {
	queue errand.Queue
	done  []any
}

func (*busy) Init(*supervisor.Ctx) error { return nil }

func (a *busy) Receive(ctx *supervisor.Ctx, msg any) error {
	switch m := msg.(type) {
	case time.Duration:
		a.queue.Run(ctx, errand.Errand{Name: m.String(), Do: func(context.Context) any {
			<-time.After(m)
			return m
		}})
	case errand.Done:
		a.done = append(a.done, m.Result)
		a.queue.Finish(ctx)
	}
	return nil
}

func (*busy) Terminate(*supervisor.Ctx, error) {}

func TestErrandsKeepTheirOrder(t *testing.T) {
	actortest.Run(t, func(w *actortest.World) {
		a := &busy{}
		ref := w.Start("a", func(supervisor.Heir) supervisor.Behavior { return a })
		require.True(t, a.queue.Idle())
		w.Tell(ref, 3*time.Second, time.Second, 2*time.Second)
		require.False(t, a.queue.Idle())
		w.Settle(3500 * time.Millisecond)
		require.Equal(t, []any{3 * time.Second}, a.done, "one at a time")
		w.Settle(time.Minute)
		require.Equal(t, []any{3 * time.Second, time.Second, 2 * time.Second}, a.done)
		require.True(t, a.queue.Idle())
	})
}

func TestTry(t *testing.T) {
	failed := errors.New("failed")
	require.ErrorIs(t, errand.Try(func() error { return failed }), failed)
	require.NoError(t, errand.Try(func() error { return nil }))
	var panicked *supervisor.PanicError
	require.ErrorAs(t, errand.Try(func() error { panic(failed) }), &panicked)
	require.ErrorIs(t, panicked, failed)
	require.NotEmpty(t, panicked.Stack)
}
