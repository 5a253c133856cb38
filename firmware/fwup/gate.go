package fwup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/hublink-go/hublink/firmware/fwfile"
)

// margin is how many bytes of a resource are held back until it was verified. fwup cannot finish a
// resource without its last byte; the rest is for programs that read ahead.
const margin = 4 << 10

// step is how much a Gate reads at a time.
const step = 32 << 10

// Spool keeps the bytes behind a held-back tail: an *os.File that was created for it, or nil for
// memory.
type Spool interface {
	io.Writer
	io.ReaderAt
}

// GateConfig says how a Gate judges an archive.
type GateConfig struct {
	// Options say which signatures are accepted.
	Options fwfile.Options
	// Tasks returns the tasks that fwup may choose, of which the first that is complete makes the
	// gate hold back. Nil means Candidates with the prefix "upgrade".
	Tasks func(*fwfile.Meta) []*fwfile.Task
	// Spool is called when what is held back has more than SpoolAt bytes; nil means that everything
	// is kept in memory.
	Spool func() (Spool, error)
	// SpoolAt is a number of bytes; zero means 1 MiB.
	SpoolAt int
}

// Gate hands out an archive while it verifies it. It is for one goroutine.
type Gate struct {
	cfg     GateConfig
	in      *fwfile.Reader
	pending bytes.Buffer // read from the source, not handed out; it begins at offset
	offset  int64
	free    int64 // bytes of the archive that may be handed out
	holding bool
	inside  bool // a resource was begun and not finished
	open    []*missing
	spool   Spool
	spooled int64
	scratch []byte
	// bypassed means that the archive is applied without the gate.
	bypassed bool
}

// missing is a task and the resources of it that have not been seen.
type missing struct{ resources map[string]bool }

// tee copies what is read from the source into the gate.
type tee struct {
	src io.Reader
	g   *Gate
}

func (t tee) Read(p []byte) (int, error) {
	n, err := t.src.Read(p)
	if keep := t.g.keep(p[:n]); keep != nil {
		return 0, keep
	}
	return n, err
}

// ErrNoTask means that the archive has no task of the name that is asked for.
var ErrNoTask = errors.New("the archive has no task that can be applied: " +
	"its configuration needs a task upgrade, or set another one")

// NewGate reads signature and meta.conf from src and verifies them. The errors are those of
// fwfile.NewReader and of src.
func NewGate(src io.Reader, cfg GateConfig) (*Gate, error) {
	if cfg.Tasks == nil {
		cfg.Tasks = func(m *fwfile.Meta) []*fwfile.Task { return Candidates(m, "upgrade") }
	}
	if cfg.SpoolAt == 0 {
		cfg.SpoolAt = 1 << 20
	}
	g := &Gate{cfg: cfg, scratch: make([]byte, step)}
	var err error
	if g.in, err = fwfile.NewReader(tee{src, g}, cfg.Options); err != nil {
		return nil, err
	}
	tasks := cfg.Tasks(g.in.Meta())
	if len(tasks) == 0 {
		return nil, ErrNoTask
	}
	for _, t := range tasks {
		m := &missing{resources: map[string]bool{}}
		for _, r := range t.OnResource {
			m.resources[r.Resource] = true
		}
		g.open = append(g.open, m)
		g.holding = g.holding || len(m.resources) == 0
	}
	if !g.holding {
		g.free = g.in.Offset()
	}
	return g, nil
}

// Candidates returns the tasks that fwup may choose for a name: those whose name begins with it,
// without those that only tell why none fits (their on-init calls error).
func Candidates(m *fwfile.Meta, prefix string) []*fwfile.Task {
	var tasks []*fwfile.Task
	for i := range m.Tasks {
		t := &m.Tasks[i]
		refuses := false
		for _, c := range t.OnInit {
			refuses = refuses || c.Name() == "error"
		}
		if strings.HasPrefix(t.Name, prefix) && !refuses {
			tasks = append(tasks, t)
		}
	}
	return tasks
}

// Archive returns the reader of the archive, for what meta.conf says and who signed it. Next and
// Read of it are the gate's.
func (g *Gate) Archive() *fwfile.Reader { return g.in }

// Bypass returns the reader of the archive for a caller that applies it by itself. The gate keeps
// nothing from then on and must not be used any more.
func (g *Gate) Bypass() *fwfile.Reader {
	g.bypassed, g.pending = true, bytes.Buffer{}
	return g.in
}

// Next returns the next bytes of the archive that may be given to fwup, valid until the next call.
// It returns io.EOF when the archive is complete and verified and only Tail is left; other errors
// mean that fwup must not get another byte.
func (g *Gate) Next() ([]byte, error) {
	for {
		if n := min(g.free-g.offset, int64(g.pending.Len()), step); n > 0 {
			g.offset += n
			return g.pending.Next(int(n)), nil
		}
		if err := g.advance(); err != nil {
			return nil, err
		}
	}
}

// advance reads on and lets go what was verified by that.
func (g *Gate) advance() error {
	if !g.inside {
		e, err := g.in.Next()
		if err != nil {
			return err // io.EOF: the archive is complete
		}
		g.inside = true
		g.see(e.Resource.Name)
		return nil
	}
	_, err := g.in.Read(g.scratch)
	switch {
	case err == nil:
		g.release(g.in.Offset() - margin)
	case errors.Is(err, io.EOF):
		g.inside = false
		g.holding = g.holding || g.complete()
		g.release(g.in.Offset())
	default:
		return err
	}
	return nil
}

// see notes that a resource has begun.
func (g *Gate) see(name string) {
	for _, m := range g.open {
		delete(m.resources, name)
	}
}

// complete reports whether a task has all of its resources.
func (g *Gate) complete() bool {
	for _, m := range g.open {
		if len(m.resources) == 0 {
			return true
		}
	}
	return false
}

// release lets the bytes before offset go, unless the gate holds back.
func (g *Gate) release(offset int64) {
	if !g.holding {
		g.free = max(g.free, offset)
	}
}

// keep stores bytes of the archive: in memory, and behind a tail that has grown in the spool.
func (g *Gate) keep(p []byte) error {
	if g.bypassed {
		return nil
	}
	if g.spool == nil && g.holding && g.cfg.Spool != nil &&
		g.pending.Len()+len(p) > g.cfg.SpoolAt {
		s, err := g.cfg.Spool()
		if err != nil {
			return fmt.Errorf("keep the end of the archive until all of it is verified: %w", err)
		}
		g.spool = s
	}
	if g.spool == nil {
		_, err := g.pending.Write(p)
		return err
	}
	n, err := g.spool.Write(p)
	g.spooled += int64(n)
	if err != nil {
		return fmt.Errorf("keep the end of the archive until all of it is verified: %w", err)
	}
	return nil
}

// Tail returns what was held back. Call it once, after Next has returned io.EOF.
func (g *Gate) Tail() io.Reader {
	if g.spool == nil {
		return &g.pending
	}
	return io.MultiReader(&g.pending, io.NewSectionReader(g.spool, 0, g.spooled))
}
