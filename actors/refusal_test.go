package actors_test

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/protocol/hubtest"
	"github.com/hublink-go/hublink/protocol/transport"
)

// failsOnce is a dialer whose first dial fails.
type failsOnce struct {
	transport.Dialer
	err   error
	dials atomic.Int32
}

func (f *failsOnce) Dial(ctx context.Context, req transport.Request) (transport.Conn, error) {
	if f.dials.Add(1) == 1 {
		return nil, f.err
	}
	return f.Dialer.Dial(ctx, req)
}

// Every refusal is for now only: the device says what it was told and what a person can do, waits,
// and is let in at the next try.
func TestEveryRefusalHasItsRule(t *testing.T) {
	refuse := func(refusal hubtest.Refusal) func(*rig) {
		return func(r *rig) { r.hub.Door().Refuse(refusal) }
	}
	fail := func(phase transport.Phase, err error) func(*rig) {
		return func(r *rig) {
			r.cfg.Hub.Dialer = &failsOnce{
				Dialer: r.hub.Dialer(), err: &transport.PhaseError{
					Phase: phase, Target: "hub.example:443",
					Err: err,
				},
			}
		}
	}
	const soon = 2 * time.Second
	for name, c := range map[string]struct {
		refuse          func(*rig)
		problem, advice string
		low, high       time.Duration
	}{
		"401 with a reason": {
			refuse(hubtest.Refusal{Status: 401, Reason: "no certificate pair"}),
			"HTTP status 401: no certificate pair", "check key, secret and identifier", time.Second, soon,
		},
		"401 without": {
			refuse(hubtest.Refusal{Status: 401}), "HTTP status 401", "and the device's clock",
			time.Second, soon,
		},
		"403": {
			refuse(hubtest.Refusal{Status: 403}), "HTTP status 403",
			"this one is not for devices", time.Second, soon,
		},
		"400": {
			refuse(hubtest.Refusal{Status: 400}), "HTTP status 400",
			"this is not the device endpoint", time.Second, soon,
		},
		"301 that is not followed": {
			refuse(hubtest.Refusal{Status: 301, Location: "https://docs.example"}), "HTTP status 301",
			"this is not the device endpoint", time.Second, soon,
		},
		"503 with a reason": {
			refuse(hubtest.Refusal{Status: 503, Reason: "no platform"}),
			"HTTP status 503: no platform", "busy or down", time.Second, soon,
		},
		"503 with Retry-After": {
			refuse(hubtest.Refusal{Status: 503, RetryAfter: 40 * time.Second}), "HTTP status 503",
			"busy or down", 41 * time.Second, 42 * time.Second,
		},
		"429 for longer than is believed": {
			refuse(hubtest.Refusal{Status: 429, RetryAfter: 24 * time.Hour}), "HTTP status 429",
			"busy or down", 10 * time.Minute, 10*time.Minute + soon,
		},
		"502 of a proxy": {
			refuse(hubtest.Refusal{Status: 502}), "HTTP status 502",
			"a proxy in front of it", time.Second, soon,
		},
		"500": {
			refuse(hubtest.Refusal{Status: 500}), "HTTP status 500", "the hub's log",
			time.Second, soon,
		},
		"a name that does not resolve": {
			fail(transport.PhaseResolve, &net.DNSError{
				Err: "no such host", Name: "hub.example",
				IsNotFound: true,
			}),
			"no such host", "the device's DNS servers", time.Second, soon,
		},
		"nothing listens": {
			fail(transport.PhaseConnect, syscall.ECONNREFUSED), "connection refused",
			"whether the hub runs", time.Second, soon,
		},
		"no network": {
			fail(transport.PhaseConnect, syscall.ENETUNREACH), "network is unreachable",
			"check the device's network", time.Second, soon,
		},
		"cut before TLS, as above the rate limit": {
			fail(transport.PhaseTLS, io.EOF), "TLS handshake hub.example:443: EOF",
			"a hub that is busy cuts here", time.Second, soon,
		},
	} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, c.refuse, func(r *rig) {
				failed := r.last(actors.EventConnectFailed)
				require.Contains(t, failed.Detail, c.advice)
				require.Equal(t, 1, r.happened(actors.EventConnectFailed))
				status := r.dev.Status()
				require.Equal(t, actors.Disconnected, status.Connection)
				require.Contains(t, status.Problem, c.problem)
				wait := status.NextDial.Sub(r.born)
				require.GreaterOrEqual(t, wait, c.low)
				require.LessOrEqual(t, wait, c.high)
				r.settle(wait)
				require.Equal(t, actors.Connected, r.dev.Status().Connection)
				require.Empty(t, r.dev.Status().Problem)
				require.EqualValues(t, 2, r.dev.Status().Counters.Dials)
			})
		})
	}
}
