// Package errand runs what may take its time in linked goroutines, one after the other.
//
// An actor has a [Queue], gives it each [Errand] with Run, and calls Finish when [Done] comes.
package errand

import (
	"context"
	"runtime/debug"
	"time"

	"github.com/hublink-go/hublink/supervisor"
)

// Errand is work that may take its time. Do runs in a linked goroutine and returns the result for
// the actor; nil means that there is nothing to say.
type Errand struct {
	Name string
	Do   func(ctx context.Context) any
}

// Done comes from the goroutine of an errand to its actor. Lost with a crash of the actor, like the
// queue.
type Done struct{ Result any }

// Queue runs errands in the order in which they were given. The zero value is ready to use.
type Queue struct{ list []Errand } // the first one is under way

// Run begins the errand, or puts it behind the others.
func (q *Queue) Run(ctx *supervisor.Ctx, e Errand) {
	q.list = append(q.list, e)
	if len(q.list) == 1 {
		q.begin(ctx)
	}
}

// Finish removes the errand that is done and begins the next one.
func (q *Queue) Finish(ctx *supervisor.Ctx) {
	q.list = q.list[1:]
	if len(q.list) == 0 {
		q.list = nil
		return
	}
	q.begin(ctx)
}

// Idle reports whether no errand is under way.
func (q *Queue) Idle() bool { return len(q.list) == 0 }

func (q *Queue) begin(ctx *supervisor.Ctx) {
	e, self := q.list[0], ctx.Self()
	ctx.Go(e.Name, func(gctx context.Context) error {
		result := e.Do(gctx)
		if gctx.Err() == nil {
			_ = self.Send(Done{Result: result}) // fails when the actor has ended meanwhile
		}
		return nil
	})
}

// Within calls f with a context that ends after d.
func Within(ctx context.Context, d time.Duration, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return f(ctx)
}

// Try calls f and returns its error; a panic becomes a *supervisor.PanicError.
func Try(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &supervisor.PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return f()
}
