package link

import (
	"errors"
	"fmt"
	"time"

	"github.com/hublink-go/hublink/actors/internal/board"
	"github.com/hublink-go/hublink/actors/internal/buffer"
	"github.com/hublink-go/hublink/actors/internal/dialplan"
	"github.com/hublink-go/hublink/actors/internal/drive"
	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/supervisor"
)

// framesPerTurn is how many frames one turn of the actor handles before it lets others run.
const framesPerTurn = 16

const linkKey = "link"

// adopted: from connection to itself, first message after a crash. Never lost alone.
type adopted struct{}

// writes are the buffers that messages are encoded into.
var writes = buffer.Pool{Size: 1024}

// New makes an incarnation of connection.
func New(door *Door, h supervisor.Heir) supervisor.Behavior {
	c := &connection{door: door, log: door.Log("connection")}
	if kept, ok := h.Take(linkKey); ok {
		c.link, _ = kept.(*link)
	}
	return c
}

// Init adopts the link of the previous incarnation, or begins with a new one.
func (c *connection) Init(ctx *supervisor.Ctx) error {
	if c.link == nil {
		c.link = c.door.newLink()
		ctx.Keep(linkKey, c.link)
		return c.step(ctx, protocol.SocketInput{Kind: protocol.SocketStart})
	}
	ctx.Keep(linkKey, c.link)
	if c.link.writing { // how much of the frame went out is unknown: this socket cannot be used
		_ = c.link.conn.Abort()
		c.link.writing = false
	}
	return ctx.Self().Send(adopted{})
}

// Receive handles one message; see the table in package actors.
func (c *connection) Receive(ctx *supervisor.Ctx, msg any) error {
	switch m := msg.(type) {
	case wake:
		return c.turn(ctx)
	case drive.Tick:
		c.await(ctx, dialplan.NetworkTick, nil)
		return c.step(ctx, protocol.SocketInput{})
	case probed:
		c.probed(ctx, m)
		return nil
	case adopted:
		return c.adopt(ctx)
	case message.Transmit:
		return c.transmit(ctx, m)
	case message.AskLink:
		return c.answer(m)
	case message.DeviceJoined:
		c.door.Hub.Clock.accepted(ctx, c.log)
		return c.step(ctx, protocol.SocketInput{Kind: protocol.SocketJoined})
	case message.Reconnect:
		return c.step(ctx, protocol.SocketInput{Kind: protocol.SocketReconnect})
	case message.Hangup:
		return c.hangup(ctx)
	default:
		return ctx.Unexpected(msg)
	}
}

// Terminate closes the socket with a close frame when the device stops; after a crash the link goes
// to the heir untouched.
func (c *connection) Terminate(_ *supervisor.Ctx, reason error) {
	if c.link.conn != nil &&
		(errors.Is(reason, supervisor.ErrShutdown) || errors.Is(reason, supervisor.ErrNormal)) {
		_ = c.link.conn.Close(protocol.CloseNormal, "device stops")
	}
}

// adopt carries out what the previous incarnation had decided, then tells the channels where the
// stream stands.
func (c *connection) adopt(ctx *supervisor.Ctx) error {
	if err := c.run(ctx); err != nil {
		return err
	}
	if c.link.core.Dialing() && !c.link.dialed() {
		c.wantDial(ctx) // the goroutine that dialed ended with the incarnation that had started it
	}
	c.announce()
	return c.turn(ctx)
}

// turn takes what the dialer and the reader have left for the actor.
func (c *connection) turn(ctx *supervisor.Ctx) error {
	if d, ok := c.link.takeDial(); ok {
		if err := c.dialed(ctx, d); err != nil {
			return err
		}
	}
	for range framesPerTurn {
		f, ok, lost := c.link.next()
		switch {
		case ok:
			if err := c.received(ctx, f); err != nil {
				return err
			}
		case lost != nil:
			return c.lost(ctx, lost)
		default:
			return c.step(ctx, protocol.SocketInput{})
		}
	}
	return ctx.Self().Send(wake{})
}

func (c *connection) dialed(ctx *supervisor.Ctx, d dialed) error {
	c.link.plan.serializer = d.serializer
	if d.settled {
		c.log.Warn().Msg("the hub refuses MessagePack; using JSON until the agent starts again")
	}
	if d.err != nil {
		return c.step(ctx, c.dialFailed(ctx, d.err))
	}
	c.link.codec = d.codec
	c.link.open(d.conn, ctx.Self())
	c.door.Board.Serializer(serializerOf(d.codec))
	return c.step(ctx, protocol.SocketInput{Kind: protocol.SocketOpened})
}

// received decodes one frame. A frame that cannot be read is counted, never a reason to give the
// socket up.
func (c *connection) received(ctx *supervisor.Ctx, f frame) error {
	msg, err := c.link.codec.Decode(f.data, f.kind == transport.Binary)
	if err != nil {
		c.door.Board.Count(func(n *board.Counters) { n.BadFrames++ })
		c.log.Debug().Err(err).Int("bytes", len(f.data)).Msg("unreadable frame dropped")
		return nil
	}
	return c.step(ctx, protocol.SocketInput{Kind: protocol.SocketReceived, Msg: msg})
}

