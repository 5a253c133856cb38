package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/supervisor"
)

// Messages to a line. Lost ones are lost with the connection.
type (
	begin  struct{} // from itself: run the first callback
	tick   struct{} // from its timer
	inward struct { // from its reader
		data []byte
		text bool
	}
	lost   struct{ err error }   // from its reader: the last one
	push   struct{ data []byte } // from anywhere
	info   struct{ msg any }     // from anywhere
	finish struct {              // from anywhere
		code   int
		reason string
	}
)

// line is the actor of one connection: it feeds the session core and runs callbacks in its own
// turn, so they come one at a time.
type line struct {
	sess  *Session
	conn  transport.Conn
	core  fedecks.Session
	space chan struct{} // one token for each message of the device that was not handled
	timer supervisor.Timer
	armed time.Time

	settled bool  // the device has the answer to its request
	early   []any // pushes and notes that wait for that; they count among what may wait
}

func newLine(sess *Session, conn transport.Conn) *line {
	cfg := sess.srv.cfg
	return &line{
		sess: sess, conn: conn, space: make(chan struct{}, cfg.Limits.Inbox),
		core: fedecks.NewSession(
			fedecks.SessionConfig{Refresh: cfg.Refresh, Ping: cfg.Limits.Ping, Codec: cfg.Codec},
		),
	}
}

// Init enters the registry, sends older connections of the device away, and starts to read.
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
	ctx.After(settleWithin, settle{})
	l.listen(ctx)
	return nil
}

// Receive handles one message.
func (l *line) Receive(ctx *supervisor.Ctx, msg any) error {
	switch m := msg.(type) {
	case begin:
		return l.step(ctx, fedecks.SessionInput{Kind: fedecks.SessionStart})
	case tick:
		l.armed = time.Time{}
		return l.step(ctx, fedecks.SessionInput{})
	case inward:
		defer func() { <-l.space }()
		if err := l.settle(ctx); err != nil {
			return err
		}
		return l.step(ctx, fedecks.SessionInput{
			Kind: fedecks.SessionReceived, Data: m.data,
			Text: m.text,
		})
	case push, info:
		return l.deliver(ctx, m)
	case settle:
		return l.settle(ctx)
	case finish:
		if err := l.settle(ctx); err != nil {
			return err
		}
		return l.step(ctx, fedecks.SessionInput{
			Kind: fedecks.SessionStop, Code: m.code,
			Reason: m.reason,
		})
	case lost:
		return l.ended(ctx, m.err)
	default:
		return ctx.Unexpected(msg)
	}
}

// Terminate leaves the registry and closes the connection: politely when the server stops, with
// 1011 after a crash.
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

// listen starts the goroutine that moves what the device sends next to the actor. It ends with
// that, with the connection or with the actor, and another one waits for more (transport.Receive).
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
			_ = self.Send(lost{err: err}) // an actor that has ended knows
		}
		return nil
	})
}

func (l *line) ended(ctx *supervisor.Ctx, err error) error {
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		_ = l.conn.Close(protocol.CloseNormal, "idle")
	}
	l.sess.srv.log.Debug().Str("device", l.sess.device).Err(err).Msg("connection ended")
	if err := l.step(ctx, fedecks.SessionInput{Kind: fedecks.SessionLost}); err != nil {
		return err
	}
	return supervisor.ErrNormal
}

// step feeds the core and carries out what it wants, which may bring further inputs.
func (l *line) step(ctx *supervisor.Ctx, in fedecks.SessionInput) error {
	for _, e := range l.core.Step(time.Now(), in, nil) {
		if err := l.apply(ctx, e); err != nil {
			return err
		}
	}
	l.arm(ctx)
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
		srv := l.sess.srv
		token, err := srv.keys.Seal(rand.Reader, l.sess.device, srv.reg.signAt(l.sess), srv.cfg.Life)
		if err != nil {
			return err
		}
		if !srv.reg.trusted(l.sess) {
			return nil // its end is on the way
		}
		return l.step(ctx, fedecks.SessionInput{Kind: fedecks.SessionToken, Token: token})
	case fedecks.DoHandleIn:
		if h.HandleIn != nil {
			return l.answer(ctx)(h.HandleIn(ctx.Context(), l.sess, e.Term))
		}
	case fedecks.DoHandleRaw:
		if h.HandleRawIn != nil {
			return l.answer(ctx)(h.HandleRawIn(ctx.Context(), l.sess, e.Data))
		}
	case fedecks.DoSend:
		return l.write(e.Data)
	case fedecks.DoClose:
		_ = l.conn.Close(e.Code, e.Reason)
		return supervisor.ErrNormal
	case fedecks.DoPingDevice:
		if p, ok := l.conn.(transport.Pinger); ok {
			_ = p.Ping(nil) // a failure ends the reading too
		}
	case fedecks.DoUnsendable:
		l.sess.srv.log.Error().
			Str("device", l.sess.device).
			Err(e.Cause).
			Msg("an answer cannot be sent, dropped")
	default:
		return fmt.Errorf("fedecks session: unknown effect %d", e.Kind)
	}
	return nil
}

func (l *line) inform(ctx *supervisor.Ctx, msg any) error {
	if l.sess.srv.cfg.Handler.HandleInfo == nil {
		return nil
	}
	return l.answer(ctx)(l.sess.srv.cfg.Handler.HandleInfo(ctx.Context(), l.sess, msg))
}

// answer takes what a callback has returned.
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

// write sends one message. After a failed write the reader ends and says why.
func (l *line) write(data []byte) error {
	err := l.conn.WriteMessage(transport.Binary, data)
	switch {
	case errors.Is(err, transport.ErrMessageTooBig):
		l.sess.srv.log.Error().
			Str("device", l.sess.device).
			Int("bytes", len(data)).
			Msg("a message is larger than Limits.Message, dropped")
	case err != nil:
		l.sess.srv.log.Debug().Str("device", l.sess.device).Err(err).Msg("write failed")
		_ = l.conn.Abort()
	}
	return nil
}

// arm keeps the timer at the core's deadline.
func (l *line) arm(ctx *supervisor.Ctx) {
	d := l.core.Deadline()
	if d.Equal(l.armed) {
		return
	}
	l.timer.Stop()
	if l.armed = d; !d.IsZero() {
		l.timer = ctx.After(max(0, time.Until(d)), tick{})
	}
}
