package format

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/hublink-go/hublink/firmware"
)

// Config says who takes which files.
type Config struct {
	Archive firmware.Applier // takes fwup archives; nil: they are refused
	Raw     firmware.Applier // takes images of a slot; nil: they are refused
	Slots   firmware.Slots   // flips to an image of a slot
}

// New makes an applier that looks at the first bytes of each file. Its stagings flip by themselves:
// for a raw image that is Slots.Flip.
func New(cfg Config) firmware.Applier { return &choice{cfg} }

type choice struct{ cfg Config }

// Releaser is an applier that can end the staging that a crash has left open. One that is not ends
// it in its Begin, which may never come if the next file is of another kind.
type Releaser interface{ Release() }

// Begin opens nothing: what is opened depends on the first bytes. It ends what a crash has left
// open.
func (c *choice) Begin(ctx context.Context, target firmware.Target) (firmware.Staging, error) {
	for _, a := range [...]firmware.Applier{c.cfg.Archive, c.cfg.Raw} {
		if r, ok := a.(Releaser); ok {
			r.Release()
		}
	}
	return &staging{cfg: &c.cfg, ctx: context.WithoutCancel(ctx), target: target}, nil
}

// staging waits for the first bytes, then is the one that takes them.
type staging struct {
	cfg    *Config
	ctx    context.Context //nolint:containedctx // that of Begin, for the Begin that follows
	target firmware.Target

	open  firmware.Staging // nil: it is not decided who takes the file
	head  []byte           // the first bytes, which came in pieces that are too short to decide
	ended bool
}

// errEnded is the error of a staging that was ended.
var errEnded = errors.New("the staging has ended")

// ReadAt reads what an earlier try has left in the slot. An archive leaves nothing, and neither
// does an image that is not taken; WriteAt will say why.
func (s *staging) ReadAt(p []byte, off int64) (int, error) {
	switch {
	case s.ended:
		return 0, errEnded
	case s.open != nil:
		return s.open.ReadAt(p, off)
	case s.cfg.Raw == nil || s.begin(s.cfg.Raw) != nil:
		return 0, io.EOF
	}
	return s.open.ReadAt(p, off)
}

// WriteAt decides by the first bytes who takes the file. Pieces that are too short for that are
// kept until the next one.
func (s *staging) WriteAt(p []byte, off int64) (int, error) {
	switch {
	case s.ended:
		return 0, errEnded
	case off > 0 && len(s.head) == 0: // the file goes on, or an image that is in the slot
		if s.open == nil {
			if err := s.choose(Raw); err != nil {
				return 0, err
			}
		}
		return s.open.WriteAt(p, off)
	case off == 0:
		s.head = s.head[:0]
	case off != int64(len(s.head)):
		return 0, fmt.Errorf("byte %d after byte %d: %w", off, len(s.head), firmware.ErrNotInOrder)
	}
	kept := len(s.head)
	if kept > 0 {
		p = append(s.head, p...)
	}
	kind := Detect(p[:min(len(p), Need)], s.target.Size)
	if kind == Raw && len(p) < Need && (s.target.Size == 0 || int64(len(p)) < s.target.Size) {
		s.head = append([]byte(nil), p...)
		return len(p) - kept, nil
	}
	s.head = nil
	if err := s.choose(kind); err != nil {
		return 0, err
	}
	n, err := s.open.WriteAt(p, 0)
	return max(n-kept, 0), err
}

// choose opens the staging for a file of a kind. A file that begins again at byte 0 may be another
// one than before.
func (s *staging) choose(kind Kind) error {
	applier := s.cfg.Raw
	switch kind {
	case Archive:
		applier = s.cfg.Archive
	case Raw:
	default:
		applier = nil
	}
	if applier == nil {
		return &KindError{kind}
	}
	if s.open != nil && (kind == Raw) == s.raw() {
		return nil
	}
	if s.open != nil {
		if err := s.open.Abort(); err != nil {
			return err
		}
		s.open = nil
	}
	return s.begin(applier)
}

// raw reports whether the open staging is one for images.
func (s *staging) raw() bool {
	_, flips := s.open.(firmware.Flipper)
	return !flips
}

func (s *staging) begin(a firmware.Applier) error {
	open, err := a.Begin(s.ctx, s.target)
	if err == nil {
		s.open = open
	}
	return err
}

// Sync makes what was written survive a power cut; first bytes that are kept were not written.
func (s *staging) Sync() error {
	switch {
	case s.ended:
		return errEnded
	case s.open == nil:
		return nil
	}
	return s.open.Sync()
}

// Finish decides about a file that is shorter than the first bytes are.
func (s *staging) Finish(ctx context.Context) error {
	if s.ended {
		return errEnded
	}
	if head := s.head; len(head) > 0 {
		s.head = nil
		if err := s.choose(Detect(head, int64(len(head)))); err != nil {
			return err
		}
		if _, err := s.open.WriteAt(head, 0); err != nil {
			return err
		}
	}
	if s.open == nil { // an empty file
		return &KindError{Raw}
	}
	return s.open.Finish(ctx)
}

// Flip has an archive's applier flip, or flips to the image.
func (s *staging) Flip(ctx context.Context) error {
	if s.ended || s.open == nil {
		return errEnded
	}
	s.ended = true
	if f, ok := s.open.(firmware.Flipper); ok {
		return f.Flip(ctx)
	}
	return s.cfg.Slots.Flip(ctx, s.target)
}

func (s *staging) Abort() error {
	if s.ended || s.open == nil {
		s.ended = true
		return nil
	}
	s.ended = true
	return s.open.Abort()
}
