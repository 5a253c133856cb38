package blockcache_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/hublink-go/hublink/firmware/internal/blockcache"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	block   = blockcache.Block
	segment = blockcache.SegmentSize
)

// file is a device in memory that grows and remembers the offsets of its writes.
type file struct {
	data   []byte
	writes []int64
	fail   error
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	if f.fail != nil {
		return 0, f.fail
	}
	f.writes = append(f.writes, off)
	if more := off + int64(len(p)) - int64(len(f.data)); more > 0 {
		f.data = append(f.data, make([]byte, more)...)
	}
	return copy(f.data[off:], p), nil
}

// Reads return the last write, zeros for trimmed segments, or the device. After Flush the device
// has the segments that were written to, and the others as before.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const size = 12 * segment
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		dev := &file{data: bytes.Repeat([]byte{0xA5}, size)}
		view, want := bytes.Clone(dev.data), bytes.Clone(dev.data)
		touched := make([]bool, size/segment)
		c := blockcache.New(dev, blockcache.Options{Size: size, Fixed: true, Segments: 8})
		place := func(most int) (int64, []byte) {
			p := make([]byte, block*(1+rng.IntN(1+rng.IntN(most))))
			for i := 0; i < len(p); i += 8 {
				binary.LittleEndian.PutUint64(p[i:], rng.Uint64())
			}
			return int64(rng.IntN((size-len(p))/block+1)) * block, p
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			switch rng.IntN(5) {
			case 0, 1:
				off, p := place(600)
				write := c.WriteAt
				if rng.IntN(2) == 0 {
					write = c.WriteThrough
				}
				_, err := write(p, off)
				require.NoError(t, err)
				copy(view[off:], p)
				for at := off; at < off+int64(len(p)); at += block {
					touched[at/segment] = true
				}
			case 2:
				off, n := int64(rng.IntN(size)), int64(rng.IntN(size/2))
				from, to := (off+segment-1)/segment, (off+n)/segment
				if to = min(to, size/segment); from >= to || c.Flush() != nil {
					continue
				}
				copyTouched(want, view, touched)
				c.Trim(off, n)
				clear(view[from*segment : max(to, from)*segment])
			case 3:
				off, p := place(900)
				_, err := c.ReadAt(p, off)
				require.NoError(t, err)
				require.True(t, bytes.Equal(view[off:off+int64(len(p))], p))
			case 4:
				require.NoError(t, c.Flush())
				copyTouched(want, view, touched)
				require.True(t, bytes.Equal(want, dev.data))
			}
		}
	})
}

// copyTouched copies the segments that were written to.
func copyTouched(to, from []byte, touched []bool) {
	for i, ok := range touched {
		if ok {
			copy(to[i*segment:], from[i*segment:(i+1)*segment])
			touched[i] = false
		}
	}
}

func TestTrimForgetsWhatWasNotWritten(t *testing.T) {
	dev := &file{data: bytes.Repeat([]byte{0xA5}, 4*segment)}
	before := bytes.Clone(dev.data)
	c := blockcache.New(dev, blockcache.Options{Size: 4 * segment, Fixed: true})
	_, err := c.WriteAt(make([]byte, block), segment)
	require.NoError(t, err)
	c.Trim(1, 3*segment) // the second and third segment are in it as a whole
	require.NoError(t, c.Flush())
	require.Equal(t, before, dev.data, "nothing is written")
	_, err = c.WriteAt(make([]byte, block), 2*segment)
	require.NoError(t, err)
	require.NoError(t, c.Flush())
	require.Equal(t, make([]byte, segment), dev.data[2*segment:3*segment], "the rest is zeros")
	require.Equal(t, before[:2*segment], dev.data[:2*segment])
}

func TestOrder(t *testing.T) {
	dev := &file{}
	c := blockcache.New(dev, blockcache.Options{Segments: 8})
	p := make([]byte, block)
	for _, off := range []int64{0, 5, 3} {
		_, err := c.WriteAt(p, off*segment)
		require.NoError(t, err)
	}
	for i := int64(10); i < 40; i++ { // a stream does not evict changes
		_, err := c.WriteThrough(make([]byte, segment), i*segment)
		require.NoError(t, err)
		require.Equal(t, i*segment, dev.writes[len(dev.writes)-1])
	}
	require.Len(t, dev.writes, 30)
	_, err := c.WriteAt(p, 0) // used last
	require.NoError(t, err)
	require.NoError(t, c.Flush())
	require.Equal(t, []int64{5 * segment, 3 * segment, 0}, dev.writes[30:])
	_, err = c.WriteAt(p, segment)
	require.NoError(t, err)
	c.Discard()
	require.NoError(t, c.Flush())
	require.Len(t, dev.writes, 33)
}

func TestEnds(t *testing.T) {
	p := make([]byte, block)
	c := blockcache.New(&file{data: make([]byte, segment+block)},
		blockcache.Options{Size: segment + block, Fixed: true})
	_, err := c.WriteAt(p, segment+block)
	require.ErrorIs(t, err, blockcache.ErrEnd)
	_, err = c.WriteThrough(p, segment)
	require.NoError(t, err)
	require.NoError(t, c.Flush())
	_, err = c.ReadAt(p, 2*segment)
	require.ErrorIs(t, err, blockcache.ErrEnd)
	_, err = c.ReadAt(p, -1)
	require.ErrorIs(t, err, blockcache.ErrEnd)
	for _, off := range []int64{1, 511} {
		_, err = c.WriteAt(p, off)
		require.ErrorIs(t, err, blockcache.ErrAlign)
	}
	_, err = c.WriteAt(p[:100], 0)
	require.ErrorIs(t, err, blockcache.ErrAlign)

	dev := &file{data: make([]byte, block)}
	c = blockcache.New(dev, blockcache.Options{Size: block})
	_, err = c.WriteAt(p, 3*segment)
	require.NoError(t, err)
	require.NoError(t, c.Flush())
	require.Len(t, dev.data, 4*segment, "a file grows to whole segments")
	require.Equal(t, int64(4*segment), c.Size())
	dev.fail = errors.New("broken")
	_, err = c.WriteThrough(make([]byte, segment), 0)
	require.ErrorIs(t, err, dev.fail)
}

// A Padder brings bytes in pieces of any size, with holes, to the blocks that they lie in.
func TestPadder(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 0))
		dev := &file{}
		c := blockcache.New(dev, blockcache.Options{})
		p := blockcache.NewPadder(c)
		want := make([]byte, 0, 1<<20)
		off := int64(rng.IntN(3)) * block
		for range 30 {
			if rng.IntN(4) == 0 {
				off += int64(rng.IntN(3000))
			}
			data := make([]byte, rng.IntN(3000))
			for i := range data {
				data[i] = byte(1 + rng.IntN(255))
			}
			_, err := p.WriteAt(data, off)
			require.NoError(t, err)
			want = append(want, make([]byte, off+int64(len(data))-int64(len(want)))...)
			copy(want[off:], data)
			off += int64(len(data))
		}
		require.NoError(t, p.Flush())
		require.NoError(t, c.Flush())
		require.True(t, bytes.Equal(want, dev.data[:len(want)]), "seed %d", seed)
	}
}
