package fedecks

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/hublink-go/hublink/protocol/etf"
	"github.com/hublink-go/hublink/protocol/etf/erltext"
)

// maxText is how long a term may be that is typed, in bytes.
const maxText = 1 << 20

// Input is where terms are typed.
type Input struct {
	Reader io.Reader
	// a person sits there: the end of the input is the end of the run, and unfinished terms are
	// remarked upon
	Terminal bool
}

// typed is a term, or what was wrong with it.
type typed struct {
	device string // the receiver; empty: all devices
	term   etf.Term
	err    error
	hint   string // what to do next, for a person
}

// read starts to read terms. The channel is closed at the end of the input.
func (in Input) read(ctx context.Context, addressed bool) <-chan typed {
	out := make(chan typed)
	go func() { // ends with the input; touches nothing but it and the channel
		defer close(out)
		r := reader{addressed: addressed, terminal: in.Terminal}
		lines := bufio.NewScanner(in.Reader)
		lines.Buffer(nil, maxText)
		for lines.Scan() {
			for _, t := range r.line(lines.Text()) {
				select {
				case out <- t:
				case <-ctx.Done():
					return
				}
			}
		}
		last := r.close()
		if err := lines.Err(); err != nil { // a line that is too long, too
			last = append(last, typed{err: fmt.Errorf("read the input, which is over now: %w", err)})
		}
		for _, t := range last {
			select {
			case out <- t:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// reader makes terms of lines.
type reader struct {
	addressed bool // a term may have the id of a device before it
	terminal  bool
	device    string
	text      string // of an unfinished term
	why       error  // it is unfinished
}

// line takes one more line.
func (r *reader) line(line string) (all []typed) {
	if strings.TrimSpace(line) == "" { // ends a term whose closing quote is missing
		return r.close()
	}
	if r.text != "" {
		line = r.text + "\n" + line
	} else if r.device = ""; r.addressed {
		r.device, line = address(line)
	}
	r.text = line
	for {
		t, used, err := erltext.Parser{Limits: erltext.Limits{Bytes: maxText}}.Parse(r.text)
		switch {
		case errors.Is(err, erltext.ErrEmpty):
			r.text = ""
			return all
		case errors.Is(err, erltext.ErrIncomplete):
			if r.why = err; r.terminal {
				all = append(all, typed{hint: err.Error() + " so far (an empty line discards it)"})
			}
			return all
		case err != nil:
			r.text = ""
			return append(all, typed{err: err})
		}
		all = append(all, typed{device: r.device, term: t})
		r.text = r.text[used:]
	}
}

// close discards the unfinished term and reports why it is unfinished.
func (r *reader) close() []typed {
	if r.text == "" {
		return nil
	}
	r.text = ""
	return []typed{{err: r.why}}
}

// address takes the id of a device off a line. What a term can begin with is none, and a word that
// is all there is neither.
func address(line string) (device, rest string) {
	line = strings.TrimSpace(line)
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	if strings.ContainsAny(line[:1], "{[<\"'#$%") || strings.HasSuffix(word, ".") || rest == "" ||
		strings.ContainsAny(rest[:1], ".%") {
		return "", line
	}
	return word, rest
}
