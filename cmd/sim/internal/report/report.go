package report

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// Printer writes to one output. With JSON set it keeps to a JSON object in the last line and leaves
// out what is for people. A nil Printer prints nothing. All methods may be called from any
// goroutine.
type Printer struct {
	Out  io.Writer
	JSON bool
	mu   sync.Mutex
}

// Line prints one line for people.
func (p *Printer) Line(format string, args ...any) {
	if p != nil && !p.JSON {
		p.mu.Lock()
		defer p.mu.Unlock()
		fmt.Fprintf(p.Out, format+"\n", args...)
	}
}

// Result prints the result as the last line.
func (p *Printer) Result(v any) error {
	if p == nil || !p.JSON {
		return nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err = fmt.Fprintf(p.Out, "%s\n", data)
	return err
}