func (c *connection) lost(ctx *supervisor.Ctx, cause error) error {
	code := protocol.CloseAbnormal
	var ce *transport.CloseError
	if errors.As(cause, &ce) {
		code = ce.Code
	}
	_ = c.link.conn.Abort()
	c.link.drop()
	return c.step(ctx, protocol.SocketInput{Kind: protocol.SocketLost, Cause: cause, Code: code})
}

func (c *connection) transmit(ctx *supervisor.Ctx, m message.Transmit) error {
	if !c.link.taken[m.Topic].Take(m.Item) {
		return nil // the channel sent it again without need, or is about to send it in its order
	}
	in := protocol.SocketInput{Kind: protocol.SocketTransmit, Msg: m.Item.Msg, Tag: m.Item.Tag}
	return c.step(ctx, in)
}

// answer tells a channel that has just started where the stream stands. Its transmissions count
// from one again.
func (c *connection) answer(m message.AskLink) error {
	c.link.taken[m.Topic].Restart()
	c.tell(m.Topic)
	return nil
}

// hangup closes the socket after everything that was sent before has been written, and answers.
func (c *connection) hangup(ctx *supervisor.Ctx) error {
	err := c.step(ctx, protocol.SocketInput{Kind: protocol.SocketStop})
	ctx.Reply(message.HungUp{})
	return err
}

// step feeds the core a copy of itself and keeps the result only when the step came to its end, so
// that a crash in the middle leaves the link as it was.
func (c *connection) step(ctx *supervisor.Ctx, in protocol.SocketInput) error {
	core := c.link.core
	todo := core.Step(time.Now(), in, c.link.todo)
	c.link.core, c.link.todo = core, todo
	return c.run(ctx)
}

// run carries out what was decided, in order. An effect leaves the list before it is carried out:
// never twice.
func (c *connection) run(ctx *supervisor.Ctx) error {
	l := c.link
	for done := 0; ; done++ {
		ctx.Checkpoint("effect")
		if len(l.todo) == 0 {
			break
		}
		e := l.todo[0]
		l.todo = l.todo[1:]
		if err := c.apply(ctx, e); err != nil {
			return err
		}
	}
	l.todo = nil
	c.arm(ctx)
	return nil
}

func (c *connection) apply(ctx *supervisor.Ctx, e protocol.SocketEffect) error {
	switch e.Kind {
	case protocol.DoDial:
		c.wantDial(ctx)
	case protocol.DoSend:
		c.write(e.Msg)
	case protocol.DoSent:
		c.deliver(e.Msg.Topic, message.Sent{Tag: e.Tag, Ref: e.Msg.Ref})
	case protocol.DoDeliver:
		c.deliver(e.Msg.Topic, message.Delivered{Gen: c.link.core.Gen(), Msg: e.Msg})
	case protocol.DoHangup:
		c.closeConn(e.Code, e.Reason)
	case protocol.DoUp:
		c.up()
	case protocol.DoDown:
		c.down(e)
	case protocol.DoConfirm:
		c.deliver(message.TopicDevice.Name(), message.Confirmed{Ref: e.Msg.Ref})
	case protocol.DoWait:
		c.waiting(e)
	case protocol.DoDrop:
		c.door.Board.Count(func(n *board.Counters) { n.Dropped++ })
	default:
		return fmt.Errorf("connection: unknown effect %d", e.Kind)
	}
	return nil
}

// write sends one message with one Write. A failed write shows up at the reader, which reports the
// loss.
func (c *connection) write(m protocol.Message) {
	if c.link.conn == nil {
		return
	}
	buf := writes.Get()
	defer writes.Put(buf)
	data, err := c.link.codec.Append((*buf)[:0], m)
	if err != nil {
		c.log.Error().
			Err(err).
			Str("topic", m.Topic).
			Str("event", m.Event).
			Msg("message cannot be encoded, dropped")
		return
	}
	*buf = data
	kind := transport.Text
	if c.link.codec.Binary() || m.Binary {
		kind = transport.Binary
	}
	c.link.writing = true
	err = c.link.conn.WriteMessage(kind, data)
	c.link.writing = false
	if err != nil {
		c.log.Debug().Err(err).Str("event", m.Event).Msg("write failed")
		_ = c.link.conn.Abort()
	}
}

// closeConn closes in a goroutine of its own, because a peer that does not answer may take its
// time; the reader reports the end.
func (c *connection) closeConn(code int, reason string) {
	conn := c.link.conn
	if conn == nil {
		return
	}
	c.log.Debug().Int("code", code).Str("reason", reason).Msg("hanging up")
	go func() { _ = conn.Close(code, reason) }() // bounded by the transport's drain time
}

func (c *connection) deliver(topic string, msg any) {
	t, ok := message.TopicOf(topic)
	if !ok || c.door.Topics[t].Send(msg) != nil {
		c.door.Board.Count(func(n *board.Counters) { n.Dropped++ })
	}
}
