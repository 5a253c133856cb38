package actors

import (
	"context"
	"time"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/supervisor"
)

// errand is something that may take its time. The updater has them done one after the other, in the order of their effects, each
// in a linked goroutine.
type errand struct {
	name string
	do   func(ctx context.Context) any // the result: a firmware.Input or a message to updater; nil: nothing to say
}

// errandDone: from the goroutine of an errand. Dies with it.
type errandDone struct{ result any }

// run begins the errand, or puts it behind the others.
func (u *updater) run(ctx *supervisor.Ctx, e errand) {
	u.errands = append(u.errands, e)
	if len(u.errands) == 1 {
		u.begin(ctx)
	}
}

func (u *updater) begin(ctx *supervisor.Ctx) {
	e, self := u.errands[0], ctx.Self()
	ctx.Go(e.name, func(gctx context.Context) error {
		result := e.do(gctx)
		if gctx.Err() == nil {
			_ = self.Send(errandDone{result: result}) // an updater that ended meanwhile waits for nothing
		}
		return nil
	})
}

func (u *updater) errandDone(ctx *supervisor.Ctx, m errandDone) error {
	u.errands = u.errands[1:]
	if len(u.errands) == 0 {
		u.errands = nil
	} else {
		u.begin(ctx)
	}
	switch r := m.result.(type) {
	case nil:
		return nil
	case firmware.Input:
		return u.step(ctx, r)
	default:
		return u.Receive(ctx, r)
	}
}

// within bounds an errand.
func within(ctx context.Context, d time.Duration, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return f(ctx)
}
