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

// busy runs an errand for each duration that it is sent, and tells out the results.
type busy struct {
	queue errand.Queue
	out   supervisor.Ref
}

// finished is a result, and whether the queue is idle after it.
type finished struct {
	result any
	idle   bool
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
		a.queue.Finish(ctx)
		return a.out.Send(finished{m.Result, a.queue.Idle()})
	}
	return nil
}

func (*busy) Terminate(*supervisor.Ctx, error) {}

func TestErrandsKeepTheirOrder(t *testing.T) {
	actortest.Run(t, func(w *actortest.World) {
		a := &busy{out: w.Peer("out")}
		require.True(t, a.queue.Idle())
		ref := w.Start("a", func(supervisor.Heir) supervisor.Behavior { return a })
		w.Tell(ref, 3*time.Second, time.Second, 2*time.Second)
		w.Settle(3500 * time.Millisecond)
		w.Require("out", finished{3 * time.Second, false}) // one at a time
		w.Settle(time.Minute)
		w.Require("out", finished{time.Second, false}, finished{2 * time.Second, true})
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
