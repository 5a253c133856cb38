package fwfile

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/tests/golden"
)

// mutate changes an archive in one to four places.
func mutate(rnd *rand.Rand, archive []byte) []byte {
	b := bytes.Clone(archive)
	for range 1 + rnd.IntN(4) {
		if len(b) < 2 {
			return b
		}
		at := rnd.IntN(len(b))
		n := min(1+rnd.IntN(64), len(b)-at)
		switch rnd.IntN(7) {
		case 0, 1:
			b[at] ^= 1 << rnd.IntN(8)
		case 2:
			b[at] = byte(rnd.Uint32())
		case 3:
			b = b[:at]
		case 4:
			b = append(b[:at], b[at+n:]...)
		case 5: // repeat
			b = append(b[:at+n:at+n], b[at:]...)
		case 6: // bytes from elsewhere
			copy(b[at:at+n], b[rnd.IntN(len(b)):])
		}
	}
	return b
}

// content of an archive that was accepted: meta.conf and the bytes of every resource.
func contents(archive []byte, opts Options) (map[string]string, error) {
	r, err := NewReader(bytes.NewReader(archive), opts)
	if err != nil {
		return nil, err
	}
	got := map[string]string{"meta.conf": string(r.MetaText())}
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		if e.Delta {
			e.Resource = &Resource{Name: "delta of " + e.Resource.Name}
		}
		got[e.Resource.Name] = string(data)
	}
}

// A mutation of a signed archive is refused, or what it says is what was signed: meta.conf to the
// letter, and of the resources those that are there. A resource may be taken for a delta, whose
// hash its applier has to compare; it is then not the resource. HUBLINK_SCALE=1 makes a million.
func TestMutationsOfSignedArchives(t *testing.T) {
	rounds := 3_000
	if os.Getenv("HUBLINK_SCALE") != "" {
		rounds = 1_000_000
	}
	var made bytes.Buffer
	require.NoError(t, Create(&made, small(map[string]string{
		"rootfs.img": "some data that deflate makes shorter shorter shorter", "boot.txt": "x",
	})))
	archives := [][]byte{made.Bytes()}
	for _, file := range golden.Files(t, "fixtures/fwup/fw/edge-*.fw", testdata) {
		archives = append(archives, golden.Read(t, file))
	}
	opts := Options{Keys: []Key{key(t, "key1"), publicKey()}}
	var signed []map[string]string
	for _, a := range archives {
		c, err := contents(a, opts)
		if err != nil {
			c = nil
		}
		signed = append(signed, c)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	accepted := 0
	for i := range rounds {
		n := rnd.IntN(len(archives))
		got, err := contents(mutate(rnd, archives[n]), opts)
		if err != nil {
			continue
		}
		accepted++
		for name, data := range got {
			if signed[n] == nil || signed[n][name] != data {
				if len(name) > 8 && name[:8] == "delta of" {
					continue
				}
				require.Failf(t, "accepted", "round %d: %s of archive %d is not what was signed", i, name, n)
			}
		}
	}
	t.Logf("%d mutations, %d of them left alone what counts", rounds, accepted)
}

// FuzzReader holds the reader against any bytes, with and without keys.
func FuzzReader(f *testing.F) {
	for _, pattern := range []string{"edge-*.fw", "ops-*.fw"} {
		for _, file := range golden.Files(f, "fixtures/fwup/fw/"+pattern, testdata) {
			f.Add(golden.Read(f, file))
		}
	}
	f.Fuzz(func(t *testing.T, archive []byte) {
		got, err := contents(archive, Options{AllowUnsigned: true})
		if err == nil && len(got) == 0 {
			t.Fatal("accepted without meta.conf")
		}
		if _, err := contents(archive, Options{Keys: []Key{{1}}}); err == nil {
			t.Fatal("a signature of a key that does not exist")
		}
	})
}

// FuzzMeta parses any meta.conf; what it accepts it writes in a form that means the same.
func FuzzMeta(f *testing.F) {
	for _, file := range golden.Files(f, "fixtures/fwup/fw/*-1.0.0.fw", testdata) {
		r, err := NewReader(bytes.NewReader(golden.Read(f, file)), Options{AllowUnsigned: true})
		require.NoError(f, err)
		f.Add(r.MetaText())
	}
	f.Add([]byte("a=b\n'c d'+={1,2,'\\''} # x\n/* y */ task \"t\\x41\\101\" { on-init { funlist={1,x} } }"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseMeta(text)
		if err != nil {
			return
		}
		_ = m.Text()
	})
}
