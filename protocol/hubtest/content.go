package hubtest

import (
	"encoding/binary"
	"io"
)

// Content is the bytes of a firmware or an archive: a file, or something that is made up. Reads
// come from many goroutines.
type Content struct {
	io.ReaderAt
	Size int64
}

// Generated is a made-up content: the same seed and size give the same bytes, which look random and
// are held nowhere.
func Generated(seed uint64, size int64) Content {
	return Content{ReaderAt: generated{seed, size}, Size: size}
}

type generated struct {
	seed uint64
	size int64
}

func (g generated) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= g.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), g.size-off))
	var word [8]byte
	for i := 0; i < n; {
		at := off + int64(i)
		binary.LittleEndian.PutUint64(
			word[:],
			mix(g.seed+uint64(at/8)*0x9e3779b97f4a7c15),
		) //nolint:gosec // offsets are positive
		i += copy(p[i:n], word[at%8:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// mix is the finalizer of SplitMix64.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
