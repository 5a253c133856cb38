package server

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/fedecks/server/internal/cluster"
	"github.com/hublink-go/hublink/actors/internal/drive"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/supervisor"
)

// exchange is the actor between the registry and the other nodes. It drives the core of the
// cluster. Pushes, broadcasts and disconnects of other nodes go from the bus to the connections
// directly.
type exchange struct {
	srv   *Server
	core  *cluster.Core
	epoch int64
	leave func()
	timer drive.Timer
	odd   atomic.Bool // a message that cannot be read was logged at Warn
	log   zerolog.Logger
}

func newExchange(s *Server) *exchange {
	epoch := time.Now().UnixMicro()
	return &exchange{
		srv: s, epoch: epoch, log: s.log.With().Str("node", s.reg.node).Logger(),
		core: cluster.New(cluster.Config{
			Node: s.reg.node, Epoch: epoch, AllowAll: s.cfg.Duplicates == AllowBoth,
			Life: s.cfg.revocations(),
		}),
	}
}

// Init joins the bus and starts the core, which tells the other nodes the devices of this one.
func (x *exchange) Init(ctx *supervisor.Ctx) (err error) {
	self := ctx.Self()
	x.leave, err = x.srv.cfg.Cluster.Bus.Join(x.srv.reg.node, func(data []byte) { x.hear(self, data) })
	if err != nil {
		return fmt.Errorf("join the bus: %w", err)
	}
	x.step(ctx, cluster.Input{Kind: cluster.InStart})
	// what is lost with a crash is told again: the next incarnation attaches anew
	x.srv.reg.attach(func(msg any) { _ = self.Send(msg) })
	return nil
}

// hear takes a message from the bus, on a goroutine of the bus.
func (x *exchange) hear(self supervisor.Ref, data []byte) {
	m, err := cluster.Decode(data)
	if err != nil {
		level := zerolog.DebugLevel
		if !x.odd.Swap(true) {
			level = zerolog.WarnLevel
		}
		x.log.WithLevel(level).Err(err).
			Msg("a message on the bus cannot be read, dropped; check the versions of the nodes")
		return
	}
	s := x.srv
	switch m.Kind {
	case cluster.KindPush, cluster.KindBroadcast, cluster.KindDisconnect:
		if m.From != s.reg.node {
			s.carryOut(m)
		}
	default:
		_ = self.Send(heard{m})
	}
}

// Receive handles one message.
func (x *exchange) Receive(ctx *supervisor.Ctx, msg any) error {
	switch m := msg.(type) {
	case drive.Tick:
		x.step(ctx, cluster.Input{})
	case heard:
		x.step(ctx, cluster.Input{Kind: cluster.InReceived, Message: m.m})
	case local:
		x.step(ctx, cluster.Input{
			Kind: cluster.InLocal, Device: m.device, Entry: m.entry,
			Newest: m.newest,
		})
	case revoking:
		x.step(ctx, cluster.Input{Kind: cluster.InRevoked, Device: m.device, Time: m.until})
	default:
		return ctx.Unexpected(msg)
	}
	return nil
}

// Terminate tells the other nodes that this one stops, and leaves the bus.
func (x *exchange) Terminate(ctx *supervisor.Ctx, _ error) {
	x.srv.reg.detach()
	x.step(ctx, cluster.Input{Kind: cluster.InStop})
	x.leave()
}

// step feeds the core and carries out its effects.
func (x *exchange) step(ctx *supervisor.Ctx, in cluster.Input) {
	for _, e := range x.core.Step(time.Now(), in, nil) {
		x.apply(ctx, e)
	}
	x.timer.Arm(ctx, x.core.Deadline())
}

func (x *exchange) apply(ctx *supervisor.Ctx, e cluster.Effect) {
	reg := x.srv.reg
	switch e.Kind {
	case cluster.DoSend:
		err := x.srv.tell(e.Node, e.Message)
		switch {
		case errors.Is(err, ErrTooLarge):
			x.log.Error().Err(err).
				Msg("the bus refuses a message between nodes as too large; raise its limit to 64 KiB")
		case err != nil:
			// the bus itself logs that it is down
			x.log.Debug().Err(err).Msg("a message to other nodes is lost, the next beat heals it")
		}
	case cluster.DoStamp:
		reg.setStamp(e.Device, e.Newest, e.Time)
	case cluster.DoRemote:
		reg.setRemote(e.Node, e.Device, e.Entry)
	case cluster.DoReplace:
		for _, sess := range reg.upTo(e.Device, e.Newest) {
			sess.end(protocol.ClosePolicy, "replaced")
		}
	case cluster.DoRevoke:
		x.revoke(ctx, e)
	case cluster.DoNodeUp:
		reg.setNode(e.Node, true)
		x.log.Info().Str("other", e.Node).Msg("another node is connected")
	case cluster.DoNodeDown:
		reg.setNode(e.Node, false)
		if e.Bye {
			x.log.Info().Str("other", e.Node).Msg("another node has stopped")
		} else {
			x.log.Warn().Str("other", e.Node).
				Msg("another node is silent, its devices count as disconnected")
		}
	case cluster.DoConflict:
		x.log.Error().Msg("another node has the name of this one; configure a name of its own for each")
	}
}

// revoke closes connections whose tokens were revoked. A connection may have been given a token
// after the time that the other nodes know, so revoke tells them a later time.
func (x *exchange) revoke(ctx *supervisor.Ctx, e cluster.Effect) {
	closed := x.srv.reg.revoke(e.Device, e.Time)
	for _, sess := range closed {
		sess.end(protocol.ClosePolicy, "revoked")
	}
	if len(closed) > 0 {
		_ = ctx.Self().Send(revoking{device: e.Device})
	}
}

// tell sends m to the node named to, or to all other nodes when to is empty.
func (s *Server) tell(to string, m cluster.Message) error {
	if m.From == "" {
		m.From = s.reg.node
	}
	data, err := cluster.Encode(m)
	if err != nil {
		return err
	}
	if err := s.cfg.Cluster.Bus.Publish(to, data); err != nil {
		return fmt.Errorf("tell other nodes: %w", err)
	}
	return nil
}

// carryOut handles a message of another node that is for connections of this one.
func (s *Server) carryOut(m cluster.Message) {
	switch m.Kind {
	case cluster.KindPush:
		if err := s.deliver(m.Device, push{data: m.Data}); errors.Is(err, ErrBusy) {
			s.log.Debug().Str("device", m.Device).Str("other", m.From).
				Msg("a push of another node is dropped, too many messages wait for the device")
		}
	case cluster.KindBroadcast:
		s.spread(m.Topic, push{data: m.Data})
	case cluster.KindDisconnect:
		for _, sess := range s.reg.of(m.Device) {
			sess.end(m.Code, m.Reason)
		}
	}
}
