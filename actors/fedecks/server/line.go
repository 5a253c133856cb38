package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/hublink-go/hublink/actors/internal/drive"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/supervisor"
)

// Messages to a line. They are lost with the connection.
type (
	begin  struct{} // from itself: run ConnectionEstablished
	inward struct { // from its reader: a message of the device
		data []byte
		text bool
	}
	lost   struct{ err error }   // from its reader: the connection has ended; its last message
	push   struct{ data []byte } // from Session, any goroutine
	info   struct{ msg any }     // from Session, any goroutine
	finish struct {              // from Session and the exchange: close the connection
		code   int
		reason string
	}
)

// settleWithin is how long pushes and notes wait for the first message of the device; see
// fedecks.Session. The number is ours.
const settleWithin = time.Second

// line is the actor of one connection. It drives the session core and runs the callbacks in its own
// turn, so that they run one at a time.
type line struct {
	sess  *Session
	conn  transport.Conn
	core  fedecks.Session
	space chan struct{} // one token for each message of the device that was not handled
	timer drive.Timer
}

func newLine(sess *Session, conn transport.Conn) *line {
	cfg := &sess.srv.cfg
	return &line{
		sess: sess, conn: conn, space: make(chan struct{}, cfg.Limits.Inbox),
		core: fedecks.NewSession(fedecks.SessionConfig{
			Refresh: cfg.Refresh, Ping: cfg.Limits.Ping, Settle: settleWithin, Codec: cfg.Codec,
		}),
	}
}

// Init enters the registry, closes older connections of the device, and starts to read.
func (l *line) Init(ctx *supervisor.Ctx) error {
	older := l.sess.srv.reg.join(l.sess)
	if l.sess.srv.cfg.Duplicates != AllowBoth {
		for _, o := range older {
			o.end(protocol.ClosePolicy, "replaced")
		}
	}
	if !l.sess.srv.reg.trusted(l.sess) {
		l.sess.end(protocol.ClosePolicy, "revoked")
	}
	if err := ctx.Self().Send(begin{}); err != nil {
		return err
	}
	l.listen(ctx)
	return nil
}

// Receive handles one message.
func (l *line) Receive(ctx *supervisor.Ctx, msg any) error {
	switch m := msg.(type) {
	case begin:
		return l.step(ctx, fedecks.SessionInput{Kind: fedecks.SessionStart})
	case drive.Tick:
		return l.step(ctx, fedecks.SessionInput{})
	case inward:
		defer func() { <-l.space }()
		return l.step(ctx, fedecks.SessionInput{
			Kind: fedecks.SessionReceived, Data: m.data, Text: m.text,
		})
	case push:
		return l.step(ctx, fedecks.SessionInput{Kind: fedecks.SessionPush, Data: m.data})
	case info:
		return l.step(ctx, fedecks.SessionInput{Kind: fedecks.SessionNote, Note: m.msg})
	case finish:
		return l.step(ctx, fedecks.SessionInput{
			Kind: fedecks.SessionStop, Code: m.code, Reason: m.reason,
		})
	case lost:
		return l.ended(ctx, m.err)
	default:
		return ctx.Unexpected(msg)
	}
}

// Terminate leaves the registry and closes the connection: with code 1012 when the server stops,
// with 1011 after a crash.
func (l *line) Terminate(_ *supervisor.Ctx, reason error) {
	l.sess.srv.reg.leave(l.sess)
	switch {
	case errors.Is(reason, supervisor.ErrNormal):
	case errors.Is(reason, supervisor.ErrShutdown):
		_ = l.conn.Close(protocol.CloseServiceRestart, "server stops")
	default:
		_ = l.conn.Close(protocol.CloseInternalError, "")
	}
	_ = l.conn.Abort()
}

// listen starts a goroutine that passes the next messages of the device to the actor. The goroutine
// ends when none is left to read, and another one waits for more (transport.Receive). It also ends
// with the connection or the actor.
func (l *line) listen(ctx *supervisor.Ctx) {
	ctx.Go("read", func(c context.Context) error {
		self := ctx.Self()
		more, err := transport.Receive(l.conn, func(kind transport.Kind, data []byte) bool {
			select {
			case l.space <- struct{}{}:
			case <-c.Done():
				return false
			}
			_ = self.Send(inward{data: data, text: kind == transport.Text})
			return true
		})
		switch {
		case more:
			l.listen(ctx)
		case err != nil:
			_ = self.Send(lost{err: err}) // lost when the actor has ended
		}
		return nil
	})
}

