package blockcache

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// Sizes in bytes.
const (
	Block       = 512
	SegmentSize = 128 << 10
)

const (
	blocks      = SegmentSize / Block
	minSegments = 8
	maxTrimmed  = 512 << 10 // segments: the first 64 GiB, as in fwup
)

var (
	// ErrAlign means that a write does not consist of whole blocks.
	ErrAlign = fmt.Errorf("not a multiple of %d bytes", Block)
	// ErrEnd means that bytes lie beyond the end of the device.
	ErrEnd = errors.New("beyond the end of the device")
)

// Device is the file or block device below a Cache.
type Device interface {
	io.ReaderAt
	io.WriterAt
}

// Options of a Cache. The zero value is a file of unknown size that grows.
type Options struct {
	Size     int64 // bytes of the device; 0: not known
	Fixed    bool  // the device does not grow beyond Size, as a block device
	Segments int   // in memory; 0: 16, which are 2 MiB; at least 8
}

// Cache is a block device in segments.
type Cache struct {
	dev      Device
	size     int64
	fixed    bool
	limit    int
	segments []*segment // the one that was used last comes first
	trimmed  bitmap     // by index of the segment
}

// New makes a cache over dev.
func New(dev Device, o Options) *Cache {
	if o.Segments <= 0 {
		o.Segments = 16
	}
	return &Cache{
		dev: dev, size: o.Size, fixed: o.Fixed && o.Size > 0, limit: max(o.Segments, minSegments),
	}
}

// Size returns the bytes of the device, or 0 when that is not known. A file grows to whole
// segments.
func (c *Cache) Size() int64 { return c.size }

// ReadAt implements io.ReaderAt. Bytes beyond the end of a device that can grow are zeros.
func (c *Cache) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("read at %d: %w", off, ErrEnd)
	}
	for n < len(p) {
		at := off + int64(n)
		s, err := c.segment(at - at%SegmentSize)
		if err != nil {
			return n, err
		}
		if err := c.complete(s); err != nil {
			return n, err
		}
		n += copy(p[n:], s.data[at%SegmentSize:])
	}
	return n, nil
}

// WriteAt implements io.WriterAt for whole blocks. The cache holds the blocks back until Flush, as
// long as it has room.
func (c *Cache) WriteAt(p []byte, off int64) (int, error) { return c.write(p, off, false) }

// WriteThrough is WriteAt for bytes that come in order: a segment is written as soon as each of its
// blocks was.
func (c *Cache) WriteThrough(p []byte, off int64) (int, error) { return c.write(p, off, true) }

func (c *Cache) write(p []byte, off int64, through bool) (n int, err error) {
	switch {
	case off < 0 || c.fixed && off+int64(len(p)) > c.size:
		return 0, fmt.Errorf("write %d bytes at %d of %d: %w", len(p), off, c.size, ErrEnd)
	case off%Block != 0 || len(p)%Block != 0:
		return 0, fmt.Errorf("write %d bytes at %d: %w", len(p), off, ErrAlign)
	}
	for n < len(p) {
		at := off + int64(n)
		s, err := c.segment(at - at%SegmentSize)
		if err != nil {
			return n, err
		}
		from := int(at % SegmentSize)
		m := copy(s.data[from:], p[n:])
		s.valid.set(from/Block, (from+m)/Block)
		s.dirty.set(from/Block, (from+m)/Block)
		n += m
		s.through = s.through && through
		if s.through && s.dirty.full(c.blocksOf(s)) {
			if err := c.flush(s); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// blocksOf returns how many blocks of s the device has.
func (c *Cache) blocksOf(s *segment) int {
	if c.fixed && c.size-s.off < SegmentSize {
		return int((c.size - s.off + Block - 1) / Block)
	}
	return blocks
}

// Trim makes the segments that lie in a range of n bytes as a whole read as zeros, and forgets what
// was written to them and not flushed.
func (c *Cache) Trim(off, n int64) {
	from := (off + SegmentSize - 1) / SegmentSize
	to := from + (n-(from*SegmentSize-off))/SegmentSize
	if off < 0 || from >= maxTrimmed || to <= from {
		return
	}
	c.trimmed.set(int(from), int(min(to, maxTrimmed)))
	c.segments = slices.DeleteFunc(c.segments, func(s *segment) bool {
		return s.off >= from*SegmentSize && s.off < to*SegmentSize
	})
}

// Flush writes all changed segments, the one first that was used first.
func (c *Cache) Flush() error {
	for _, s := range slices.Backward(c.segments) {
		if err := c.flush(s); err != nil {
			return err
		}
	}
	return nil
}

// Discard forgets all blocks that were not written to the device.
func (c *Cache) Discard() { c.segments = nil }

// segment returns the segment at off, which it makes the one that was used last.
func (c *Cache) segment(off int64) (*segment, error) {
	at := slices.IndexFunc(c.segments, func(s *segment) bool { return s.off == off })
	var s *segment
	switch {
	case at >= 0:
		s = c.segments[at]
	case len(c.segments) < c.limit:
		s = &segment{data: make([]byte, SegmentSize)}
		s.reset(off)
		at = len(c.segments)
		c.segments = append(c.segments, s)
	default:
		at = c.victim()
		s = c.segments[at]
		if err := c.flush(s); err != nil {
			return nil, err
		}
		s.reset(off)
	}
	copy(c.segments[1:at+1], c.segments[:at])
	c.segments[0] = s
	return s, nil
}

// victim returns the index of the segment to evict: the one used first of those without changes, or
// else the one used first.
func (c *Cache) victim() int {
	for i, s := range slices.Backward(c.segments) {
		if s.dirty.empty() {
			return i
		}
	}
	return len(c.segments) - 1
}
