package native

import (
	"bytes"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/firmware/internal/blockcache"
	"github.com/hublink-go/hublink/firmware/internal/vcdiff"
)

// copySize is how much of a resource is moved at a time. Each read gives what one piece of the
// archive inflates to, and is written by itself: where writes to a FAT file end decides about the
// bytes behind its end, as in fwup.
const copySize = 256 << 10

// maxWindow bounds the target window of a delta. xdelta3 makes windows of 8 MiB by default.
const maxWindow = 8 << 20

// source is the data of a resource, patched if the entry is a delta. One function may read it.
type source struct {
	resource *fwfile.Resource
	data     io.Reader
	sum      hash.Hash // of a delta's result; nil for a resource that the archive's reader verifies
	n        int64
	read     bool
}

// source returns the data of an entry for its on-resource.
func (r *Run) source(e fwfile.Entry, on *fwfile.OnResource, data io.Reader) (*source, error) {
	s := &source{resource: e.Resource, data: data}
	if !e.Delta {
		return s, nil
	}
	old, err := r.deltaSource(on.Delta, e)
	if err != nil {
		return nil, err
	}
	s.sum = e.Resource.NewHash()
	s.data = vcdiff.NewReader(data, old, vcdiff.Options{MaxWindow: maxWindow})
	return s, nil
}

// deltaSource returns the data that a delta builds on.
func (r *Run) deltaSource(d fwfile.DeltaSource, e fwfile.Entry) (io.ReaderAt, error) {
	switch {
	case d.Raw:
		return io.NewSectionReader(r.cache, int64(d.Offset)*blockSize, int64(d.Count)*blockSize), nil //nolint:gosec // fwfile bounds both
	case d.FATPath != "":
		f, err := r.volumeAt(d.Offset).Open(d.FATPath)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDelta, err)
		}
		return f, nil
	default:
		return nil,
			fmt.Errorf("its entry has %d bytes where meta.conf says %d, and the task takes no delta",
				e.Size, e.Resource.Size())
	}
}

// sink takes data of a resource at an offset of the file, in ascending order.
type sink interface {
	writeAt(p []byte, off int64) error
	// hole is called for a hole at the end of the file, with its length and the file's.
	hole(n, length int64) error
}

// copy moves the resource into a sink, with its holes.
func (s *source) copy(to sink) error {
	if s.read {
		return errors.New("the resource was written by an earlier call; copy it with fat_cp")
	}
	s.read = true
	buf := make([]byte, copySize)
	var off int64
	for i, n := range s.resource.Segments {
		if i%2 == 0 {
			if err := s.segment(to, buf, off, n); err != nil {
				return err
			}
		} else if i == len(s.resource.Segments)-1 && n > 0 {
			if err := to.hole(n, off+n); err != nil {
				return err
			}
		}
		off += n
	}
	return s.end(buf)
}

// segment moves n bytes of data to an offset.
func (s *source) segment(to sink, buf []byte, off, n int64) error {
	for n > 0 {
		got, err := s.data.Read(buf[:min(n, int64(len(buf)))])
		if errors.Is(err, io.EOF) && int64(got) < n {
			return fmt.Errorf("it has %d bytes, and meta.conf says %d",
				s.n+int64(got), s.resource.Size())
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return s.fault(err)
		}
		if s.sum != nil {
			_, _ = s.sum.Write(buf[:got])
		}
		if err := to.writeAt(buf[:got], off); err != nil {
			return err
		}
		s.n, off, n = s.n+int64(got), off+int64(got), n-int64(got)
	}
	return nil
}

// end expects the end of the data, by which a full resource is verified, and verifies a delta's
// result.
func (s *source) end(buf []byte) error {
	switch n, err := s.data.Read(buf); {
	case n > 0:
		return fmt.Errorf("it has more than %d bytes", s.resource.Size())
	case err == nil:
		return s.end(buf)
	case !errors.Is(err, io.EOF):
		return s.fault(err)
	}
	if s.sum != nil && !bytes.Equal(s.sum.Sum(nil), s.resource.Hash[:]) {
		return fmt.Errorf("%w: the result's BLAKE2b-256 is not the one in meta.conf", ErrDelta)
	}
	return nil
}

// fault marks errors of a delta.
func (s *source) fault(err error) error {
	var archive *fwfile.Error
	if s.sum == nil || errors.As(err, &archive) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDelta, err)
}

// finish is called when the calls of a resource are over.
func (s *source) finish() error {
	if !s.read {
		_, err := io.Copy(io.Discard, s.data)
		return err
	}
	return nil
}

// rawFile is a range of the target that a resource is written to, in whole blocks.
type rawFile struct {
	out  *blockcache.Padder
	base int64
}

func (f rawFile) writeAt(p []byte, off int64) error {
	_, err := f.out.WriteAt(p, f.base+off)
	return err
}

// hole writes the last block of a hole, so that a file gets its length.
func (f rawFile) hole(n, length int64) error {
	n = min(n, blockSize)
	return f.writeAt(make([]byte, n), length-n)
}
