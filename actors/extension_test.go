package actors_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/extensions"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

// flaky crashes as often as it is told.
type flaky struct {
	host    extensions.Host
	crashes *atomic.Int32
}

func (f *flaky) Handle(e extensions.Event) error {
	if e.Kind == extensions.Message && f.crashes.Add(-1) >= 0 {
		return errors.New("the extension's bug")
	}
	if e.Kind == extensions.Message {
		return f.host.Push(
			"location:update",
			map[string]any{"latitude": 1.0, "longitude": 2.0, "source": "test"},
		)
	}
	return nil
}

func withFlaky(crashes *atomic.Int32) func(*rig) {
	return func(r *rig) {
		r.cfg.Extensions = append(r.cfg.Extensions, extensions.Factory{
			Name: "geo", Versions: []string{"0.0.1"},
			New: func(h extensions.Host) (extensions.Extension, error) {
				return &flaky{host: h, crashes: crashes}, nil
			},
		})
	}
}

func TestExtensionCrashHurtsNobody(t *testing.T) {
	var crashes atomic.Int32
	inVirtualTime(t, withFlaky(&crashes), func(r *rig) {
		talk := r.seen.Converse(t)
		crashes.Store(3)
		for range 4 {
			require.NoError(t, r.seen.Channel("extensions").Push("geo:location:request", map[string]int{}))
			r.settle(time.Second)
		}
		talk.Expect("the fresh one answers", hubtest.Event("extensions", "geo:location:update"))
		talk.ExpectSameSocket("an extension never costs the link")
		require.Equal(t, []string{"geo", "health"}, r.dev.Status().Extensions)
	})
}

// The fourth crash within 30 s detaches the extension; the hub is told, and may attach it again.
func TestExtensionIsQuarantined(t *testing.T) {
	var crashes atomic.Int32
	inVirtualTime(t, withFlaky(&crashes), func(r *rig) {
		talk := r.seen.Converse(t)
		crashes.Store(4)
		for range 4 {
			require.NoError(t, r.seen.Channel("extensions").Push("geo:location:request", map[string]int{}))
			r.settle(time.Second)
		}
		talk.Expect("the hub is told", hubtest.Event("extensions", "geo:error"))
		require.Equal(t, 1, r.happened(actors.EventExtensionQuarantined))
		require.Equal(t, []string{"health"}, r.dev.Status().Extensions)
		require.Len(t, r.gaveUp, 1)
		r.gaveUp = nil

		require.NoError(t, r.seen.Extensions().Attach("geo"))
		talk.Expect("attached again", hubtest.Event("extensions", "geo:attached"))
		r.settle(time.Second)
		talk.Expect("and it works", hubtest.Event("extensions", "geo:location:update"))
		talk.ExpectSameSocket("an extension never costs the link")
	})
}

func TestDetachAndAttach(t *testing.T) {
	inVirtualTime(t, nil, func(r *rig) {
		talk := r.seen.Converse(t)
		require.NoError(t, r.seen.Extensions().Detach("health"))
		talk.Expect("says so", hubtest.Event("extensions", "health:detached"))
		r.settle(time.Second)
		require.Empty(t, r.dev.Status().Extensions)
		require.NoError(t, r.seen.Extensions().Attach("health"))
		talk.Expect("says so", hubtest.Event("extensions", "health:attached"))
		talk.Expect("the hub asks at once", hubtest.Event("extensions", "health:report"))
	})
}

// lingering takes its time to be detached.
type lingering struct{ flaky }

func (l *lingering) Handle(e extensions.Event) error {
	if e.Kind == extensions.Detached {
		<-time.After(300 * time.Millisecond)
	}
	return l.flaky.Handle(e)
}

