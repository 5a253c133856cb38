package agent

import (
	"io"
	"os"

	"github.com/rs/zerolog"
	"golang.org/x/term"

	"github.com/hublink-go/hublink/cmd/device/internal/config"
	"github.com/hublink-go/hublink/extensions"
	"github.com/hublink-go/hublink/extensions/logging"
)

// logs is the agent's log and, when the hub is to see it, the extension that sends it there.
type logs struct {
	logger    zerolog.Logger
	extension *extensions.Factory // nil: lines stay on the machine
}

// newLog writes to w, a whole line at a time, what log.level asks for, and to the hub what
// extensions.logging.level asks for.
func newLog(file *config.File, w io.Writer) logs {
	var out logs
	level := parseLevel(file.Log.Level)
	lines := zerolog.SyncWriter(format(file.Log.Format, w)) // many actors write
	local := &zerolog.FilteredLevelWriter{
		Writer: zerolog.LevelWriterAdapter{Writer: lines},
		Level:  level,
	}
	writers := []io.Writer{local}
	if file.Extensions.Logging.Enabled {
		sent := parseLevel(file.Extensions.Logging.Level)
		toHub, factory := logging.New(logging.Options{Level: sent})
		writers = append(writers, toHub)
		out.extension = &factory
		level = min(level, sent)
	}
	out.logger = zerolog.New(zerolog.MultiLevelWriter(writers...)).
		Level(level).
		With().
		Timestamp().
		Logger()
	return out
}

// parseLevel reads a level that the configuration has been checked for.
func parseLevel(name string) zerolog.Level {
	level, err := zerolog.ParseLevel(name)
	if err != nil || name == "" {
		return zerolog.InfoLevel
	}
	return level
}

// format is for people on a terminal and for machines elsewhere, if the configuration does not say.
func format(name string, w io.Writer) io.Writer {
	f, isFile := w.(*os.File)
	terminal := isFile && term.IsTerminal(int(f.Fd()))
	if name == "json" || name == "" && !terminal {
		return w
	}
	return zerolog.ConsoleWriter{Out: w, NoColor: !terminal}
}
