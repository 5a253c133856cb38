package hubtest

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxScreen bounds the kept output of a shell, in bytes (NervesHub: 1024 lines).
const maxScreen = 64 << 10

// screen is the end of the output of a shell.
type screen struct {
	text  []byte
	total int64 // bytes since the start
}

func (s *screen) add(text string) {
	s.total += int64(len(text))
	s.text = append(s.text, text[max(0, len(text)-maxScreen):]...)
	if over := len(s.text) - maxScreen; over > 0 {
		s.text = append(s.text[:0], s.text[over:]...)
	}
}

// since returns the output from a point on, as far as it is kept, and the point where it ends.
func (s *screen) since(from int64) (string, int64) {
	rest := s.text[max(0, min(int64(len(s.text)), int64(len(s.text))-(s.total-from))):]
	for len(rest) > 0 && !utf8.RuneStart(rest[0]) { // the limit has cut a character
		rest = rest[1:]
	}
	return string(rest), s.total
}

// said keeps the output of a shell; name is the console's topic or the extension's name.
func (d *state) said(name string, payload jsontext.Value) bool {
	var p struct {
		Data jsontext.Value `json:"data"`
	}
	if !decode(payload, &p) {
		return false
	}
	data, ok := text(p.Data)
	if !ok {
		return false
	}
	if d.screens == nil {
		d.screens = make(map[string]*screen)
	}
	if d.screens[name] == nil {
		d.screens[name] = new(screen)
	}
	d.screens[name].add(data)
	return true
}

// Shell is an operator's side of a shell on a device: its console, or the extension local_shell.
// The hub keeps the last 64 KiB of the output over all sockets.
type Shell struct {
	dev  *Device
	name string
}

// Type sends keystrokes; a line ends with \r.
func (s Shell) Type(keys string) error {
	if s.name == topicConsole {
		return s.dev.Channel(topicConsole).Push("dn", map[string]string{"data": keys})
	}
	return s.dev.Extensions().Push(s.name, "shell_input", map[string]string{"data": keys})
}

// Resize sends the size of the operator's window.
func (s Shell) Resize(rows, columns int) error {
	if s.name == topicConsole {
		return s.dev.Channel(topicConsole).Push(
			"window_size", map[string]int{"height": rows, "width": columns})
	}
	return s.dev.Channel(topicExtensions).Push(s.name+":window_size",
		map[string]int{"rows": rows, "cols": columns},
	)
}

// Restart asks for a new shell; of the console only.
func (s Shell) Restart() error {
	if s.name != topicConsole {
		return fmt.Errorf("device %s: only the console can be restarted", s.dev.id)
	}
	return s.dev.Channel(topicConsole).Push("restart", nil)
}

// Output returns the output from a point on, as far as it is kept, and the point where it ends, for
// the next call. The first point is 0.
func (s Shell) Output(from int64) (text string, next int64) {
	s.dev.mu.Lock()
	defer s.dev.mu.Unlock()
	return s.output(from)
}

func (s Shell) output(from int64) (string, int64) {
	if sc := s.dev.state.screens[s.name]; sc != nil {
		return sc.since(from)
	}
	return "", 0
}

// WaitOutput waits until the output at or after a point contains a text.
func (s Shell) WaitOutput(ctx context.Context, from int64, wanted string) error {
	return s.dev.await(ctx, func() bool {
		said, next := s.output(from)
		return next > from && strings.Contains(said, wanted)
	})
}
