package logging

import (
	"cmp"
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"github.com/hublink-go/hublink/extensions"
)

// Versions of the logging extension of NervesHub that are spoken.
const (
	VersionBatched = "0.1.0" // up to 100 lines a message
	VersionSingle  = "0.0.1" // one line a message
)

// Limits of the hub: it drops what is beyond them without an answer.
const (
	batchMax = 100 // lines of a message
	// The hub's bucket refills with 5 messages a second and holds 10. Ours holds less, because
	// messages that were sent evenly may arrive bunched.
	messagesPerSecond = 5
	messagesBurst     = 8
)

// busyWait is how long lines wait for a socket that is slow.
const busyWait = time.Second

// batchBytes keeps messages far below the 8 MB that the hub's socket takes, so that lines do not
// hold up updates on slow links.
const batchBytes = 128 << 10

// Options say what is sent. The zero value sends everything from level debug.
type Options struct {
	Level zerolog.Level // lowest level that is sent; zero: debug
	// how long a line waits for others to share its message, where the hub takes batches; zero: 10 s
	Interval time.Duration
	Now      func() time.Time // the time of the lines; nil: time.Now
}

// New makes the Writer that takes lines and the factory of the extension "logging" that sends them.
// They belong together and to one agent.
func New(opts Options) (*Writer, extensions.Factory) {
	opts.Interval = cmp.Or(opts.Interval, 10*time.Second)
	if opts.Now == nil {
		opts.Now = time.Now
	}
	w := &Writer{level: opts.Level, now: opts.Now}
	bucket := rate.NewLimiter(messagesPerSecond, messagesBurst) // outlives restarts, as the hub's does
	return w, extensions.Factory{
		Name:     "logging",
		Versions: []string{VersionBatched, VersionSingle},
		New: func(host extensions.Host) (extensions.Extension, error) {
			return &extension{host: host, lines: w, bucket: bucket, interval: opts.Interval}, nil
		},
	}
}

// extension moves lines from the Writer to the hub. Writers only wake it; when to send is decided
// here, on its own goroutine.
type extension struct {
	host     extensions.Host
	lines    *Writer
	bucket   *rate.Limiter
	interval time.Duration
	version  string
	attached bool
}

// batch is the payload of logging:send, version 0.1.0. In 0.0.1 it is the line itself.
type batch struct {
	Lines []jsontext.Value `json:"lines"`
}

// Handle implements extensions.Extension.
func (x *extension) Handle(e extensions.Event) error {
	switch e.Kind {
	case extensions.Attached:
		x.attached, x.version = true, e.Version
		x.lines.listen(x.host)
		return x.send()
	case extensions.Detached:
		x.attached = false
		x.lines.listen(nil)
		x.host.Wake(-1)
	case extensions.Tick:
		if x.attached {
			return x.send()
		}
	case extensions.Message: // the hub asks for nothing in these versions
		x.lines.countUnknown()
	}
	return nil
}

// send pushes what is due and sets the timer for the rest. Without any line there is no timer: the
// next line wakes it.
func (x *extension) send() error {
	for {
		now := x.host.Now()
		wait, some := x.due(now)
		if !some {
			return nil
		}
		if wait > 0 {
			x.host.Wake(wait)
			// filled up meanwhile, and the writer's wake was replaced just now
			if again, _ := x.due(now); again == 0 {
				x.host.Wake(0)
			}
			return nil
		}
		if wait := x.token(now); wait > 0 {
			x.host.Wake(wait)
			return nil
		}
		switch err := x.push(); {
		case err == nil:
		case errors.Is(err, extensions.ErrDetached):
			return nil // the lines stay; Attached comes when the connection is back
		case errors.Is(err, extensions.ErrBusy):
			x.host.Wake(busyWait) // the lines stay
			return nil
		default:
			return err
		}
	}
}

// due returns how long the lines still wait for others to share their message; false means that no
// line waits.
func (x *extension) due(now time.Time) (time.Duration, bool) {
	n, oldest := x.lines.waiting()
	if n == 0 || n >= batchMax || x.version == VersionSingle {
		return 0, n > 0
	}
	left := x.interval - now.Sub(oldest)
	return min(max(left, 0), x.interval), true // between the two even when the clock was set meanwhile
}

// token takes a message from the bucket and returns 0, or returns how long the bucket stays empty.
func (x *extension) token(now time.Time) time.Duration {
	r := x.bucket.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// push hands one message over, and only then forgets its lines.
func (x *extension) push() error {
	lines, m := x.lines.peek(x.maxLines())
	if len(lines) == 0 {
		return nil
	}
	var err error
	if x.version == VersionSingle {
		err = x.host.Push("send", lines[0])
	} else {
		err = x.host.Push("send", batch{Lines: lines})
	}
	if err == nil {
		x.lines.forget(m)
	}
	return err
}

func (x *extension) maxLines() int {
	if x.version == VersionSingle {
		return 1
	}
	return batchMax
}
