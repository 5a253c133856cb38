package server

import (
	"time"

	"github.com/hublink-go/hublink/supervisor"
)

// settleWithin is how long nothing is sent to a device that has said nothing. Clients ask for a
// token as soon as they have the answer to their request, and those of the original give up when a
// message comes together with it.
const settleWithin = time.Second

// settle is a message to a line, from itself: the device has had time enough to say something.
type settle struct{}

// settle lets out what waited for it.
func (l *line) settle(ctx *supervisor.Ctx) error {
	early := l.early
	l.settled, l.early = true, nil
	for _, msg := range early {
		if err := l.deliver(ctx, msg); err != nil {
			return err
		}
	}
	return nil
}

// deliver handles a push or a note, when it is time to.
func (l *line) deliver(ctx *supervisor.Ctx, msg any) error {
	if !l.settled {
		l.early = append(l.early, msg)
		return nil
	}
	if p, ok := msg.(push); ok {
		l.sess.handled(int64(len(p.data)))
		return l.write(p.data)
	}
	l.sess.handled(0)
	return l.inform(ctx, msg.(info).msg)
}
