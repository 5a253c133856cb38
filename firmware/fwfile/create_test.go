package fwfile

import (
	"bytes"
	"crypto/ed25519"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/tests/golden"
)

// signingKey is a key for archives that tests make.
func signingKey() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
}

func publicKey() Key { return Key(signingKey().Public().(ed25519.PublicKey)) }

// small is an archive with one task and the data of its resources.
func small(data map[string]string) Spec {
	s := Spec{
		Meta: Meta{
			Product: "product", Version: "1.1.0", Platform: "bench", Architecture: "any",
			Tasks: []Task{{Name: "upgrade", OnFinish: []Call{{"info", "done \"here\""}}}},
		},
		Open: func(name string) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(data[name])), nil
		},
		Key: signingKey(), Created: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC),
	}
	for _, name := range []string{"boot.txt", "rootfs.img", "/etc/x"} {
		if _, ok := data[name]; ok {
			s.Meta.Resources = append(s.Meta.Resources, Resource{Name: name})
			s.Meta.Tasks[0].OnResource = append(s.Meta.Tasks[0].OnResource,
				OnResource{Resource: name, Calls: []Call{{"raw_write", "8"}}})
		}
	}
	return s
}

// What Create writes is read back, byte by byte from the stream, compressed and not.
func TestCreateIsRead(t *testing.T) {
	noise := make([]byte, 300_000)
	rnd := rand.NewChaCha8([32]byte{1})
	_, _ = rnd.Read(noise)
	data := map[string]string{
		"boot.txt": "", "rootfs.img": string(noise) + strings.Repeat("x", 100_000), "/etc/x": "absolute",
	}
	for _, stored := range []bool{false, true} {
		var b bytes.Buffer
		s := small(data)
		s.Stored = stored
		if stored {
			delete(data, "boot.txt") // an empty stored entry tells its length in its descriptor only
			s = small(data)
			s.Stored = true
		}
		require.NoError(t, Create(&b, s))
		r, err := NewReader(iotest.OneByteReader(bytes.NewReader(b.Bytes())),
			Options{Keys: []Key{publicKey()}})
		require.NoError(t, err)
		require.Equal(t, publicKey(), *r.Signer())
		require.Equal(t, "done \"here\"", r.Meta().Tasks[0].OnFinish[0].Args()[0])
		for range data {
			e, err := r.Next()
			require.NoError(t, err)
			require.False(t, e.Delta)
			got, err := io.ReadAll(r)
			require.NoError(t, err)
			require.True(t, data[e.Resource.Name] == string(got), e.Resource.Name)
		}
		_, err = r.Next()
		require.ErrorIs(t, err, io.EOF)
		require.EqualValues(t, b.Len(), r.Offset())

		var again bytes.Buffer
		require.NoError(t, Create(&again, s))
		require.True(t, bytes.Equal(b.Bytes(), again.Bytes()), "deterministic")
	}
}

// Sizes and offsets of 64 bits are written and read, here from the first byte on.
func TestArchivesOver4GiB(t *testing.T) {
	for _, far := range []int64{0, 70, 200} {
		var b bytes.Buffer
		s := small(map[string]string{"rootfs.img": strings.Repeat("data", 100), "boot.txt": "x"})
		require.NoError(t, s.write(&archiver{w: &b, far: far}))
		_, entries, err := read(bytes.NewReader(b.Bytes()), Options{Keys: []Key{publicKey()}})
		require.NoError(t, err, far)
		require.Len(t, entries, 2)
		for n := range b.Len() {
			_, _, err := read(bytes.NewReader(b.Bytes()[:n]), Options{Keys: []Key{publicKey()}})
			require.Error(t, err, n)
		}
	}
}

// From what fwup's archives say Create makes them again: the same bytes but for what is compressed.
func TestCreateAsFwup(t *testing.T) {
	want := golden.Read(t, filepath.Join(testdata, "fixtures/fwup/fw/app-1.1.0-unsigned.fw"))
	r, err := NewReader(bytes.NewReader(want), Options{AllowUnsigned: true})
	require.NoError(t, err)
	meta := *r.Meta()
	data := map[string][]byte{}
	for {
		e, err := r.Next()
		if err != nil {
			require.ErrorIs(t, err, io.EOF)
			break
		}
		data[e.Resource.Name], err = io.ReadAll(r)
		require.NoError(t, err)
	}
	for i := range meta.Tasks {
		for _, calls := range [][]Call{meta.Tasks[i].OnInit, meta.Tasks[i].OnFinish} {
			for _, c := range calls {
				for j := range c {
					c[j] = strings.ReplaceAll(c[j], meta.UUID, "${FWUP_META_UUID}")
				}
			}
		}
	}
	var b bytes.Buffer
	require.NoError(t, Create(&b, Spec{
		Meta: meta, Created: time.Unix(1769904000, 0),
		Open: func(name string) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(data[name])), nil
		},
	}))
	got, err := NewReader(bytes.NewReader(b.Bytes()), Options{AllowUnsigned: true})
	require.NoError(t, err)
	require.Equal(t, r.MetaText(), got.MetaText())
	require.Equal(t, meta.UUID, got.Meta().UUID)
	require.Equal(t, want[:63], b.Bytes()[:63], "the local header of meta.conf")
	require.Equal(t, records(want), records(b.Bytes()), "the central directory but for sizes")
}

// records returns the central directory without compressed sizes and offsets.
func records(archive []byte) []byte {
	at := bytes.Index(archive, []byte("PK\x01\x02"))
	dir := bytes.Clone(archive[at : len(archive)-22])
	for i := 0; ; i += 4 {
		n := bytes.Index(dir[i:], []byte("PK\x01\x02"))
		if n < 0 {
			return dir
		}
		i += n
		clear(dir[i+20 : i+24])
		clear(dir[i+42 : i+46])
	}
}

// Whatever is cut off, the archive is refused with the reason that it ends early.
func TestEveryTruncationIsRefused(t *testing.T) {
	var b bytes.Buffer
	data := map[string]string{"rootfs.img": "some data", "boot.txt": "x"}
	require.NoError(t, Create(&b, small(data)))
	for n := range b.Len() {
		_, _, err := read(bytes.NewReader(b.Bytes()[:n]), Options{Keys: []Key{publicKey()}})
		want := ErrTruncated
		if n < 4 {
			want = ErrNotArchive
		}
		require.ErrorIs(t, err, want, n)
	}
}

// An error of the stream is reported as it is, so that a download can go on.
func TestErrorsOfTheStreamPassThrough(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, Create(&b, small(map[string]string{"rootfs.img": "some data"})))
	for _, n := range []int{0, 3, 20, 100, 300, b.Len() - 30, b.Len() - 1, b.Len()} {
		broken := io.MultiReader(bytes.NewReader(b.Bytes()[:n]), iotest.ErrReader(iotest.ErrTimeout))
		_, _, err := read(broken, Options{Keys: []Key{publicKey()}})
		require.ErrorIs(t, err, iotest.ErrTimeout, n)
	}
}