// A hub that attaches an extension again while it is still being stopped gets it attached: what the
// hub was told is true.
func TestDetachAndAttachAtOnce(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.cfg.Extensions = append(r.cfg.Extensions, extensions.Factory{
			Name: "geo", Versions: []string{"0.0.1"},
			New: func(h extensions.Host) (extensions.Extension, error) {
				return &lingering{flaky{host: h, crashes: new(atomic.Int32)}}, nil
			},
		})
	}, func(r *rig) {
		for range 3 {
			require.NoError(t, r.seen.Extensions().Detach("geo"))
			require.NoError(t, r.seen.Extensions().Attach("geo"))
			require.NoError(t, r.seen.Extensions().Detach("geo"))
			r.settle(time.Millisecond)
			require.NoError(t, r.seen.Extensions().Attach("geo"))
		}
		r.settle(10 * time.Second)
		require.Equal(t, []string{"geo", "health"}, r.seen.Snapshot().Attached, "the hub")
		require.Equal(t, []string{"geo", "health"}, r.dev.Status().Extensions, "and the device")
		before := count(r, hubtest.Event("extensions", "geo:location:update"))
		require.NoError(t, r.seen.Channel("extensions").Push("geo:location:request", map[string]int{}))
		r.settle(time.Second)
		after := count(r, hubtest.Event("extensions", "geo:location:update"))
		require.Equal(t, before+1, after, "it works")

		require.NoError(t, r.seen.Extensions().Attach("geo"))
		require.NoError(t, r.seen.Extensions().Detach("geo"))
		r.settle(10 * time.Second)
		require.Equal(t, []string{"health"}, r.dev.Status().Extensions)
		tree, err := r.dev.Tree(r.t.Context())
		require.NoError(t, err)
		require.NotContains(t, tree.String(), "geo", "nothing of it runs")
	})
}

// ticking counts its ticks and gives its host away.
type ticking struct {
	flaky
	ticks *atomic.Int32
}

func (x *ticking) Handle(e extensions.Event) error {
	if e.Kind == extensions.Tick {
		x.ticks.Add(1)
		return nil
	}
	return x.flaky.Handle(e)
}

// A goroutine of an extension that has crashed does not wake its successor.
func TestWakeOfAnExtensionThatEnded(t *testing.T) {
	var crashes, ticks atomic.Int32
	var hosts []extensions.Host
	inVirtualTime(t, func(r *rig) {
		r.cfg.Extensions = append(r.cfg.Extensions, extensions.Factory{
			Name: "geo", Versions: []string{"0.0.1"},
			New: func(h extensions.Host) (extensions.Extension, error) {
				hosts = append(hosts, h)
				return &ticking{flaky{host: h, crashes: &crashes}, &ticks}, nil
			},
		})
	}, func(r *rig) {
		crashes.Store(1)
		require.NoError(t, r.seen.Channel("extensions").Push("geo:location:request", map[string]int{}))
		r.settle(time.Second)
		require.Len(t, hosts, 2)
		hosts[0].Wake(0)
		r.settle(time.Second)
		require.Zero(t, ticks.Load())
		hosts[1].Wake(0)
		r.settle(time.Second)
		require.EqualValues(t, 1, ticks.Load())
	})
}

// stuck hangs in its first message until the test lets it go.
type stuck struct{ release chan struct{} }

func (s stuck) Handle(e extensions.Event) error {
	if e.Kind == extensions.Message {
		<-s.release
	}
	return nil
}

// What a hub sends to an extension that hangs does not pile up.
func TestAnExtensionThatHangsIsBounded(t *testing.T) {
	release := make(chan struct{})
	inVirtualTime(t, func(r *rig) {
		release = make(chan struct{})
		r.cfg.Extensions = append(r.cfg.Extensions, extensions.Factory{
			Name: "geo", Versions: []string{"0.0.1"},
			New: func(extensions.Host) (extensions.Extension, error) { return stuck{release}, nil },
		})
	}, func(r *rig) {
		talk := r.seen.Converse(t)
		for range 1000 {
			require.NoError(t, r.seen.Channel("extensions").Push("geo:location:request", map[string]int{}))
			r.settle(time.Millisecond)
		}
		require.Greater(t, r.dev.Status().Counters.Dropped, uint64(700))
		require.NoError(t, r.seen.Extensions().CheckHealth())
		talk.ExpectLater("the others go on", hubtest.Event("extensions", "health:report"))
		talk.ExpectSameSocket("an extension never costs the link")
		close(release)
	})
}
