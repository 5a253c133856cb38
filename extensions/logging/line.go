package logging

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/rs/zerolog"
)

// Limits of one line, in bytes. A message is cut, a field beyond the limits is left out.
const (
	messageMax = 4 << 10
	valueMax   = 512
	keyMax     = 64
	fieldsMax  = 32
	depthMax   = 8       // of nested fields
	inputMax   = 1 << 20 // longer ones are not parsed
)

// masked replaces the value of a field that is named like a secret.
const masked = "[masked]"

// secretNames are parts of the names of fields that must not leave the device, in lower case
// without separators.
var secretNames = []string{
	"token", "secret", "password", "passwd", "passphrase", "authorization", "signature", "cookie",
	"credential", "apikey", "privatekey",
}

// line is one log line on its way from zerolog's JSON to the hub's.
type line struct {
	level   zerolog.Level
	message string
	meta    map[string]string
	own     bool // it is about the sending of lines
}

// parse reads a line as zerolog writes it. A line that is not JSON becomes the message, except for
// broken JSON, whose fields could not be masked. level is the logger's, or NoLevel.
func parse(level zerolog.Level, p []byte) line {
	l := line{level: level, meta: map[string]string{}}
	p = bytes.TrimSpace(p)
	if !bytes.HasPrefix(p, []byte("{")) {
		l.message = string(p[:min(len(p), messageMax)])
	} else if len(p) > inputMax || l.fields(p) != nil {
		l = line{level: level, message: "unreadable line of " + strconv.Itoa(len(p)) + " bytes"}
	}
	if l.level == zerolog.NoLevel {
		l.level = zerolog.InfoLevel
	}
	l.message = tidy(l.message, messageMax)
	if l.message == "" {
		l.message = l.meta[zerolog.ErrorFieldName]
	}
	if l.message == "" {
		l.message = "-" // the hub wants one
	}
	return l
}

func (l *line) fields(p []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(p), jsontext.AllowInvalidUTF8(true),
		jsontext.AllowDuplicateNames(true))
	if err := l.walk(d, "", 0); err != nil {
		return err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}

// walk reads one value; the fields of an object and the elements of a list become fields
// "outer.inner".
func (l *line) walk(d *jsontext.Decoder, path string, depth int) error {
	kind := d.PeekKind()
	if kind != '{' && kind != '[' {
		token, err := d.ReadToken()
		if err != nil {
			return err
		}
		l.set(path, token.String())
		return nil
	}
	if depth == depthMax || secret(path) {
		l.set(path, "...")
		return d.SkipValue()
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for i := 0; d.PeekKind() != '}' && d.PeekKind() != ']'; i++ {
		name := strconv.Itoa(i)
		if kind == '{' {
			token, err := d.ReadToken()
			if err != nil {
				return err
			}
			name = token.String()
		}
		if path != "" {
			name = path + "." + name
		}
		if err := l.walk(d, name, depth+1); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// set takes one field: the level, the message, or meta.
func (l *line) set(name, value string) {
	switch name {
	case zerolog.LevelFieldName:
		if level, err := zerolog.ParseLevel(value); err == nil && l.level == zerolog.NoLevel {
			l.level = level
		}
		return
	case zerolog.MessageFieldName:
		l.message = value
		return
	case zerolog.TimestampFieldName, "time": // the hub's own field, set when the line is encoded
		return
	case "event":
		l.own = l.own || strings.HasPrefix(value, "logging:")
	case "extension", "actor":
		l.own = l.own || value == "logging" || value == "extension/logging"
	}
	if len(name) > keyMax || len(l.meta) == fieldsMax {
		return
	}
	if secret(name) {
		value = masked
	}
	l.meta[tidy(name, keyMax)] = tidy(value, valueMax)
}

// secret reports whether a field of this name, or any field around it, may hold a secret.
func secret(name string) bool {
	name = strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(name))
	for _, part := range secretNames {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// encode returns the line as the hub reads it. Without meta.time, microseconds since 1970 as a
// string, the hub drops it silently.
func (l line) encode(at time.Time) jsontext.Value {
	meta := make(map[string]string, len(l.meta)+1)
	maps.Copy(meta, l.meta)
	meta["time"] = strconv.FormatInt(at.UnixMicro(), 10)
	// Cannot fail: strings and maps of strings, all valid UTF-8.
	data, _ := json.Marshal(struct {
		Level   string            `json:"level"`
		Message string            `json:"message"`
		Meta    map[string]string `json:"meta"`
	}{hubLevel(l.level), l.message, meta}, json.Deterministic(true))
	return data
}

// hubLevel names a level in the hub's words, which are those of syslog.
func hubLevel(level zerolog.Level) string {
	switch level {
	case zerolog.TraceLevel, zerolog.DebugLevel:
		return "debug"
	case zerolog.WarnLevel:
		return "warning"
	case zerolog.ErrorLevel:
		return "error"
	case zerolog.FatalLevel:
		return "critical"
	case zerolog.PanicLevel:
		return "emergency"
	default:
		return "info"
	}
}

// tidy returns text as the hub's database takes it: valid UTF-8, no NUL, at most limit bytes, cut
// between runes.
func tidy(text string, limit int) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "")
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
