package report

import (
	"io"
	"os"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// Bar shows how far something is: a bar on a terminal, else a line for every tenth. All methods may
// be called from any goroutine.
type Bar struct {
	print *Printer
	name  string
	bars  *mpb.Progress // nil: lines
	bar   *mpb.Bar

	mu   sync.Mutex
	said int // tenths
	over bool
}

// NewBar begins a bar. It must be ended.
func (p *Printer) NewBar(name string) *Bar {
	b := &Bar{print: p, name: name}
	if p != nil && !p.JSON && isTerminal(p.Out) {
		b.bars = mpb.New(mpb.WithOutput(p.Out), mpb.WithWidth(64))
		b.bar = b.bars.AddBar(
			100,
			mpb.PrependDecorators(decor.Name(name+" ")),
			mpb.AppendDecorators(decor.Percentage(decor.WC{W: 5}),
				decor.Elapsed(decor.ET_STYLE_GO, decor.WC{W: 6})),
		)
	}
	return b
}

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Set shows a percentage. Once ended it does nothing.
func (b *Bar) Set(percent int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.over:
	case b.bar != nil:
		b.bar.SetCurrent(int64(percent))
	case percent/10 > b.said:
		b.said = percent / 10
		b.print.Line("  %s %3d %%", b.name, percent)
	}
}

// End ends the bar where it is. It may be called twice.
func (b *Bar) End() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return
	}
	b.over = true
	if b.bar != nil {
		b.bar.Abort(false) // a bar that is full has ended by itself
		b.bars.Wait()
	}
}
