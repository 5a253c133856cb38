package inflate

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// inflate decodes a stream that comes in pieces of n bytes.
func inflate(in []byte, n int) (out []byte, rest []byte, err error) {
	d := New()
	for !d.Done() {
		if len(in) == 0 {
			return out, nil, io.ErrUnexpectedEOF
		}
		used, piece, err := d.Step(in[:min(n, len(in))])
		out = append(out, piece...)
		if err != nil {
			return out, nil, err
		}
		in = in[used:]
	}
	return out, in, nil
}

// samples are data of several kinds: noise, text, runs, code-like.
func samples() map[string][]byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 300_000)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	var text bytes.Buffer
	for text.Len() < 700_000 {
		text.WriteString(strings.Repeat(string('a'+rune(rnd.IntN(26))), 1+rnd.IntN(9)))
		text.WriteString(" = 0x1234, ")
	}
	skewed := make([]byte, 500_000) // codes longer than one look-up
	for i := range skewed {
		for skewed[i] < 250 && rnd.IntN(3) > 0 {
			skewed[i]++
		}
	}
	return map[string][]byte{
		"empty": nil, "one byte": {7}, "noise": noise, "text": text.Bytes(), "skewed": skewed,
		"zeros": make([]byte, 1<<20), "mixed": append(noise[:100_000:100_000], text.Bytes()...),
	}
}

func deflate(t testing.TB, data []byte, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	require.NoError(t, err)
	_, err = w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// Every stream of the standard library comes back, in pieces of any size, and what follows it is
// left alone.
func TestStreams(t *testing.T) {
	for name, data := range samples() {
		for _, level := range []int{flate.NoCompression, 1, 6, 9, flate.HuffmanOnly} {
			stream := append(deflate(t, data, level), "what follows"...)
			for _, n := range []int{1, 7, 4096, 64 << 10, len(stream)} {
				if n == 1 && len(stream) > 100_000 {
					continue
				}
				out, rest, err := inflate(stream, n)
				require.NoError(t, err, "%s %d %d", name, level, n)
				require.True(t, bytes.Equal(data, out), "%s %d %d", name, level, n)
				require.Equal(t, "what follows", string(rest), "%s %d %d", name, level, n)
			}
		}
	}
}

// After each byte of input there is as much output as zlib 1.3 gives: testdata has a stream and
// zlib's number of bytes after each byte of it.
func TestPiecesOfZlib(t *testing.T) {
	stream, err := os.ReadFile("testdata/text.deflate")
	require.NoError(t, err)
	text, err := os.ReadFile("testdata/text.positions")
	require.NoError(t, err)
	positions := strings.Fields(string(text))
	require.Len(t, positions, len(stream))
	d, whole := New(), 0
	for i := range stream {
		used, out, err := d.Step(stream[i : i+1])
		require.NoError(t, err)
		require.Equal(t, 1, used)
		whole += len(out)
		require.Equal(t, positions[i], strconv.Itoa(whole), i)
	}
	require.True(t, d.Done())
}

// Pieces never have more than 256 KiB, however well the input compresses.
func TestPiecesAreBounded(t *testing.T) {
	stream := deflate(t, make([]byte, 5<<20), 9)
	d, total := New(), 0
	for !d.Done() {
		used, out, err := d.Step(stream)
		require.NoError(t, err)
		require.LessOrEqual(t, len(out), 256<<10)
		stream, total = stream[used:], total+len(out)
	}
	require.Equal(t, 5<<20, total)
}

// A decoder that was reset knows nothing of the stream before.
func TestReset(t *testing.T) {
	d := New()
	_, _, err := d.Step(deflate(t, []byte("abcabcabcabc"), 9))
	require.NoError(t, err)
	d.Reset()
	_, out, err := d.Step(deflate(t, []byte("xyzxyzxyz"), 9))
	require.NoError(t, err)
	require.Equal(t, "xyzxyzxyz", string(out))
	d.Reset()
	_, _, err = d.Step([]byte{0x07}) // a block of the kind that does not exist
	require.ErrorIs(t, err, ErrCorrupt)
}

// FuzzAgainstStdlib: what one decoder accepts the other accepts, with the same bytes.
func FuzzAgainstStdlib(f *testing.F) {
	for _, data := range samples() {
		for _, level := range []int{flate.NoCompression, 6, flate.HuffmanOnly} {
			f.Add(deflate(f, data[:min(len(data), 3000)], level), uint16(100))
		}
	}
	f.Fuzz(func(t *testing.T, stream []byte, n uint16) {
		want, wantErr := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(stream)), 1<<24))
		if len(want) == 1<<24 {
			return
		}
		got, _, err := inflate(stream, int(n)+1)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("we: %v, standard library: %v", err, wantErr)
		}
		if err == nil && !bytes.Equal(want, got) {
			t.Fatal("other bytes")
		}
	})
}

func BenchmarkInflate(b *testing.B) {
	data := samples()["text"]
	stream := deflate(b, data, 6)
	b.Run("ours", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		d := New()
		for b.Loop() {
			d.Reset()
			for in := stream; !d.Done(); {
				used, _, err := d.Step(in)
				if err != nil {
					b.Fatal(err)
				}
				in = in[used:]
			}
		}
	})
	b.Run("standard library", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		r := flate.NewReader(nil)
		for b.Loop() {
			if err := r.(flate.Resetter).Reset(bytes.NewReader(stream), nil); err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, r); err != nil {
				b.Fatal(err)
			}
		}
	})
}
