package firmware

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func sumOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// content is n bytes that look like nothing else.
func content(n int, seed uint64) []byte {
	data := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{byte(seed), 1})
	_, _ = rng.Read(data)
	return data
}

// describe makes the offer of a file, as the hub does: upper-case hex.
func describe(data []byte, parts bool) *Offer {
	o := offer()
	o.Size = int64(len(data))
	o.Checksum = strings.ToUpper(sumOf(string(data)))
	for rest := data; parts && len(rest) > 0; rest = rest[min(len(rest), PartSize):] {
		o.Partials = append(o.Partials, strings.ToUpper(sumOf(string(rest[:min(len(rest), PartSize)]))))
	}
	return o
}

// feed writes data in chunks and finishes.
func feed(v *Verifier, data []byte, chunk int) error {
	for len(data) > 0 {
		n := min(chunk, len(data))
		if _, err := v.Write(data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return v.Finish()
}

func TestVerifier(t *testing.T) {
	good := content(PartSize*2+1000, 1)
	flipped := func(at int) []byte {
		bad := bytes.Clone(good)
		bad[at] ^= 1
		return bad
	}
	short, long := good[:len(good)-1], append(bytes.Clone(good), 0)
	var mismatch *MismatchError
	var shortErr *ShortError
	var excess *ExcessError
	var tooLarge *TooLargeError
	for _, c := range []struct {
		name  string
		offer func(o *Offer)
		parts bool
		data  []byte
		want  any // nil: no error
	}{
		{"whole", nil, true, good, nil},
		{"without parts", nil, false, good, nil},
		{"without checksum", func(o *Offer) { o.Checksum = "" }, true, good, nil},
		{"lower case", func(o *Offer) { o.Checksum = strings.ToLower(o.Checksum) }, false, good, nil},
		{"unknown size", func(o *Offer) { o.Size = 0 }, true, good, nil},
		{"first byte", nil, true, flipped(0), &mismatch},
		{"last byte", nil, true, flipped(len(good) - 1), &mismatch},
		{"last byte, no parts", nil, false, flipped(len(good) - 1), &mismatch},
		{
			"last byte, no checksum", func(o *Offer) { o.Checksum = "" }, true, flipped(len(good) - 1),
			&mismatch,
		},
		{"short", nil, true, short, &shortErr},
		{
			"short by a part, size unknown", func(o *Offer) { o.Size = 0 }, true, good[:PartSize],
			&shortErr,
		},
		{"nothing, size unknown", func(o *Offer) { o.Size = 0 }, true, nil, &shortErr},
		{"long", nil, false, long, &excess},
		{
			"long by a part, size unknown", func(o *Offer) { o.Size = 0; o.Partials = o.Partials[:1] }, true,
			good[:PartSize+1], &excess,
		},
		{"endless", func(o *Offer) { o.Size = 0 }, false, content(4<<20, 2), &tooLarge},
	} {
		for _, chunk := range []int{64 << 10, 1000, PartSize + 1} {
			t.Run(c.name, func(t *testing.T) {
				o := describe(good, c.parts)
				if c.offer != nil {
					c.offer(o)
				}
				err := feed(NewVerifier(o.Source(), 3<<20), c.data, chunk)
				if c.name == "long by a part, size unknown" && err == nil {
					t.Fatal("accepted")
				}
				if c.want == nil {
					require.NoError(t, err)
					return
				}
				require.ErrorAs(t, err, c.want)
			})
		}
	}
}

func TestVerifierErrorsSayWhich(t *testing.T) {
	data := content(PartSize+1, 1)
	o := describe(data, true)
	data[PartSize] ^= 1
	err := feed(NewVerifier(o.Source(), 0), data, 1000)
	require.ErrorContains(t, err, "part 1 of the file is corrupt")
	require.ErrorContains(
		t,
		&TooLargeError{Size: 9, Capacity: 4},
		"the firmware has 9 bytes, the slot takes 4",
	)
}

// rehash runs r over a slot.
func rehash(r *Rehash, slot []byte) {
	buf := make([]byte, PartSize)
	for off, n := r.Next(); n > 0; off, n = r.Next() {
		read, _ := bytes.NewReader(slot).ReadAt(buf[:n], off)
		r.Take(buf[:read])
	}
}

// Whatever a slot holds and wherever the checkpoint was: what is kept and what is downloaded behind
// it make the file, or the verifier says no. With part hashes at most one part is lost behind the
// last good byte.
func TestRehashKeepsOnlyWhatIsGood(t *testing.T) {
	good := content(PartSize*3+PartSize/2, 3)
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.Bool().Draw(t, "parts")
		written := rapid.IntRange(0, len(good)).Draw(t, "written")
		checkpoint := rapid.IntRange(0, len(good)).Draw(t, "checkpoint")
		bad := rapid.IntRange(-1, len(good)-1).Draw(t, "bad")
		slot := append(bytes.Clone(good[:written]), content(len(good)-written, 4)...)
		if bad >= 0 && bad < written {
			slot[bad] ^= 0x80
		}
		o := describe(good, parts)
		v := NewVerifier(o.Source(), 0)
		r := NewRehash(v, int64(checkpoint))
		rehash(r, slot)

		off := int(v.Offset())
		intact := written
		if bad >= 0 {
			intact = min(intact, bad)
		}
		if parts {
			require.GreaterOrEqual(t, off, intact/PartSize*PartSize, "a good part is kept")
			require.Less(t, off, intact/PartSize*PartSize+PartSize, "a bad one is not")
		} else {
			require.Equal(t, checkpoint, off, "the checkpoint is all there is to go by")
		}
		err := feed(v, good[off:], 64<<10)
		if bytes.Equal(slot[:off], good[:off]) {
			require.NoError(t, err)
		} else {
			var mismatch *MismatchError
			require.ErrorAs(t, err, &mismatch, "bytes that were kept are judged with the rest")
		}
	})
}

func TestRehashOfAWholeSlot(t *testing.T) {
	good := content(PartSize*2+5, 5)
	for _, parts := range []bool{true, false} {
		v := NewVerifier(describe(good, parts).Source(), 0)
		rehash(NewRehash(v, int64(len(good))), good)
		require.Equal(t, int64(len(good)), v.Offset(), "nothing has to be downloaded")
		require.NoError(t, v.Finish())
	}
}

func TestRehashOfAShortSlot(t *testing.T) {
	good := content(PartSize*2, 5)
	for _, parts := range []bool{true, false} {
		v := NewVerifier(describe(good, parts).Source(), 0)
		rehash(NewRehash(v, PartSize*2), good[:PartSize+10])
		require.LessOrEqual(t, v.Offset(), int64(PartSize+10))
		require.GreaterOrEqual(t, v.Offset(), int64(PartSize))
		require.NoError(t, feed(v, good[v.Offset():], 1000))
	}
}
