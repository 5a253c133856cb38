package etf

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Environment of TestHostileTerms: how many terms, and that this process is the child that decodes
// them.
const (
	envScale = "HUBLINK_SCALE"         // "1": a million
	envChild = "HUBLINK_HOSTILE_CHILD" // number of terms and file of the vectors
)

const maxResident = 64 << 10 // KiB

// Mutations of all vectors are decoded in a process of its own, with default limits, and its
// greatest size is looked at. The seed makes it the same run each time.
func TestHostileTerms(t *testing.T) {
	n := 20_000
	if os.Getenv(envScale) == "1" {
		n = 1_000_000
	}
	if child := os.Getenv(envChild); child != "" {
		count, file, _ := strings.Cut(child, " ")
		n, err := strconv.Atoi(count)
		require.NoError(t, err)
		decodeHostile(t, n, readSeeds(t, file))
		return
	}
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: the size of a process is read from /proc")
	}
	file := filepath.Join(t.TempDir(), "seeds")
	writeSeeds(t, file)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHostileTerms$", "-test.v")
	// The limit makes the collector keep up on a busy machine; it is soft, so that memory that is
	// really held still shows.
	cmd.Env = append(os.Environ(), envChild+"="+strconv.Itoa(n)+" "+file, "GOMEMLIMIT=32MiB")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	var resident int
	for line := range strings.Lines(string(out)) {
		if _, after, ok := strings.Cut(line, "VmHWM: "); ok {
			_, err := fmt.Sscanf(after, "%d kB", &resident)
			require.NoError(t, err)
		}
	}
	require.NotZero(t, resident, "%s", out)
	t.Logf("%d hostile terms, greatest resident size %d KiB", n, resident)
	if !raceEnabled { // the detector has memory of its own
		require.Less(t, resident, maxResident)
	}
}

// writeSeeds puts the octets of all vectors into one file, so that the child need not hold the
// vectors themselves.
func writeSeeds(t *testing.T, file string) {
	var out []byte
	add := func(data []byte) {
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(data))),
			data...)
	}
	for _, f := range vectors(t) {
		for _, v := range append(f.DecodeLegal, f.Cases...) {
			add(v.Hex)
		}
		for _, v := range f.Encode {
			add(v.Minor1)
			add(v.Compressed)
		}
	}
	require.NoError(t, os.WriteFile(file, out, 0o600))
}

func readSeeds(t *testing.T, file string) (seeds [][]byte) {
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	for len(data) > 0 {
		n := 4 + binary.BigEndian.Uint32(data)
		seeds = append(seeds, data[4:n:n])
		data = data[n:]
	}
	return seeds
}

func decodeHostile(t *testing.T, n int, seeds [][]byte) {
	rng := rand.New(rand.NewPCG(seed, 3))
	accepted := 0
	var data []byte // used again and again, so that the test's own garbage is not measured
	for range n {
		data = mutate(rng, append(data[:0], seeds[rng.IntN(len(seeds))]...))
		d := Decoder{AnyAtom: rng.IntN(2) == 0, Keep: Kind(rng.IntN(16))}
		term, used, err := d.Decode(data)
		if err != nil {
			continue
		}
		accepted++
		require.LessOrEqual(t, used, len(data))
		again, err := Encode(term)
		require.NoError(t, err, "what was decoded can be encoded")
		_, _, err = Decoder{
			AnyAtom: true,
			Keep:    d.Keep,
			Limits:  Limits{Bytes: len(again) + 1},
		}.Decode(
			again,
		)
		require.NoError(t, err, "and decoded")
	}
	require.NotZero(t, accepted, "not all are refused")
	status, err := os.Open("/proc/self/status")
	require.NoError(t, err)
	defer status.Close()
	for s := bufio.NewScanner(status); s.Scan(); {
		if after, ok := strings.CutPrefix(s.Text(), "VmHWM:"); ok {
			t.Logf("VmHWM: %s of %d accepted", strings.TrimSpace(after), accepted)
		}
	}
}

// mutate makes one to four changes in place: octets, lengths, cuts, repetitions.
func mutate(rng *rand.Rand, data []byte) []byte {
	for range 1 + rng.IntN(4) {
		if len(data) < 6 {
			return append(data, byte(rng.Uint32()))
		}
		at := 1 + rng.IntN(len(data)-1)
		switch rng.IntN(5) {
		case 0:
			data[at] = byte(rng.Uint32())
		case 1:
			data[at] ^= 1 << rng.IntN(8)
		case 2:
			at = 1 + rng.IntN(len(data)-4)
			binary.BigEndian.PutUint32(data[at:], rng.Uint32()>>rng.IntN(32))
		case 3:
			data = data[:at]
		default:
			part := bytes.Clone(data[at:min(len(data), at+1+rng.IntN(32))])
			data = slices.Insert(data, at, part...)
		}
	}
	return data
}
