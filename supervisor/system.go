package supervisor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/rs/zerolog"
)

// Options of a System. The zero value is good.
type Options struct {
	Name   string         // in logs
	Logger zerolog.Logger // zero: silent
	// called on any goroutine, at the place where it happens: it must not block; nil: nobody listens
	OnEvent func(Event)
	// to run in; it is left running; nil: an own one. Not where an int has 32 bits, see ErrNarrow
	ActorSystem *actor.ActorSystem
	Seed        uint64 // of the backoffs' jitter; zero: a random one
	// Inject is for tests: it is called at BeforeReceive and AfterReceive and at every
	// [Ctx.Checkpoint], in the turn of the actor at path, with the message under way. A panic in it is
	// a crash of the actor at that place. Nil in production.
	Inject func(path, point string, msg any)
}

// The points of every actor at which Options.Inject is called.
const (
	BeforeReceive = "before Receive"
	AfterReceive  = "after Receive"
)

// System is what supervision trees live in: names, workers, and one protoactor ActorSystem. One per
// process is enough. All methods may be called from any goroutine.
type System struct {
	opts    Options
	as      *actor.ActorSystem
	names   *names
	pool    *pool
	born    time.Time
	last    atomic.Uint64 // incarnation
	props   *actor.Props
	talks   bool // the logger does
	hanging hanging

	spawning sync.Mutex
	next     *cell // being spawned

	mu    sync.Mutex
	rng   *rand.Rand
	roots roots
}

// NewSystem makes a System. It runs nothing until Start and has to be ended with Shutdown.
func NewSystem(opts Options) (*System, error) {
	if opts.Seed == 0 {
		opts.Seed = rand.Uint64() //nolint:gosec // jitter, not a secret
	}
	if opts.Name != "" {
		opts.Logger = opts.Logger.With().Str("system", opts.Name).Logger()
	}
	s := &System{
		opts: opts, as: opts.ActorSystem, names: newNames(), pool: newPool(), born: time.Now(),
		talks: talks(opts.Logger),
		rng:   rand.New(rand.NewPCG(opts.Seed, 0)), //nolint:gosec // jitter, not a secret
	}
	if s.as == nil {
		s.as = newActorSystem(opts.Logger)
	} else if err := usable(s.as); err != nil {
		return nil, fmt.Errorf("new supervision system: the given ActorSystem %w", err)
	}
	s.props = actor.PropsFromProducer(
		func() actor.Actor { return s.next },
		actor.WithMailbox(func() actor.Mailbox { return s.next }),
	)
	return s, nil
}

// usable says why an embedder's ActorSystem cannot be run in.
func usable(as *actor.ActorSystem) error {
	switch {
	case as.IsStopped():
		return errors.New("has been shut down")
	case strconv.IntSize == 32 && len(as.ProcessRegistry.LocalPIDs.LocalPIDs) > 1:
		return ErrNarrow
	default:
		return nil
	}
}

// newActorSystem makes one that says little, and nothing of messages. Its log of dead letters has a
// goroutine that lives for one interval after each.
func newActorSystem(log zerolog.Logger) *actor.ActorSystem {
	as := actor.NewActorSystem(
		actor.WithLoggerFactory(protoLogger(log)),
		actor.WithDeadLetterThrottleInterval(time.Millisecond),
	)
	narrow(as.ProcessRegistry.LocalPIDs)
	return as
}

// registryWidth is how many maps of 32 shards the registry of an own ActorSystem has. One, because
// protoactor computes the index as a signed number: with more, every second name is a panic where
// an int has 32 bits.
const registryWidth = 1

// narrow takes most of a registry away before it is used. All of it costs 2.8 MB before the first
// actor, and a map of its own for nearly every one of the first ten thousand.
func narrow(registry *actor.SliceMap) {
	all := registry.LocalPIDs
	registry.LocalPIDs = slices.Clone(all[:registryWidth])
	for _, bucket := range all[registryWidth:] {
		if bucket.Count() == 0 {
			continue // Items would start a goroutine per shard to find that out: 32,000 of them
		}
		for id, process := range bucket.Items() {
			registry.GetBucket(id).Set(id, process)
		}
	}
}

// Start starts a supervision tree and returns when every Init in it has returned.
// ErrAlreadyStarted: there is one with this name; *StartError: an actor did not start; ctx's error:
// it took too long. A failed start leaves nothing running: what was started has been stopped in
// order, or is being stopped when ctx has ended.
func (s *System) Start(ctx context.Context, spec Spec) (*Supervisor, error) {
	if spec.Name == "" {
		return nil, errors.New("start: the root supervisor needs a Name")
	}
	if err := spec.validate(spec.Name, 1); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	root := s.newSupervisor(spec.Name, &spec, nil, nil)
	isUp := make(chan struct{})
	if err := s.addRoot(root, isUp); err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	if err := s.launch(&root.cell); err != nil {
		s.forgetRoot(root)
		return nil, fmt.Errorf("start %s: %w", spec.Name, ErrAlreadyStarted)
	}
	select {
	case <-isUp:
		return root, nil
	case <-root.Done():
		return nil, startError(root.path(), root.reason)
	case <-ctx.Done():
		root.tell(stopRequest{})
		return nil, fmt.Errorf("start %s: %w", spec.Name, ctx.Err())
	}
}

// Ref returns the logical name of whoever lives at path, now or later.
func (s *System) Ref(path string) Ref { return Ref{sys: s, path: path} }

// Supervisor returns the supervisor that lives at path; false: none does.
func (s *System) Supervisor(path string) (*Supervisor, bool) {
	c := s.names.get(path)
	if c == nil {
		return nil, false
	}
	sv, ok := c.role.(*Supervisor)
	return sv, ok
}

// ActorSystem returns the protoactor system that the actors live in.
func (s *System) ActorSystem() *actor.ActorSystem { return s.as }

// Shutdown stops all trees and ends the System, and the ActorSystem if it is an own one. The report
// names what did not stop and was abandoned. The error is ctx's when that ends first; call it again
// to go on waiting. It is idempotent.
func (s *System) Shutdown(ctx context.Context) (Report, error) {
	roots := s.lastRoots()
	for _, root := range roots {
		root.tell(stopRequest{})
	}
	for _, root := range roots {
		if err := await(ctx, root.Done()); err != nil {
			return s.hanging.report(""), fmt.Errorf("shut down, waiting for %s: %w", root.path(), err)
		}
	}
	s.pool.close()
	report := s.hanging.report("")
	if len(report.Abandoned) == 0 { // else a worker may never come back
		if err := await(ctx, s.pool.empty); err != nil {
			return report, fmt.Errorf("shut down, waiting for the last turn: %w", err)
		}
	}
	if s.opts.ActorSystem == nil && s.setEnded() {
		s.as.Shutdown()
	}
	return report, nil
}

func await(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	default:
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
