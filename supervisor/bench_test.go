package supervisor_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/hublink-go/hublink/supervisor"
)

// echo answers calls and sends back what it is sent.
type echo struct{}

type ping struct {
	to   supervisor.Ref
	left int
	done chan<- struct{}
}

func (echo) Init(*supervisor.Ctx) error { return nil }

func (echo) Receive(c *supervisor.Ctx, msg any) error {
	p, ok := msg.(*ping)
	switch {
	case msg == "hello":
	case !ok:
		c.Reply(msg)
	case p.left == 0:
		close(p.done)
	default:
		p.left--
		to := p.to
		p.to = c.Self()
		return to.Send(p)
	}
	return nil
}

func (echo) Terminate(*supervisor.Ctx, error) {}

func newEcho(supervisor.Heir) supervisor.Behavior { return echo{} }

func benchSystem(b *testing.B) *supervisor.System {
	b.Helper()
	sys, err := supervisor.NewSystem(supervisor.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if report, err := sys.Shutdown(context.Background()); err != nil || report.Err() != nil {
			b.Error(err, report.Err())
		}
	})
	return sys
}

func eightActors(name string) supervisor.Spec {
	spec := supervisor.Spec{Name: name}
	for i := range 8 {
		spec.Children = append(spec.Children,
			supervisor.ChildSpec{ID: fmt.Sprintf("actor-%d", i), New: newEcho})
	}
	return spec
}

func BenchmarkStartStop(b *testing.B) {
	b.Run("supervisor", func(b *testing.B) {
		sys := benchSystem(b)
		b.ReportAllocs()
		for b.Loop() {
			root, err := sys.Start(b.Context(), eightActors("tree"))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := root.Stop(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("protoactor", func(b *testing.B) {
		as := actor.NewActorSystem(actor.WithLoggerFactory(silent))
		defer as.Shutdown()
		child := actor.PropsFromFunc(func(actor.Context) {})
		parent := actor.PropsFromFunc(func(c actor.Context) {
			if _, ok := c.Message().(*actor.Started); ok {
				for range 8 {
					c.Spawn(child)
				}
			}
		})
		b.ReportAllocs()
		for b.Loop() {
			if err := as.Root.StopFuture(as.Root.Spawn(parent)).Wait(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkCall(b *testing.B) {
	b.Run("supervisor", func(b *testing.B) {
		sys := benchSystem(b)
		if _, err := sys.Start(b.Context(), eightActors("tree")); err != nil {
			b.Fatal(err)
		}
		to := sys.Ref("tree/actor-0")
		b.ReportAllocs()
		for b.Loop() {
			if _, err := supervisor.Call[int](b.Context(), to, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("protoactor", func(b *testing.B) {
		as := actor.NewActorSystem(actor.WithLoggerFactory(silent))
		defer as.Shutdown()
		pid := as.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
			if c.Sender() != nil {
				c.Respond(c.Message())
			}
		}))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := as.Root.RequestFuture(pid, 1, time.Minute).Result(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// One message goes to and fro between two actors; one operation is one round trip.
func BenchmarkPingPong(b *testing.B) {
	b.Run("supervisor", func(b *testing.B) {
		sys := benchSystem(b)
		if _, err := sys.Start(b.Context(), eightActors("tree")); err != nil {
			b.Fatal(err)
		}
		done := make(chan struct{})
		b.ReportAllocs()
		b.ResetTimer()
		if err := sys.Ref("tree/actor-0").Send(&ping{
			to: sys.Ref("tree/actor-1"), left: 2 * b.N,
			done: done,
		}); err != nil {
			b.Fatal(err)
		}
		<-done
	})
	b.Run("protoactor", func(b *testing.B) {
		type pingPID struct {
			to   *actor.PID
			left int
			done chan<- struct{}
		}
		as := actor.NewActorSystem(actor.WithLoggerFactory(silent))
		defer as.Shutdown()
		props := actor.PropsFromFunc(func(c actor.Context) {
			p, ok := c.Message().(*pingPID)
			switch {
			case !ok:
			case p.left == 0:
				close(p.done)
			default:
				p.left--
				to := p.to
				p.to = c.Self()
				c.Send(to, p)
			}
		})
		one, two := as.Root.Spawn(props), as.Root.Spawn(props)
		done := make(chan struct{})
		b.ReportAllocs()
		b.ResetTimer()
		as.Root.Send(one, &pingPID{to: two, left: 2 * b.N, done: done})
		<-done
	})
}

// Memory of a tree of one supervisor and eight idle actors, each of which has got a message: its
// names, PIDs and specs included, the System's own share (3 MB of protoactor's registry) not.
func BenchmarkIdleTree(b *testing.B) {
	const trees = 5000
	for b.Loop() {
		sys := benchSystem(b)
		goroutines, before := runtime.NumGoroutine(), heap()
		for i := range trees {
			name := fmt.Sprintf("device-%d", i)
			if _, err := sys.Start(b.Context(), eightActors(name)); err != nil {
				b.Fatal(err)
			}
			for a := range 8 {
				if err := sys.Ref(fmt.Sprintf("%s/actor-%d", name, a)).Send("hello"); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(heap()-before)/trees, "B/tree")
		b.ReportMetric(float64(runtime.NumGoroutine()-goroutines), "goroutines")
		if _, err := sys.Shutdown(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
