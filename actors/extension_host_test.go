package actors_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/extensions"
	"github.com/hublink-go/hublink/protocol/hubtest"
	"github.com/hublink-go/hublink/protocol/transport"
)

// probe is an extension that a test drives: the test has the Host of its living incarnation and
// says what Handle and its goroutine do.
type probe struct {
	mu     sync.Mutex
	hosts  []extensions.Host
	events []string
	order  chan error // for the goroutine: a panic for errPanic, else its result
	handle func(extensions.Host, extensions.Event) error
}

var errPanic = errors.New("panic, please")

func (p *probe) factory() extensions.Factory {
	p.order = make(chan error)
	return extensions.Factory{Name: "geo", Versions: []string{"0.0.1"}, New: p.make}
}

func (p *probe) make(h extensions.Host) (extensions.Extension, error) {
	p.mu.Lock()
	p.hosts = append(p.hosts, h)
	p.mu.Unlock()
	h.Go("worker", func(ctx context.Context) error {
		select {
		case err := <-p.order:
			if errors.Is(err, errPanic) {
				panic(err)
			}
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	return incarnation{p, h}, nil
}

// host returns the Host of the last incarnation.
func (p *probe) host() extensions.Host {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hosts[len(p.hosts)-1]
}

// made counts the incarnations.
func (p *probe) made() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.hosts)
}

func (p *probe) heard() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.events, " ")
}

type incarnation struct {
	*probe
	own extensions.Host
}

func (i incarnation) Handle(e extensions.Event) error {
	i.mu.Lock()
	i.events = append(i.events, strings.TrimSpace(e.Kind.String()+" "+e.Name))
	handle := i.handle
	i.mu.Unlock()
	if handle == nil {
		return nil
	}
	return handle(i.own, e)
}

// probing runs a test with a probe, in a bubble.
func probing(t *testing.T, change func(*rig, *probe), test func(*rig, *probe)) {
	t.Helper()
	p := &probe{}
	inVirtualTime(t, func(r *rig) {
		r.cfg.Extensions = append(r.cfg.Extensions, p.factory())
		if change != nil {
			change(r, p)
		}
	}, func(r *rig) { test(r, p) })
}

func TestAGoroutineOfAnExtensionPanics(t *testing.T) {
	p := &probe{}
	updating(t, func(b *bench) {
		b.cfg.Extensions = append(b.cfg.Extensions, p.factory())
	}, func(b *bench) {
		b.add(firmwareSize, hubtest.Slow(firmwareSize/30))
		b.push()
		b.settle(5 * time.Second)
		require.NotNil(t, b.dev.Status().Update, "an update is under way")
		talk := b.seen.Converse(t)

		for n := 2; n <= 4; n++ { // three crashes, each with a fresh incarnation
			first := p.host().Context()
			p.order <- errPanic
			b.settle(time.Second)
			require.Error(t, first.Err(), "the context of the incarnation has ended")
			require.Equal(t, n, p.made())
			require.NoError(t, p.host().Push("alive", struct{}{}), "and it is attached")
		}
		require.Equal(t, []string{"geo", "health"}, b.dev.Status().Extensions)
		require.Contains(t, b.dev.Status().ExtensionProblems["geo"], "goroutine worker")

		p.order <- errors.New("the device is unplugged") // an error is a crash, too: the fourth
		b.settle(time.Second)
		talk.ExpectLater("quarantined", hubtest.Event("extensions", "geo:error"))
		require.Equal(t, 4, p.made())
		require.Equal(t, 1, b.happened(actors.EventExtensionQuarantined))
		require.Equal(t, []string{"health"}, b.dev.Status().Extensions)
		require.Contains(t, b.dev.Status().ExtensionProblems["geo"], "the device is unplugged")
		require.Len(t, b.gaveUp, 1)
		b.gaveUp = nil
		talk.ExpectSameSocket("an extension never costs the link")

		require.NotNil(t, b.dev.Status().Update, "the update goes on")
		waitReboot(b.rig)
		b.requireInstalled()
		require.Equal(t, 1, b.fw.Served().Requests, "the download was not disturbed")
	})
}

func TestAHandleThatNeverReturns(t *testing.T) {
	var release chan struct{}
	var broken atomic.Bool
	probing(t, func(_ *rig, p *probe) {
		release = make(chan struct{})
		p.handle = func(_ extensions.Host, e extensions.Event) error {
			if e.Kind == extensions.Message && broken.Load() {
				<-release
			}
			return nil
		}
	}, func(r *rig, p *probe) {
		talk := r.seen.Converse(t)
		broken.Store(true)
		require.NoError(t, r.seen.Channel("extensions").Push("geo:location:request", map[string]int{}))
		r.settle(extensions.HandleDeadline - time.Second)
		require.Zero(t, r.dev.Status().Counters.Hangs, "it has its time")
		r.settle(2 * time.Second)
		talk.Expect("the hub is told", hubtest.Event("extensions", "geo:error"))
		talk.Expect("and that it is back", hubtest.Event("extensions", "geo:attached"))
		require.Equal(t, 1, r.happened(actors.EventExtensionHung))
		require.Equal(t, "geo", r.last(actors.EventExtensionHung).Name)
		s := r.dev.Status()
		require.EqualValues(t, 1, s.Counters.Hangs)
		require.Equal(t, 1, s.Counters.Abandoned)
		require.Contains(t, s.ExtensionProblems["geo"], `Handle of message "location:request"`)
		require.Equal(t, 2, p.made(), "a fresh incarnation")
		require.Equal(t, []string{"geo", "health"}, s.Extensions)
		require.Equal(t, []string{"geo", "health"}, r.seen.Snapshot().Attached)

		for range 3 { // hubtest asks at each attach, so that the others hang, too
			r.settle(extensions.HandleDeadline)
		}
		r.settle(time.Second)
		require.EqualValues(t, 4, r.dev.Status().Counters.Hangs)
		require.Equal(t, 4, r.dev.Status().Counters.Abandoned)
		require.Equal(t, 1, r.happened(actors.EventExtensionQuarantined))
		require.Equal(t, []string{"health"}, r.dev.Status().Extensions)
		require.Equal(t, []string{"health"}, r.seen.Snapshot().Attached, "detached with error")
		require.Equal(t, 4, p.made())
		r.gaveUp = nil
		talk.ExpectSameSocket("an extension never costs the link")

		close(release)
		r.settle(time.Second)
		require.Zero(t, r.dev.Status().Counters.Abandoned, "all have returned")
	})
}

