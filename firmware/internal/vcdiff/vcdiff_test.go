package vcdiff_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hublink-go/hublink/firmware/internal/vcdiff"
	"github.com/hublink-go/hublink/tests/needs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is two files with much in common.
func pair(seed uint64, size int) (source, target []byte) {
	rng := rand.New(rand.NewPCG(seed, 0))
	for len(source) < size {
		switch rng.IntN(3) {
		case 0:
			source = append(source, bytes.Repeat([]byte{byte(rng.Uint32())}, rng.IntN(300))...)
		case 1:
			for range rng.IntN(500) {
				source = append(source, byte(rng.Uint32()))
			}
		case 2:
			source = fmt.Appendf(source, "some words that come again, %d times\n", rng.IntN(50))
		}
	}
	for len(target) < size && len(source) > 0 {
		from := rng.IntN(len(source))
		target = append(target, source[from:min(len(source), from+rng.IntN(size/3+1))]...)
		for range rng.IntN(60) {
			target = append(target, byte(rng.Uint32()))
		}
	}
	return source, target
}

func decode(delta, source []byte) ([]byte, error) {
	r := vcdiff.NewReader(bytes.NewReader(delta), bytes.NewReader(source), vcdiff.Options{})
	return io.ReadAll(r)
}

func encode(t testing.TB, source, target []byte, window int) []byte {
	var delta bytes.Buffer
	o := vcdiff.EncoderOptions{Window: window}
	require.NoError(t, vcdiff.Encode(&delta, source, bytes.NewReader(target), o))
	return delta.Bytes()
}

func TestRoundTrip(t *testing.T) {
	for seed := range uint64(60) {
		source, target := pair(seed, []int{0, 40, 3000, 200_000}[seed%4])
		for _, window := range []int{0, 100, 4096} {
			got, err := decode(encode(t, source, target, window), source)
			require.NoError(t, err)
			require.True(t, bytes.Equal(target, got))
		}
		got, err := decode(encode(t, nil, target, 0), nil)
		require.NoError(t, err)
		require.True(t, bytes.Equal(target, got))
	}
	source, target := pair(3, 200_000)
	require.Less(t, len(encode(t, source, target, 0)), len(target)/20)
}

