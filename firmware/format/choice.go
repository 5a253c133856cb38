package format

import (
	"context"
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

// Begin opens nothing: what is opened depends on the first bytes.
func (c *choice) Begin(ctx context.Context, target firmware.Target) (firmware.Staging, error) {
	return &staging{cfg: &c.cfg, ctx: context.WithoutCancel(ctx), target: target}, nil
}

// staging waits for the first bytes, then is the one that takes them.
type staging struct {
	cfg    *Config
	ctx    context.Context //nolint:containedctx // that of Begin, for the Begin that follows
	target firmware.Target
	open   firmware.Staging // nil: no byte has come
}

// ReadAt reads what an earlier try has left in the slot; an archive leaves nothing.
func (s *staging) ReadAt(p []byte, off int64) (int, error) {
	if s.open == nil {
		if s.cfg.Raw == nil {
			return 0, io.EOF
		}
		if err := s.begin(s.cfg.Raw); err != nil {
			return 0, err
		}
	}
	return s.open.ReadAt(p, off)
}

// WriteAt decides by the first bytes who takes the file.
func (s *staging) WriteAt(p []byte, off int64) (int, error) {
	if err := s.choose(p, off); err != nil {
		return 0, err
	}
	return s.open.WriteAt(p, off)
}

// choose opens the staging for a file whose bytes at off are p. A file that begins again at byte 0
// may be another one.
func (s *staging) choose(p []byte, off int64) error {
	if off > 0 && s.open != nil {
		return nil
	}
	kind := Raw // bytes in the middle go on with an image that is in the slot
	if off == 0 {
		kind = Detect(p[:min(len(p), Need)], s.target.Size)
	}
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

func (s *staging) Sync() error {
	if s.open == nil {
		return nil
	}
	return s.open.Sync()
}

func (s *staging) Finish(ctx context.Context) error {
	if s.open == nil { // an empty file
		return &KindError{Raw}
	}
	return s.open.Finish(ctx)
}

// Flip has an archive's applier flip, or flips to the image.
func (s *staging) Flip(ctx context.Context) error {
	if f, ok := s.open.(firmware.Flipper); ok {
		return f.Flip(ctx)
	}
	return s.cfg.Slots.Flip(ctx, s.target)
}

func (s *staging) Abort() error {
	if s.open == nil {
		return nil
	}
	return s.open.Abort()
}
