package actors

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/protocol"
)

// announce tells every channel where the stream stands.
func (c *connection) announce() {
	for t := range topics {
		c.tell(t)
	}
}

func (c *connection) tell(t topic) {
	core := &c.link.core
	_ = c.dev.topics[t].Send(
		linkState{gen: core.Gen(), up: core.Up(), tag: c.link.tags[t]},
	) // being restarted: it asks
}

func (c *connection) up(protocol.SocketEffect) {
	c.dev.board.count(func(n *Counters) { n.Sockets++ })
	c.announce()
}

func (c *connection) down(e protocol.SocketEffect) {
	c.dev.board.count(func(n *Counters) { n.Losses++ })
	c.dev.emit(Event{Kind: EventDisconnected, Err: e.Cause})
	c.log.Info().Err(e.Cause).Msg("socket lost")
	c.announce()
}

// waiting notes why there is no socket and when the next dial comes. The first failure of its kind
// is logged for people, its repetitions only for those who look closely.
func (c *connection) waiting(e protocol.SocketEffect) {
	d, kind := diagnosis{}, ""
	if e.Cause != nil {
		d, kind = diagnose(e.Cause, c.dev.cfg.Hub.Secret != nil), kindOf(e.Cause)
	}
	repeated := c.dev.board.waiting(d.what, kind, e.Until)
	level := zerolog.WarnLevel
	if repeated {
		level = zerolog.DebugLevel
	}
	line := c.log.WithLevel(level).Str("reason", d.what)
	if d.advice != "" {
		line = line.Str("advice", d.advice)
	}
	line.Dur("wait_ms", time.Until(e.Until)).Msg("not connected")
	c.dev.emit(Event{Kind: EventConnectFailed, Err: e.Cause, Detail: d.advice})
}
