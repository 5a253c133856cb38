package link

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/internal/board"
	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/protocol"
)

// announce tells every channel where the stream stands.
func (c *connection) announce() {
	for t := range message.Topics {
		c.tell(t)
	}
}

func (c *connection) tell(t message.Topic) {
	core := &c.link.core
	state := message.LinkState{Gen: core.Gen(), Up: core.Up(), Tag: uint64(c.link.taken[t])}
	_ = c.door.Topics[t].Send(state) // a channel that is being restarted asks
}

func (c *connection) up() {
	c.door.Board.Count(func(n *board.Counters) { n.Sockets++ })
	c.announce()
}

func (c *connection) down(e protocol.SocketEffect) {
	c.door.Board.Count(func(n *board.Counters) { n.Losses++ })
	c.door.Events.SocketLost(e.Cause)
	c.log.Info().Err(e.Cause).Msg("socket lost")
	c.announce()
}

// waiting notes why there is no socket and when the next dial comes. It logs the first failure of
// its kind as a warning and its repetitions for debugging.
func (c *connection) waiting(e protocol.SocketEffect) {
	d, kind := diagnosis{}, ""
	if e.Cause != nil {
		d, kind = diagnose(e.Cause, c.door.Hub.Secret != nil), kindOf(e.Cause)
	}
	repeated := c.door.Board.Waiting(d.what, kind, e.Until)
	level := zerolog.WarnLevel
	if repeated {
		level = zerolog.DebugLevel
	}
	line := c.log.WithLevel(level).Str("reason", d.what)
	if d.advice != "" {
		line = line.Str("advice", d.advice)
	}
	line.Dur("wait_ms", time.Until(e.Until)).Msg("not connected")
	c.door.Events.ConnectFailed(e.Cause, d.advice)
}
