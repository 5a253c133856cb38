package format

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware"
)

// head makes the beginning of a file with bytes at offsets.
func head(parts map[int]string) []byte {
	b := make([]byte, Need)
	for at, text := range parts {
		copy(b[at:], text)
	}
	return b
}

// squashfs makes the superblock of a file system that uses n bytes.
func squashfs(n uint64) []byte {
	b := head(map[int]string{0: "hsqs"})
	binary.LittleEndian.PutUint64(b[40:], n)
	return b
}

func TestDetect(t *testing.T) {
	archive, err := os.ReadFile("../../tests/testdata/fixtures/fwup/fw/edge-base.fw")
	require.NoError(t, err)
	update := head(map[int]string{0: "070702", 110: "sw-description"})
	application := head(map[int]string{0: "\xe9\x03", 32: "\x32\x54\xcd\xab"})
	for name, c := range map[string]struct {
		head []byte
		size int64
		want Kind
	}{
		"nothing":                   {nil, 0, Raw},
		"zeros":                     {make([]byte, Need), 1 << 20, Raw},
		"a fwup archive":            {archive, int64(len(archive)), Archive},
		"four bytes of it":          {archive[:4], 4, Archive},
		"a squashfs":                {squashfs(100_000), 102_400, Raw},
		"a squashfs without size":   {squashfs(100_000), 0, Raw},
		"a bundle":                  {squashfs(100_000), 104_500, RAUC},
		"a strange squashfs":        {squashfs(1<<64 - 1), 104_500, Raw},
		"a SWUpdate image":          {update, 0, SWUpdate},
		"another cpio":              {head(map[int]string{0: "070701", 110: "etc"}), 0, Raw},
		"an ESP image":              {application, 0, ESP},
		"a boot sector that jumps":  {head(map[int]string{0: "\xe9\x03"}), 0, Raw},
		"an ext4 file system":       {head(map[int]string{56: "\x53\xef"}), 0, Raw},
		"text that begins with PK":  {[]byte("PKzip"), 0, Raw},
		"a cpio that is cut":        {[]byte("070701"), 0, Raw},
		"an image of a few bytes":   {[]byte{0xe9, 1}, 2, Raw},
		"a squashfs that is cut":    {[]byte("hsqs"), 4, Raw},
		"the magic of another zip":  {[]byte("PK\x05\x06"), 22, Raw},
		"a Windows program":         {head(map[int]string{0: "MZ"}), 0, Raw},
		"a gzip":                    {head(map[int]string{0: "\x1f\x8b"}), 0, Raw},
		"an image that is very big": {make([]byte, 4096), 1 << 40, Raw},
	} {
		require.Equal(t, c.want, Detect(c.head, c.size), name)
	}
}

// slot is an applier that notes what it is told.
type slot struct {
	log      []string
	flips    bool
	released int
}

func (s *slot) Begin(context.Context, firmware.Target) (firmware.Staging, error) {
	s.log = append(s.log, "begin")
	if s.flips {
		return firmware.InOrder(stream{s}), nil
	}
	return &taken{slot: s}, nil
}

func (s *slot) Release() { s.released++ }

func (s *slot) note(what string) error {
	s.log = append(s.log, what)
	return nil
}

type stream struct{ s *slot }

func (t stream) Write(p []byte) (int, error)  { return len(p), t.s.note("write") }
func (t stream) Finish(context.Context) error { return t.s.note("finish") }
func (t stream) Flip(context.Context) error   { return t.s.note("flip") }
func (t stream) Abort() error                 { return t.s.note("abort") }

type taken struct {
	slot *slot
	bytes.Reader
}

func (t *taken) WriteAt(p []byte, _ int64) (int, error) { return len(p), t.slot.note("write") }
func (t *taken) Sync() error                            { return t.slot.note("sync") }
func (t *taken) Finish(context.Context) error           { return t.slot.note("finish") }
func (t *taken) Abort() error                           { return t.slot.note("abort") }

// record is a boot record that notes flips.
type record struct {
	firmware.Slots
	flips int
}

func (r *record) Flip(context.Context, firmware.Target) error {
	r.flips++
	return nil
}

// Each kind of file goes where it belongs and flips there; nothing else is touched.
func TestChoice(t *testing.T) {
	zip := append([]byte("PK\x03\x04"), make([]byte, 500)...)
	for name, c := range map[string]struct {
		data         []byte
		archive, raw string
		flips        int
	}{
		"archive": {data: zip, archive: "begin write finish flip"},
		"image":   {data: make([]byte, 500), raw: "begin write finish", flips: 1},
	} {
		archives, images, slots := &slot{flips: true}, &slot{}, &record{}
		a := New(Config{Archive: archives, Raw: images, Slots: slots})
		s, err := a.Begin(t.Context(), firmware.Target{})
		require.NoError(t, err)
		require.NoError(t, s.Sync())
		_, err = s.WriteAt(c.data, 0)
		require.NoError(t, err)
		require.NoError(t, s.Finish(t.Context()))
		require.NoError(t, s.(firmware.Flipper).Flip(t.Context()))
		require.Equal(t, c.archive, strings.Join(archives.log, " "), name)
		require.Equal(t, c.raw, strings.Join(images.log, " "), name)
		require.Equal(t, c.flips, slots.flips, name)
	}
}