// ended closes the connection after its reader has ended with err.
func (l *line) ended(ctx *supervisor.Ctx, err error) error {
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		_ = l.conn.Close(protocol.CloseNormal, "idle")
	}
	l.sess.srv.log.Debug().Str("device", l.sess.Device()).Err(err).Msg("connection ended")
	if err := l.step(ctx, fedecks.SessionInput{Kind: fedecks.SessionLost}); err != nil {
		return err
	}
	return supervisor.ErrNormal
}

// step feeds the core and carries out its effects. A callback among them feeds its answer to the
// core at once, before the effects behind it.
func (l *line) step(ctx *supervisor.Ctx, in fedecks.SessionInput) error {
	for _, e := range l.core.Step(time.Now(), in, nil) {
		if err := l.apply(ctx, e); err != nil {
			return err
		}
	}
	l.timer.Arm(ctx, l.core.Deadline())
	return nil
}

func (l *line) apply(ctx *supervisor.Ctx, e fedecks.SessionEffect) error {
	h := &l.sess.srv.cfg.Handler
	switch e.Kind {
	case fedecks.DoEstablished:
		if h.ConnectionEstablished != nil {
			return h.ConnectionEstablished(ctx.Context(), l.sess)
		}
	case fedecks.DoIssueToken:
		return l.issue(ctx)
	case fedecks.DoHandleIn:
		if h.HandleIn != nil {
			return l.answer(ctx)(h.HandleIn(ctx.Context(), l.sess, e.Term))
		}
	case fedecks.DoHandleRaw:
		if h.HandleRawIn != nil {
			return l.answer(ctx)(h.HandleRawIn(ctx.Context(), l.sess, e.Data))
		}
	case fedecks.DoHandleInfo:
		l.sess.handled(0)
		if h.HandleInfo != nil {
			return l.answer(ctx)(h.HandleInfo(ctx.Context(), l.sess, e.Note))
		}
	case fedecks.DoPush:
		l.sess.handled(int64(len(e.Data)))
		l.write(e.Data)
	case fedecks.DoSend:
		l.write(e.Data)
	case fedecks.DoClose:
		_ = l.conn.Close(e.Code, e.Reason)
		return supervisor.ErrNormal
	case fedecks.DoPingDevice:
		if p, ok := l.conn.(transport.Pinger); ok {
			_ = p.Ping(nil) // a failure ends the reader, which reports it
		}
	case fedecks.DoUnsendable:
		l.sess.srv.log.Error().Str("device", l.sess.Device()).Err(e.Cause).
			Msg("an answer of a callback cannot be sent, dropped")
	default:
		return fmt.Errorf("fedecks session: unknown effect %d", e.Kind)
	}
	return nil
}

// issue makes a token for the device. It does not send the token when the session was revoked
// meanwhile: the message that ends the session is on its way.
func (l *line) issue(ctx *supervisor.Ctx) error {
	srv := l.sess.srv
	token, err := srv.keys.Seal(rand.Reader, l.sess.Device(), srv.reg.signAt(l.sess), srv.cfg.Life)
	if err != nil {
		return err
	}
	if !srv.reg.trusted(l.sess) {
		return nil
	}
	return l.step(ctx, fedecks.SessionInput{Kind: fedecks.SessionToken, Token: token})
}

// answer returns a function that feeds the result of a callback to the core.
func (l *line) answer(ctx *supervisor.Ctx) func(a Answer, err error) error {
	return func(a Answer, err error) error {
		if err != nil {
			return fmt.Errorf("callback: %w", err)
		}
		if a == (Answer{}) {
			return nil
		}
		return l.step(ctx, fedecks.SessionInput{Kind: fedecks.SessionAnswered, Answer: a})
	}
}

// write sends one message. After a failed write the reader ends and reports why.
func (l *line) write(data []byte) {
	log := &l.sess.srv.log
	err := l.conn.WriteMessage(transport.Binary, data)
	switch {
	case errors.Is(err, transport.ErrMessageTooBig):
		log.Error().Str("device", l.sess.Device()).Int("bytes", len(data)).
			Msg("a message is larger than Limits.Message, dropped")
	case err != nil:
		log.Debug().Str("device", l.sess.Device()).Err(err).Msg("write failed, the connection is closed")
		_ = l.conn.Abort()
	}
}
