package supervisor

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/rs/zerolog"
)

// level returns the level of an event in the log. A crash is a warning, because the supervisor
// repairs it. A crash loop and user code that does not return are errors, because an operator has
// to act.
func (e *Event) level() zerolog.Level {
	switch e.Kind {
	case EventGaveUp, EventAbandoned:
		return zerolog.ErrorLevel
	case EventTerminateFailed, EventUnexpected, EventNotACall:
		return zerolog.WarnLevel
	case EventExited:
		if !orderly(e.Reason) {
			return zerolog.WarnLevel
		}
	case EventStarted, EventRestarting, EventDropped:
	}
	return zerolog.DebugLevel
}

// log writes an event.
func (s *System) log(e Event) {
	line := s.opts.Logger.WithLevel(e.level())
	if !line.Enabled() {
		return
	}
	line = line.Str("actor", e.Path).Str("event", e.Kind.String()).Uint64("incarnation", e.Incarnation)
	if e.Reason != nil {
		line = line.Err(e.Reason)
	}
	if len(e.Stack) > 0 {
		line = line.Bytes("stack", e.Stack)
	}
	if e.Detail != "" {
		line = line.Str("detail", e.Detail)
	}
	if e.Count > 0 {
		line = line.Int("count", e.Count)
	}
	if e.Kind == EventRestarting {
		line = line.Int("restarts", e.Restarts).Dur("delay_ms", e.Delay)
	}
	line.Msg("supervision")
}

// logs reports whether the log has a line for some event of the kind.
func (s *System) logs(k EventKind) bool {
	e := Event{Kind: k, Reason: ErrKilled}
	return s.talks && s.opts.Logger.GetLevel() <= e.level()
}

// talks reports whether a logger writes at all.
func talks(log zerolog.Logger) bool {
	log = log.Sample(nil)
	e := log.Log()
	defer e.Discard()
	return e.Enabled()
}

// protoLogger makes protoactor log through a zerolog.Logger: below warnings everything is debug,
// and messages appear by their type.
func protoLogger(log zerolog.Logger) func(*actor.ActorSystem) *slog.Logger {
	return func(*actor.ActorSystem) *slog.Logger {
		return slog.New(discreet{zerolog.NewSlogHandler(log.With().Str("lib", "protoactor").Logger())})
	}
}

// discreet is a slog.Handler that shows a value by its type, unless it cannot be part of a message.
type discreet struct{ next slog.Handler }

// Enabled implements slog.Handler.
func (d discreet) Enabled(ctx context.Context, l slog.Level) bool {
	return d.next.Enabled(ctx, quiet(l))
}

// Handle implements slog.Handler.
func (d discreet) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, quiet(r.Level), r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(discreetly(a))
		return true
	})
	return d.next.Handle(ctx, out)
}

// WithAttrs implements slog.Handler.
func (d discreet) WithAttrs(attrs []slog.Attr) slog.Handler {
	shown := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		shown[i] = discreetly(a)
	}
	return discreet{d.next.WithAttrs(shown)}
}

// WithGroup implements slog.Handler.
func (d discreet) WithGroup(name string) slog.Handler { return discreet{d.next.WithGroup(name)} }

// quiet returns debug for info: an operator does not need what protoactor informs about.
func quiet(l slog.Level) slog.Level {
	if l < slog.LevelWarn {
		return slog.LevelDebug
	}
	return l
}

// discreetly returns a as discreet shows it.
func discreetly(a slog.Attr) slog.Attr {
	v := a.Value.Resolve().Any()
	switch v := v.(type) {
	case *actor.PID:
		return slog.String(a.Key, pidString(v))
	case bool, int64, uint64, float64:
		if a.Key != "message" && a.Key != "reason" {
			return a
		}
	case string:
		if a.Key == "id" || a.Key == "system" || a.Key == "lib" {
			return a
		}
	}
	return slog.String(a.Key+"_type", fmt.Sprintf("%T", v))
}

// pidString returns the name of a PID.
func pidString(p *actor.PID) string {
	if p == nil {
		return "none"
	}
	return p.Id
}