// A file that nothing takes is refused before a slot is touched, and the error says what to do.
func TestRefusedUntouched(t *testing.T) {
	images := &slot{}
	a := New(Config{Raw: images, Slots: &record{}})
	for want, data := range map[string][]byte{
		"firmware.disk": []byte("PK\x03\x04"),
		"SWUpdate":      head(map[int]string{0: "070702", 110: "sw-description"}),
	} {
		s, err := a.Begin(t.Context(), firmware.Target{})
		require.NoError(t, err)
		_, err = s.WriteAt(data, 0)
		var kind *KindError
		require.ErrorAs(t, err, &kind)
		require.ErrorContains(t, err, want)
		require.NoError(t, s.Abort())
		require.Error(t, s.Finish(t.Context()))
	}
	require.Empty(t, images.log)

	s, err := New(Config{Archive: &slot{flips: true}}).Begin(t.Context(), firmware.Target{})
	require.NoError(t, err)
	_, err = s.WriteAt(make([]byte, 500), 0)
	require.ErrorContains(t, err, "no fwup archive")
	_, err = s.ReadAt(make([]byte, 10), 0)
	require.Error(t, err)
}

// When the server has another file the staging begins again with what that is.
func TestAnotherFile(t *testing.T) {
	archives, images := &slot{flips: true}, &slot{}
	s, err := New(Config{Archive: archives, Raw: images}).Begin(t.Context(), firmware.Target{})
	require.NoError(t, err)
	_, err = s.WriteAt(make([]byte, 500), 0)
	require.NoError(t, err)
	_, err = s.WriteAt([]byte("PK\x03\x04...."), 0)
	require.NoError(t, err)
	_, err = s.WriteAt([]byte("more"), 8)
	require.NoError(t, err)
	require.Equal(t, []string{"begin", "write", "abort"}, images.log)
	require.Equal(t, []string{"begin", "write", "write"}, archives.log)
}

// The first bytes may come one by one: the slot is not touched before it is clear what they are.
func TestFirstBytesInSmallPieces(t *testing.T) {
	zip := append([]byte("PK\x03\x04"), make([]byte, 500)...)
	for name, c := range map[string]struct {
		data         []byte
		size         int64
		archive, raw string // the first two calls
		err          bool
	}{
		"archive":          {data: zip, archive: "begin write"},
		"image":            {data: make([]byte, 500), raw: "begin write"},
		"a short image":    {data: []byte("abc"), raw: "begin write"},
		"one of that size": {data: []byte("abc"), size: 3, raw: "begin write"},
		"a SWUpdate image": {data: head(map[int]string{0: "070702", 110: "sw-description"}), err: true},
	} {
		archives, images := &slot{flips: true}, &slot{}
		s, err := New(Config{Archive: archives, Raw: images, Slots: &record{}}).
			Begin(t.Context(), firmware.Target{Size: c.size})
		require.NoError(t, err)
		for i := range c.data {
			var n int
			if n, err = s.WriteAt(c.data[i:i+1], int64(i)); err != nil {
				break
			}
			require.Equal(t, 1, n, name)
		}
		if c.err {
			require.Error(t, err, name)
			require.Empty(t, images.log, name)
			continue
		}
		require.NoError(t, err, name)
		require.NoError(t, s.Finish(t.Context()), name)
		calls := func(log []string) string { return strings.Join(log[:min(len(log), 2)], " ") }
		require.Equal(t, c.archive, calls(archives.log), name)
		require.Equal(t, c.raw, calls(images.log), name)
	}
}

// refuses is an applier that takes nothing.
type refuses struct{}

func (refuses) Begin(context.Context, firmware.Target) (firmware.Staging, error) {
	return nil, errors.New("no images here")
}

// An applier of archives only can be asked what an earlier try has left, as after a restart in the
// middle of an archive: nothing.
func TestResumeWhereImagesAreRefused(t *testing.T) {
	archives := &slot{flips: true}
	s, err := New(Config{Archive: archives, Raw: refuses{}}).Begin(t.Context(), firmware.Target{})
	require.NoError(t, err)
	_, err = s.ReadAt(make([]byte, 10), 0)
	require.ErrorIs(t, err, io.EOF)
	_, err = s.WriteAt([]byte("PK\x03\x04"), 0)
	require.NoError(t, err)
	require.NoError(t, s.Abort())
	require.NoError(t, s.Abort())
}

// Begin ends what a crash has left open, of every kind.
func TestBeginReleasesWhatWasLeftOpen(t *testing.T) {
	archives, images := &slot{flips: true}, &slot{}
	a := New(Config{Archive: archives, Raw: images})
	_, err := a.Begin(t.Context(), firmware.Target{})
	require.NoError(t, err)
	require.Equal(t, []int{1, 1}, []int{archives.released, images.released})
}

// A staging that has ended does nothing any more.
func TestEnded(t *testing.T) {
	archives, slots := &slot{flips: true}, &record{}
	s, err := New(Config{Archive: archives, Raw: &slot{}, Slots: slots}).
		Begin(t.Context(), firmware.Target{})
	require.NoError(t, err)
	_, err = s.WriteAt([]byte("PK\x03\x04"), 0)
	require.NoError(t, err)
	require.NoError(t, s.Abort())
	require.NoError(t, s.Abort())
	_, err = s.WriteAt([]byte("more"), 4)
	require.Error(t, err)
	_, err = s.ReadAt(make([]byte, 1), 0)
	require.Error(t, err)
	require.Error(t, s.Sync())
	require.Error(t, s.Finish(t.Context()))
	require.Error(t, s.(firmware.Flipper).Flip(t.Context()))
	require.Equal(t, []string{"begin", "write", "abort"}, archives.log)
	require.Zero(t, slots.flips)
}
