package actors_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/firmware/ramdev"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/hubtest"
	"github.com/hublink-go/hublink/protocol/transport"
)

// halfOpen is a stream in which bytes can get lost from some moment on, without an error at either
// end.
type halfOpen struct {
	net.Conn
	in, out *atomic.Bool // what is lost
	once    sync.Once
	done    chan struct{}
}

func (h *halfOpen) Read(p []byte) (int, error) {
	for {
		n, err := h.Conn.Read(p)
		switch {
		case !h.in.Load() || errors.Is(err, os.ErrDeadlineExceeded):
			return n, err
		case err != nil: // nor does it hear that the hub has closed
			<-h.done
			return 0, net.ErrClosed
		}
	}
}

func (h *halfOpen) Close() error {
	h.once.Do(func() { close(h.done) })
	return h.Conn.Close()
}

func (h *halfOpen) Write(p []byte) (int, error) {
	if h.out.Load() {
		return len(p), nil
	}
	return h.Conn.Write(p)
}

// A link over which nothing comes any more, in either direction or both, is found within two
// heartbeat periods, whenever it breaks.
func TestHalfOpenLinkIsFoundWithinTwoHeartbeats(t *testing.T) {
	const period = 30 * time.Second
	for name, lost := range map[string][2]bool{"from the hub": {true, false}, "to the hub": {
		false,
		true,
	}, "both ways": {true, true}} {
		for _, at := range []time.Duration{
			0, 7 * time.Second, 28 * time.Second,
			29*time.Second + 999*time.Millisecond,
		} {
			t.Run(fmt.Sprint(name, " after ", at), func(t *testing.T) {
				var in, out atomic.Bool
				inVirtualTime(t, func(r *rig) {
					d := *r.hub.Dialer().(*transport.PipeDialer) //nolint:forcetypeassert // in memory it is one
					d.Wrap = func(nc net.Conn) net.Conn {
						return &halfOpen{
							Conn: nc, in: &in, out: &out,
							done: make(chan struct{}),
						}
					}
					r.cfg.Hub.Dialer, r.cfg.Hub.Heartbeat = &d, period
				}, func(r *rig) {
					r.settle(10*period - time.Second + at)
					require.EqualValues(t, 1, r.dev.Status().Counters.Sockets)
					in.Store(lost[0])
					out.Store(lost[1])
					broken := time.Now()
					r.settle(2 * period)
					found := r.last(actors.EventDisconnected)
					require.ErrorIs(t, found.Err, protocol.ErrHeartbeatTimeout)
					require.LessOrEqual(t, found.Time.Sub(broken), 2*period)
					in.Store(false)
					out.Store(false)
					r.settle(30 * time.Second)
					require.Equal(t, actors.Connected, r.dev.Status().Connection)
					require.EqualValues(t, 2, r.dev.Status().Counters.Sockets)
				})
			})
		}
	}
}

// Whatever ends a socket, the device comes back: soon, but not at once; and spread out when the hub
// says that it restarts.
func TestEveryCloseHasItsRule(t *testing.T) {
	code := func(code int) func(*rig) error {
		return func(r *rig) error { return r.seen.Net().Close(code) }
	}
	for _, c := range []struct {
		cause     string
		end       func(*rig) error
		code      int // that the device sees
		low, high time.Duration
	}{
		{
			"the same device has connected again, or an operator says reconnect",
			func(r *rig) error { return r.seen.Net().Kick() }, 1001, time.Second, 2 * time.Second,
		},
		{
			"the same with an older Phoenix, or a node stops", code(1000), 1000, time.Second,
			2 * time.Second,
		},
		{"a node is being replaced", func(r *rig) error {
			return r.hub.Net().Drain(r.t.Context(), 10,
				time.Second)
		}, 1012, 0, 10 * time.Second},
		{"the hub has heard nothing for too long", code(1002), 1002, time.Second, 2 * time.Second},
		{"the hub cannot read a frame", code(1011), 1011, time.Second, 2 * time.Second},
		{"a text that is not UTF-8", code(1007), 1007, time.Second, 2 * time.Second},
		{"a message that is too long", code(1009), 1009, time.Second, 2 * time.Second},
		{"an unknown code", code(4321), 4321, time.Second, 2 * time.Second},
		{
			"a cut without a close frame", func(r *rig) error { return r.seen.Net().Drop() },
			1006, time.Second,
			2 * time.Second,
		},
	} {
		t.Run(fmt.Sprint(c.code, " ", c.cause), func(t *testing.T) {
			inVirtualTime(t, nil, func(r *rig) {
				r.settle(time.Hour)
				ended := time.Now()
				require.NoError(t, c.end(r))
				r.settle(0)
				lost := r.last(actors.EventDisconnected)
				var seen *transport.CloseError
				require.ErrorAs(t, lost.Err, &seen)
				require.Equal(t, c.code, seen.Code)
				status := r.dev.Status()
				require.Equal(t, actors.Disconnected, status.Connection)
				wait := status.NextDial.Sub(ended)
				require.GreaterOrEqual(t, wait, c.low)
				require.LessOrEqual(t, wait, c.high+100*time.Millisecond)
				r.settle(wait + time.Second)
				require.Equal(t, actors.Connected, r.dev.Status().Connection)
				require.Equal(t, 2, r.seen.Net().Sockets())
				require.Equal(t, 2, r.seen.Snapshot().Joins)
				require.Equal(t, 1, r.happened(actors.EventDisconnected))
			})
		})
	}
}

// Two machines with one identity, a cloned disk for instance, throw each other out for ever. They
// must not do it at full speed, and the operator must be told; when one of them goes, the other
// recovers.
func TestTwoDevicesWithOneIdentity(t *testing.T) {
	inVirtualTime(t, nil, func(r *rig) {
		slots := ramdev.New(running, 8<<20)
		cfg := r.cfg
		cfg.Name, cfg.OnEvent, cfg.Firmware = "clone", nil, actors.Firmware{
			Slots:   slots,
			Applier: slots,
			Journal: &ramJournal{},
			HTTP:    cfg.Firmware.HTTP,
		}
		clone, err := actors.New(cfg)
		require.NoError(t, err)
		require.NoError(t, clone.Start(r.t.Context()))
		r.settle(time.Hour)
		t.Logf(
			"sockets in an hour: %d of both; %d and %d dials",
			r.seen.Net().Sockets(),
			r.dev.Status().Counters.Dials,
			clone.Status().Counters.Dials,
		)
		require.Less(t, r.seen.Net().Sockets(), 250, "at full speed it would be 2,400")
		require.Less(t, r.dev.Status().Counters.Dials, uint64(130), "both hold back")
		require.Less(t, clone.Status().Counters.Dials, uint64(130), "both hold back")
		require.True(t, r.everFailedWith(protocol.ErrDuplicateIdentity), "it is said what is wrong")

		require.NoError(t, clone.Stop(r.t.Context()))
		r.settle(2 * time.Minute)
		require.Equal(t, actors.Connected, r.dev.Status().Connection, "alone again")
		dials := r.dev.Status().Counters.Dials
		r.settle(time.Hour)
		require.Equal(t, dials, r.dev.Status().Counters.Dials, "and undisturbed")
		lost := time.Now()
		require.NoError(t, r.seen.Net().Drop())
		require.NoError(t, r.seen.Wait(r.t.Context(), func(s hubtest.Snapshot) bool { return s.Online }))
		require.Less(t, time.Since(lost), 3*time.Second, "what was is forgotten")
	})
}
