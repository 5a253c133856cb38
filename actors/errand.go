package actors

import (
	"context"
	"time"

	"github.com/hublink-go/hublink/supervisor"
)

// errand is something that may take its time, done in a linked goroutine.
type errand struct {
	name string
	do   func(ctx context.Context) any // the result, for its actor; nil: nothing to say
}

// errandDone: from the goroutine of an errand. Dies with it.
type errandDone struct{ result any }

// errands are done one after the other, in the order in which they were asked for.
type errands struct{ list []errand } // the first one is under way

// run begins the errand, or puts it behind the others.
func (q *errands) run(ctx *supervisor.Ctx, e errand) {
	q.list = append(q.list, e)
	if len(q.list) == 1 {
		q.begin(ctx)
	}
}

func (q *errands) begin(ctx *supervisor.Ctx) {
	e, self := q.list[0], ctx.Self()
	ctx.Go(e.name, func(gctx context.Context) error {
		result := e.do(gctx)
		if gctx.Err() == nil {
			_ = self.Send(errandDone{result: result}) // an actor that ended meanwhile waits for nothing
		}
		return nil
	})
}

// done takes note of an errandDone and begins the next one.
func (q *errands) done(ctx *supervisor.Ctx) {
	q.list = q.list[1:]
	if len(q.list) == 0 {
		q.list = nil
		return
	}
	q.begin(ctx)
}

func (q *errands) idle() bool { return len(q.list) == 0 }

// within bounds an errand.
func within(ctx context.Context, d time.Duration, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return f(ctx)
}
