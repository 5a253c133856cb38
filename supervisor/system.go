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

// Options of a System. The zero value is usable.
type Options struct {
	// Name appears in logs.
	Name string
	// Logger gets events and the log of protoactor. The zero Logger is silent.
	Logger zerolog.Logger
	// OnEvent gets every Event, on the goroutine where it happens; it must not block.
	OnEvent func(Event)
	// ActorSystem is the embedder's, to run in; Shutdown leaves it running. With nil the System makes
	// its own, which 32-bit platforms need, see ErrNarrow.
	ActorSystem *actor.ActorSystem
	// Seed is the seed of the jitter of backoffs. Zero means a random one.
	Seed uint64
	// Inject is for tests. It is called at BeforeReceive and AfterReceive and at every
	// [Ctx.Checkpoint], in the turn of the actor at path, with the message under way. A panic in it is
	// a crash of the actor at that point.
	Inject func(path, point string, msg any)
}

// The points of every actor at which Options.Inject is called.
const (
	// BeforeReceive is the point before a call of Receive.
	BeforeReceive = "before Receive"
	// AfterReceive is the point after Receive has returned.
	AfterReceive = "after Receive"
)

// System runs supervision trees. It has their names, their workers, and one protoactor ActorSystem.
// One System per process is enough. Any goroutine may call its methods.
type System struct {
	opts    Options
	as      *actor.ActorSystem
	names   *names
	pool    *pool
	born    time.Time
	last    atomic.Uint64 // number of an incarnation
	props   *actor.Props
	talks   bool       // Logger writes
	effects sync.Pool  // of *effects
	chance  sharedRand // of the backoffs

	abandonments abandonments

	spawning sync.Mutex
	next     *cell // being spawned

	mu    sync.Mutex
	roots roots
}

// NewSystem returns a System that runs nothing yet. Shutdown frees what it holds.
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
	}
	s.chance.rng = rand.New(rand.NewPCG(opts.Seed, 0)) //nolint:gosec // jitter, not a secret
	if s.as == nil {
		s.as = newActorSystem(opts.Logger)
	} else if err := usable(s.as); err != nil {
		return nil, fmt.Errorf("new supervision system: the given ActorSystem %w", err)
	}
	s.props = actor.PropsFromProducer(func() actor.Actor { return (*process)(s.next) },
		actor.WithMailbox(func() actor.Mailbox { return (*process)(s.next) }))
	return s, nil
}

// usable returns why a System cannot run in the embedder's ActorSystem, or nil.
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

// newActorSystem returns an ActorSystem that logs little, and no contents of messages. Its log of
// dead letters has a goroutine that lives for one throttle interval after each.
func newActorSystem(log zerolog.Logger) *actor.ActorSystem {
	as := actor.NewActorSystem(actor.WithLoggerFactory(protoLogger(log)),
		actor.WithDeadLetterThrottleInterval(time.Millisecond))
	narrow(as.ProcessRegistry.LocalPIDs)
	return as
}

// registryWidth is how many maps of 32 shards the registry of an own ActorSystem has. It is one,
// because protoactor computes the index as a signed number: with more maps, every second name
// panics where an int has 32 bits.
const registryWidth = 1

// narrow reduces a registry to registryWidth before it is used. The whole one costs 2.8 MB before
// the first actor, and a map of its own for nearly each of the first ten thousand actors.
func narrow(registry *actor.SliceMap) {
	all := registry.LocalPIDs
	registry.LocalPIDs = slices.Clone(all[:registryWidth])
	for _, bucket := range all[registryWidth:] {
		if bucket.Count() == 0 {
			continue // Items starts a goroutine per shard, 32,000 in all, even if the bucket is empty
		}
		for id, process := range bucket.Items() {
			registry.GetBucket(id).Set(id, process)
		}
	}
}

// Start starts a supervision tree and returns when every Init in it has succeeded. It fails with
// ErrAlreadyStarted when a tree with the name runs, with a *StartError when an actor did not start,
// with ErrStopped after Shutdown, and with ctx's error when ctx ends first. A failed start leaves
// nothing running: the actors that were started have been stopped in order, or are being stopped if
// ctx has ended.
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
		s.removeRoot(root)
		return nil, fmt.Errorf("start %s: %w", spec.Name, ErrAlreadyStarted)
	}
	select {
	case <-isUp:
		return root, nil
	case <-root.Done():
		return nil, startError(root.cell.path(), root.core.reason)
	case <-ctx.Done():
		root.cell.tell(stopRequest{})
		return nil, fmt.Errorf("start %s: %w", spec.Name, ctx.Err())
	}
}

// Ref returns the logical name of the actor or supervisor at path, which need not be alive yet.
func (s *System) Ref(path string) Ref { return Ref{sys: s, path: path} }

// Supervisor returns the living supervisor at path, or false.
func (s *System) Supervisor(path string) (*Supervisor, bool) {
	c := s.names.get(path)
	if c == nil {
		return nil, false
	}
	sv, ok := c.role.(*Supervisor)
	return sv, ok
}

// ActorSystem returns the protoactor system that the actors run in.
func (s *System) ActorSystem() *actor.ActorSystem { return s.as }

// Shutdown stops all trees and frees what the System holds, also its ActorSystem unless that is the
// embedder's. The report names what did not stop and was abandoned. If ctx ends first, Shutdown
// returns ctx's error; another call goes on waiting. Shutdown may be called again.
func (s *System) Shutdown(ctx context.Context) (Report, error) {
	roots := s.closeRoots()
	for _, root := range roots {
		root.cell.tell(stopRequest{})
	}
	for _, root := range roots {
		if err := await(ctx, root.Done()); err != nil {
			err = fmt.Errorf("shut down, waiting for %s: %w", root.cell.path(), err)
			return s.abandonments.report(""), err
		}
	}
	s.pool.close()
	report := s.abandonments.report("")
	if len(report.Abandoned) == 0 { // else a worker may never return
		if err := await(ctx, s.pool.empty); err != nil {
			return report, fmt.Errorf("shut down, waiting for the last turn: %w", err)
		}
	}
	if s.opts.ActorSystem == nil && s.setDone() {
		s.as.Shutdown()
	}
	return report, nil
}

// await waits for done. A done that is closed already counts even if ctx has ended.
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