// Deltas go from xdelta3 to Reader and from Encode to xdelta3.
func TestXdelta3(t *testing.T) {
	xdelta := needs.Program(t, "xdelta3", "deltas against xdelta3")
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	run := func(args ...string) {
		out, err := exec.Command(xdelta, args...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	for seed := range uint64(12) {
		source, target := pair(seed, []int{100, 5000, 300_000, 3_000_000}[seed%4])
		require.NoError(t, os.WriteFile(path("source"), source, 0o600))
		require.NoError(t, os.WriteFile(path("target"), target, 0o600))
		for _, args := range [][]string{
			{"-A", "-S", "none"}, {"-S", "none"}, {"-S", "none", "-n"}, {"-S", "none", "-9", "-W", "16384"},
		} {
			args = append([]string{"-e", "-f", "-s", path("source")}, args...)
			run(append(args, path("target"), path("delta"))...)
			delta, err := os.ReadFile(path("delta"))
			require.NoError(t, err)
			got, err := decode(delta, source)
			require.NoError(t, err, "%q", args)
			require.True(t, bytes.Equal(target, got))
		}
		require.NoError(t, os.WriteFile(path("delta"), encode(t, source, target, 50_000), 0o600))
		run("-d", "-f", "-s", path("source"), path("delta"), path("out"))
		got, err := os.ReadFile(path("out"))
		require.NoError(t, err)
		require.True(t, bytes.Equal(target, got))
	}
	run("-e", "-f", "-S", "djw", "-s", path("source"), path("target"), path("delta"))
	delta, err := os.ReadFile(path("delta"))
	require.NoError(t, err)
	_, err = decode(delta, nil)
	require.ErrorIs(t, err, vcdiff.ErrUnsupported)
}

func TestAnotherSource(t *testing.T) {
	source, target := pair(1, 100_000)
	delta := encode(t, source, target, 10_000)
	other, _ := pair(2, 200_000)
	got, err := decode(delta, other)
	require.ErrorIs(t, err, vcdiff.ErrMismatch)
	require.True(t, bytes.HasPrefix(target, got), "no byte of a window that does not fit")
	_, err = decode(delta, source[:100])
	require.ErrorIs(t, err, vcdiff.ErrMismatch)
}

func TestErrors(t *testing.T) {
	source, target := pair(1, 3000)
	delta := encode(t, source, target, 0)
	for n := range delta {
		_, err := decode(delta[:n], source)
		if n == 5 {
			require.NoError(t, err, "a delta without windows")
			continue
		}
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%d bytes", n)
	}
	broken := errors.New("broken")
	r := vcdiff.NewReader(io.MultiReader(bytes.NewReader(delta[:40]), iotest.ErrReader(broken)),
		bytes.NewReader(source), vcdiff.Options{})
	_, err := io.ReadAll(r)
	require.ErrorIs(t, err, broken)
	_, err = io.ReadAll(r)
	require.ErrorIs(t, err, broken, "it stays")
	r = vcdiff.NewReader(
		bytes.NewReader(delta),
		bytes.NewReader(source),
		vcdiff.Options{MaxWindow: 2999},
	)
	_, err = io.ReadAll(r)
	var large *vcdiff.WindowError
	require.ErrorAs(t, err, &large)
	require.Equal(t, vcdiff.WindowError{Size: int64(len(target)), Max: 2999}, *large)
	r = vcdiff.NewReader(bytes.NewReader(delta), failing{broken}, vcdiff.Options{})
	_, err = io.ReadAll(r)
	require.ErrorIs(t, err, broken)

	head := "\xD6\xC3\xC4\x00\x00"
	for text, want := range map[string]error{
		"PK\x03\x04\x00":                                          vcdiff.ErrCorrupt,
		"\xD6\xC3\xC4\x01\x00":                                    vcdiff.ErrUnsupported,
		"\xD6\xC3\xC4\x00\x01":                                    vcdiff.ErrUnsupported,
		"\xD6\xC3\xC4\x00\x02":                                    vcdiff.ErrUnsupported,
		"\xD6\xC3\xC4\x00\x80":                                    vcdiff.ErrCorrupt,
		"\xD6\xC3\xC4\x00\x04\x84\x80\x01":                        vcdiff.ErrCorrupt,
		head + "\x02":                                             vcdiff.ErrUnsupported,
		head + "\x80":                                             vcdiff.ErrCorrupt,
		head + "\x00\x20\x01\x01":                                 io.ErrUnexpectedEOF,
		head + "\x00\x20\x01\x01\x01\x01\x00":                     vcdiff.ErrUnsupported,
		head + "\x00\x07\x01\x00\x01\x01\x00a\x03":                vcdiff.ErrCorrupt, // 2 bytes for 1
		head + "\x00\x07\x02\x00\x01\x01\x00a\x03":                vcdiff.ErrCorrupt, // too few data
		head + "\x00\x07\x02\x00\x01\x01\x00a\x02":                vcdiff.ErrCorrupt, // 1 byte for 2
		head + "\x00\x07\x04\x00\x00\x01\x01\x14\x00":             vcdiff.ErrCorrupt, // a copy of nothing
		head + "\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x00": vcdiff.ErrCorrupt,
	} {
		_, err := decode([]byte(text), nil)
		require.ErrorIs(t, err, want, "%q", text)
	}
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }

// Every delta ends in an error or in the bytes that its sizes announce, within its limits.
func FuzzReader(f *testing.F) {
	source, target := pair(1, 2000)
	f.Add(encode(f, source, target, 500), source)
	f.Add(encode(f, nil, target, 0), []byte{})
	f.Add(
		[]byte("\xD6\xC3\xC4\x00\x04\x01x\x05\x04\x00\x0c\x04\x00\x00\x01\x01\x00\x00\x00\x01\x14\x00"),
		source,
	)
	f.Fuzz(func(t *testing.T, delta, source []byte) {
		r := vcdiff.NewReader(bytes.NewReader(delta), bytes.NewReader(source),
			vcdiff.Options{MaxWindow: 1 << 16})
		n, err := io.Copy(io.Discard, io.LimitReader(r, 1<<20))
		if err == nil && n > 1<<16*int64(len(delta)) {
			t.Fatal(n)
		}
	})
}

func FuzzRoundTrip(f *testing.F) {
	source, target := pair(1, 2000)
	f.Add(source, target, 100)
	f.Add([]byte{}, []byte("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"), 7)
	f.Fuzz(func(t *testing.T, source, target []byte, window int) {
		got, err := decode(encode(t, source, target, window%4096), source)
		require.NoError(t, err)
		require.True(t, bytes.Equal(target, got))
	})
}

func BenchmarkReader(b *testing.B) {
	source, target := pair(1, 8<<20)
	delta := encode(b, source, target, 0)
	b.SetBytes(int64(len(target)))
	b.ReportAllocs()
	for b.Loop() {
		r := vcdiff.NewReader(bytes.NewReader(delta), bytes.NewReader(source), vcdiff.Options{})
		if n, err := io.Copy(io.Discard, r); err != nil || n != int64(len(target)) {
			b.Fatal(n, err)
		}
	}
}
