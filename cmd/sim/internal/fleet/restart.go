package fleet

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
)

// downFor is how long the hub is down when it restarts.
const downFor = 2 * time.Second

// outage tells the losses that a restart of the hub causes from all others.
type outage struct {
	begun, over atomic.Bool
	lost        atomic.Int64 // sockets
	refused     atomic.Int64 // dials
}

// took reports whether the outage is why a socket is lost, and counts it.
func (o *outage) took(err error) bool {
	var closed *transport.CloseError
	restarts := errors.As(err, &closed) && closed.Code == protocol.CloseServiceRestart
	if !o.begun.Load() || o.over.Load() && !restarts {
		return false
	}
	o.lost.Add(1)
	return true
}

// dialFailed reports whether err is of a failed dial, not of a lost socket.
func dialFailed(err error) bool {
	var phase *transport.PhaseError
	var refused *transport.RefusedError
	return errors.As(err, &phase) || errors.As(err, &refused)
}

// failed reports whether the outage is why a dial has failed, and counts it. A refused dial may be
// reported when the hub is back already.
func (o *outage) failed(err error) bool {
	if !o.begun.Load() || o.over.Load() && !errors.Is(err, syscall.ECONNREFUSED) {
		return false
	}
	o.refused.Add(1)
	return true
}

// restart lets the hub close every socket with 1012 and end, starts another one at the same
// address, and waits until all devices are back.
func (f *fleet) restart(ctx context.Context) (*Restart, error) {
	f.joins.Store(0)
	f.outage.begun.Store(true)
	began := time.Now()
	f.cfg.Print.Line("the hub restarts")
	if _, err := f.hub.ask(ctx, askRestart); err != nil {
		return nil, err
	}
	if err := f.hub.end(); err != nil {
		return nil, err
	}
	if !sleep(ctx, time.Until(began.Add(downFor))) {
		return nil, context.Cause(ctx)
	}
	_, address, _ := strings.Cut(f.hub.URL, "://")
	next, err := startHub(ctx, f.cfg.Hub(address))
	if err != nil {
		return nil, err
	}
	f.hub = next
	f.outage.over.Store(true)
	r := &Restart{DownS: round(time.Since(began).Seconds())}
	f.await(ctx, 2*backWithin)
	r.JoinedAgain = int(f.joins.Load())
	r.JoinedAgainS = round(time.Unix(0, f.lastJoin.Load()).Sub(began).Seconds())
	f.cfg.Print.Line("%d devices are back after %.1f s", r.JoinedAgain, r.JoinedAgainS)
	seen, err := f.hub.ask(ctx, askStats)
	if err != nil {
		return nil, err
	}
	r.storm(f.cfg.Devices, seen)
	r.SocketsLost, r.DialsRefused = int(f.outage.lost.Load()), int(f.outage.refused.Load())
	return r, nil
}
