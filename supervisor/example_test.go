package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hublink-go/hublink/supervisor"
)

// counter counts what it is sent. It keeps nothing over a crash.
type counter struct{ n int }

// Messages to counter.
type (
	add   struct{ n int }
	total struct{} // answered with an int
)

func (c *counter) Init(*supervisor.Ctx) error { return nil }

func (c *counter) Receive(ctx *supervisor.Ctx, msg any) error {
	switch m := msg.(type) {
	case add:
		if m.n < 0 {
			return errors.New("counters only go up")
		}
		c.n += m.n
	case total:
		ctx.Reply(c.n)
	default:
		return ctx.Unexpected(msg)
	}
	return nil
}

func (c *counter) Terminate(*supervisor.Ctx, error) {}

func Example() {
	ctx := context.Background()
	started := make(chan string, 8)
	sys, err := supervisor.NewSystem(supervisor.Options{OnEvent: func(e supervisor.Event) {
		if e.Kind == supervisor.EventStarted {
			started <- e.Path
		}
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	root, err := sys.Start(ctx, supervisor.Spec{
		Name: "shop", Intensity: supervisor.Intensity{Max: 3, Within: time.Minute},
		Children: []supervisor.ChildSpec{
			{ID: "visitors", New: func(supervisor.Heir) supervisor.Behavior { return &counter{} }},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(<-started, <-started)
	tree, err := supervisor.Tree(ctx, root)
	fmt.Print(tree)
	fmt.Println(err)

	visitors := sys.Ref("shop/visitors") // the actor that is alive under this name
	fmt.Println(visitors.Send(add{2}))
	fmt.Println(supervisor.Call[int](ctx, visitors, total{}))

	fmt.Println(visitors.Send(add{-1})) // a crash
	fmt.Println(<-started, "again")
	fmt.Println(supervisor.Call[int](ctx, visitors, total{}))

	report, err := sys.Shutdown(ctx)
	fmt.Println(report.Err(), err)

	// Output:
	// shop/visitors shop
	// shop          one_for_one 3 in 1m0s
	// └─ visitors   permanent
	// <nil>
	// <nil>
	// 2 <nil>
	// <nil>
	// shop/visitors again
	// 0 <nil>
	// <nil> <nil>
}
