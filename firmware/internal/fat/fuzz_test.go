package fat_test

import (
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware/internal/blockcache"
	"github.com/hublink-go/hublink/firmware/internal/fat"
)

// small is an image that does not grow.
type small struct{ *image }

var errSmall = errors.New("the image is small")

func (m small) WriteAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > 2<<20 {
		return 0, errSmall
	}
	return m.image.WriteAt(p, off)
}

// Every image of a volume ends in an error or in a result, and never in a panic or a loop.
func FuzzVolume(f *testing.F) {
	for _, blocks := range []int64{128, 400} {
		m := &image{}
		p := newPlayer(m)
		require.NoError(f, fat.Format(p.cache, 0, blocks))
		require.NoError(f, p.volume("0").Mkdir("dir"))
		w, err := p.volume("0").Create("dir/a long name.text")
		require.NoError(f, err)
		_, err = w.WriteAt(content(2000, 1), 0)
		require.NoError(f, err)
		require.NoError(f, p.cache.Flush())
		f.Add(m.data[:min(len(m.data), int(blocks)*512)])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<20 {
			return
		}
		c := blockcache.New(small{&image{append([]byte(nil), data...)}}, blockcache.Options{Segments: 8})
		v := fat.New(c, 0)
		if r, err := v.Open("dir/a long name.text"); err == nil {
			_, _ = io.Copy(io.Discard, io.NewSectionReader(r, 0, min(r.Size(), 1<<20)))
		}
		_, _ = v.Contains("dir/ALONGN~1.TEX", "x")
		_ = v.Mkdir("dir/sub")
		if w, err := v.Create("dir/another long name"); err == nil {
			_, _ = w.WriteAt(content(3000, 2), 100)
		}
		_ = v.Rename("dir/a long name.text", "b")
		_ = v.SetLabel("x")
		_ = v.Copy("b", v, "c")
		_ = v.Remove("dir/another long name")
		_ = v.Remove("dir")
		v.Unmount()
		_ = v.Touch("d")
		_ = c.Flush()
	})
}