// A Handle that hangs within its own, longer deadline is quarantined by the same rule.
func TestADeadlineOfItsOwn(t *testing.T) {
	var release chan struct{}
	probing(t, func(r *rig, p *probe) {
		release = make(chan struct{})
		p.handle = func(extensions.Host, extensions.Event) error { <-release; return nil }
		r.cfg.Extensions[1].Deadline = time.Minute
	}, func(r *rig, _ *probe) {
		r.settle(58 * time.Second)
		require.Zero(t, r.dev.Status().Counters.Hangs)
		r.settle(4 * time.Minute)
		require.EqualValues(t, 4, r.dev.Status().Counters.Hangs)
		require.Equal(t, []string{"health"}, r.dev.Status().Extensions)
		require.Len(t, r.gaveUp, 1)
		r.gaveUp = nil
		close(release)
	})
}

// clogged makes the sockets of a device stop taking bytes: while pass is full.
type clogged struct {
	transport.Dialer
	pass chan struct{}
}

type cloggedConn struct {
	transport.Conn
	d *clogged
}

func (d *clogged) Dial(ctx context.Context, req transport.Request) (transport.Conn, error) {
	conn, err := d.Dialer.Dial(ctx, req)
	if err != nil {
		return nil, err
	}
	return cloggedConn{conn, d}, nil
}

func (c cloggedConn) WriteMessage(k transport.Kind, p []byte) error {
	c.d.pass <- struct{}{}
	<-c.d.pass
	return c.Conn.WriteMessage(k, p)
}

func TestPushesWaitForASlowSocket(t *testing.T) {
	var socket *clogged
	probing(t, func(r *rig, _ *probe) {
		socket = &clogged{Dialer: r.cfg.Hub.Dialer, pass: make(chan struct{}, 1)}
		r.cfg.Hub.Dialer = socket
	}, func(r *rig, p *probe) {
		reading := map[string]int{"value": 1}
		socket.pass <- struct{}{}
		taken := 0
		for p.host().Push("reading", reading) == nil {
			taken++
			require.Less(t, taken, 1000, "pushes are bounded")
		}
		require.ErrorIs(t, p.host().Push("reading", reading), extensions.ErrBusy)

		ctx, cancel := context.WithTimeout(r.t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, p.host().PushContext(ctx, "reading", reading), context.DeadlineExceeded)
		waited := make(chan error, 1)
		p.host().Go("wait for the socket", func(ctx context.Context) error {
			waited <- p.host().PushContext(ctx, "reading", reading)
			return nil
		})
		r.settle(time.Millisecond)
		require.Empty(t, waited)

		<-socket.pass
		require.NoError(t, <-waited)
		r.settle(time.Second)
		require.Equal(t, taken+1, count(r, hubtest.Event("extensions", "geo:reading")))
		for range 500 { // a socket that takes bytes does not slow it down for good
			require.NoError(t, p.host().PushContext(r.t.Context(), "reading", reading))
		}
		require.NoError(t, r.seen.Extensions().Detach("geo"))
		r.settle(time.Second)
		require.ErrorIs(t, p.host().PushContext(r.t.Context(), "x", reading), extensions.ErrDetached)
	})
}

func TestNamedTimersOfAnExtension(t *testing.T) {
	probing(t, nil, func(r *rig, p *probe) {
		h := p.host()
		h.Timer("slow", 3*time.Second)
		h.Timer("fast", time.Second)
		h.Timer("never", time.Second)
		h.Timer("never", -1)
		h.Timer("slow", 2*time.Second)
		h.Wake(1500 * time.Millisecond)
		r.settle(time.Minute)
		require.Equal(t, "attached message location:request tick fast tick tick slow", p.heard())
	})
}

// An extension that no hub has heard of says so once, and is tried again at each join.
func TestAnExtensionThatTheHubDoesNotKnow(t *testing.T) {
	var log bytes.Buffer
	probing(t, func(r *rig, _ *probe) {
		r.cfg.Extensions[1].Name = "espresso"
		r.cfg.Logger = zerolog.New(zerolog.SyncWriter(&log))
	}, func(r *rig, p *probe) {
		for range 3 {
			require.Contains(t, r.dev.Status().ExtensionProblems["espresso"], "does not know it")
			require.NoError(t, r.seen.Net().Drop())
			r.settle(time.Minute)
		}
		require.Zero(t, p.made())
		require.Equal(t, []string{"health"}, r.dev.Status().Extensions)
		lines := strings.Split(log.String(), "\n")
		lines = slices.DeleteFunc(lines, func(l string) bool { return !strings.Contains(l, "espresso") })
		require.Len(t, lines, 1)
		require.Contains(t, lines[0], `"level":"info"`)
	})
}
