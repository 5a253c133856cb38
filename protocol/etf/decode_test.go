package etf

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestUnknownAtoms(t *testing.T) {
	data, err := Encode(List{Atom("temperature"), OK})
	require.NoError(t, err)

	_, err = Decode(data)
	var unknown *UnknownAtomError
	require.ErrorAs(t, err, &unknown)
	require.Equal(t, UnknownAtomError{Name: "temperature", Position: Position{Offset: 6}}, *unknown)
	require.ErrorContains(t, err, `"temperature" at byte 6`)

	for name, d := range map[string]Decoder{
		"listed": {Atoms: Atoms("x", "temperature")},
		"any":    {AnyAtom: true},
	} {
		got, _, err := d.Decode(data)
		require.NoError(t, err, name)
		require.Equal(t, List{Atom("temperature"), OK}, got, name)
	}
	for _, name := range []Atom{Nil, True, False, OK, Error} {
		data, err := Encode(name)
		require.NoError(t, err)
		got, err := Decode(data)
		require.NoError(t, err, "known to all")
		require.Equal(t, name, got)
	}
}

func TestKinds(t *testing.T) {
	node := "\x77\x01n"
	for kind, raw := range map[Kind]string{
		Pid:       "\x58" + node + strings.Repeat("\x00", 12),
		Reference: "\x5a\x00\x01" + node + strings.Repeat("\x00", 8),
		Port:      "\x59" + node + strings.Repeat("\x00", 8),
		Fun:       "\x71" + node + node + "\x61\x00",
	} {
		t.Run(kind.String(), func(t *testing.T) {
			data := []byte("\x83" + raw)
			_, err := Decode(data)
			var refused *KindError
			require.ErrorAs(t, err, &refused, "refused unless asked for")
			require.Equal(t, KindError{Kind: kind, Position: Position{Offset: 1}}, *refused)

			_, _, err = Decoder{Keep: kind}.Decode(data)
			require.IsType(t, &UnknownAtomError{}, err, "the node's name is an atom like others")

			got, _, err := Decoder{Keep: kind, Atoms: Atoms("n")}.Decode(data)
			require.NoError(t, err)
			require.Equal(t, Opaque{Kind: kind, Raw: []byte(raw)}, got)
			for cut := range data {
				_, _, err := Decoder{Keep: kind, Atoms: Atoms("n")}.Decode(data[:cut])
				require.IsType(t, &SyntaxError{}, err, "cut at %d", cut)
			}
		})
	}
}

func nest(depth int) []byte {
	return append(
		append([]byte{version}, bytes.Repeat([]byte{tagList, 0, 0, 0, 1}, depth-1)...),
		bytes.Repeat([]byte{tagNil}, depth)...)
}

func TestLimits(t *testing.T) {
	longList, err := Encode(List(slices.Repeat([]Term{List{}}, 1000)))
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		data     []byte
		low, fit Limits
	}{
		"depth":            {nest(100), Limits{Depth: 99}, Limits{Depth: 100}},
		"list elements":    {longList, Limits{Elements: 999}, Limits{Elements: 1000}},
		"octets of a list": {[]byte("\x83k\x00\x03abc"), Limits{Elements: 2}, Limits{Elements: 3}},
		"a pair counts two": {
			[]byte("\x83t\x00\x00\x00\x01jj"),
			Limits{Elements: 1},
			Limits{Elements: 2},
		},
		"all together": {
			[]byte("\x83h\x02h\x02jjh\x02jj"),
			Limits{Elements: 5},
			Limits{Elements: 6},
		},
		"bytes": {longList, Limits{Bytes: len(longList) - 1}, Limits{Bytes: len(longList)}},
		"inflated bytes": {
			[]byte("\x83P\x00\x00\x00\x02x\x9cKd\x04\x00\x00\xc5\x00c"),
			Limits{Inflated: 1},
			Limits{Inflated: 2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := Decoder{Limits: tc.low}.Decode(tc.data)
			require.ErrorIs(t, err, ErrLimit)
			requirePlaced(t, err, len(tc.data))
			_, _, err = Decoder{Limits: tc.fit}.Decode(tc.data)
			require.NoError(t, err)
		})
	}
	_, _, err = Decoder{
		Limits: Limits{Depth: 1 << 30, Bytes: 1 << 30, Elements: 1 << 30},
	}.Decode(
		nest(MaxDepth + 1),
	)
	require.ErrorIs(t, err, ErrLimit, "whatever is asked for, the stack is not used up")
}

// Memory is bounded by what came in, not by what it claims.
func TestHostileMemory(t *testing.T) {
	claim := func(tag byte, n uint32) []byte { return binary.BigEndian.AppendUint32([]byte{tag}, n) }
	padding := bytes.Repeat([]byte{tagNil}, 1<<20)
	for name, data := range map[string][]byte{
		"list of 4 G":         append([]byte{version}, claim(tagList, 1<<32-1)...),
		"tuple of 1 M, empty": append([]byte{version}, claim(tagLargeTuple, 1<<20)...),
		"lists, each claims the rest": slices.Concat([]byte{version},
			bytes.Repeat(claim(tagList, 1<<18), 500), padding),
		"maps, each claims the rest": slices.Concat([]byte{version},
			bytes.Repeat(append(claim(tagMap, 1<<18), tagNil), 500), padding),
		"binary of 4 G": append([]byte{version}, claim(tagBinary, 1<<32-1)...),
		"big of 4 G":    append([]byte{version}, claim(tagLargeBig, 1<<32-1)...),
		"inflates to 4 G": append([]byte{version, tagCompressed, 255, 255, 255, 255},
			"x\x9cKd\x04\x00\x00\xc5\x00c"...),
		"inflates to 8 M, it says": append([]byte{version, tagCompressed, 0, 0x80, 0, 0},
			"x\x9cKd\x04\x00\x00\xc5\x00c"...),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Decode(data)
			runtime.ReadMemStats(&after)
			require.Error(t, err)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(10<<20), "bytes taken")
		})
	}
}

// Maps in the keys of maps in the keys of maps: finding duplicates must not take time that grows
// faster than the input.
func TestHostileKeys(t *testing.T) {
	var keys func(depth int, last byte) []byte
	keys = func(depth int, last byte) []byte {
		if depth == 0 {
			return append(append([]byte{tagBinary, 0, 0, 1, 0}, make([]byte, 255)...), last)
		}
		return slices.Concat(
			[]byte{tagMap, 0, 0, 0, 2},
			keys(depth-1, 0),
			[]byte{tagNil},
			keys(depth-1, last+1),
			[]byte{tagNil},
		)
	}
	data := append([]byte{version}, keys(13, 0)...) // keys differ in their very last octet
	require.Greater(t, len(data), 1<<20)
	start := time.Now()
	_, err := Decode(data)
	require.NoError(t, err)
	require.Less(t, time.Since(start), 5*time.Second, "%d bytes", len(data))
}

func TestLongTailsAreOneList(t *testing.T) {
	// [0 | [1 | [2 | ...]]], deeper than the limit of depth would allow
	data := []byte{version}
	for i := range 10_000 {
		data = append(data, tagList, 0, 0, 0, 1, tagInt, 0, 0, byte(i>>8), byte(i))
	}
	got, err := Decode(append(data, tagNil))
	require.NoError(t, err)
	require.Len(t, got, 10_000)
	require.Equal(t, Int(9999), got.(List)[9999])
}

func TestRestIsLeftAlone(t *testing.T) {
	data := []byte("\x83a\x05rest")
	got, used, err := Decoder{}.Decode(data)
	require.NoError(t, err)
	require.Equal(t, Int(5), got)
	require.Equal(t, "rest", string(data[used:]))
}

func TestMaps(t *testing.T) {
	m := Map{{Binary("id"), Binary("d1")}, {Atom("nil"), Int(1)}, {Float(1), OK}, {Int(1), Error}}
	data, err := Encode(m)
	require.NoError(t, err)
	got, err := Decode(data)
	require.NoError(t, err)
	require.Equal(t, m, got, "pairs in the order of the wire")
	v, ok := m.Get(Int(1))
	require.True(t, ok)
	require.Equal(t, Error, v, "1 and 1.0 are two keys")
	_, ok = m.Get(Int(2))
	require.False(t, ok)
	text, ok := m.Text("id")
	require.True(t, ok)
	require.Equal(t, "d1", text)

	large := make(Map, 100)
	for i := range large {
		large[i] = Pair{Int(i), Int(i)}
	}
	large[99].Key = Int(7)
	_, err = Encode(large)
	require.ErrorContains(t, err, "same key twice")
}

func TestCharlist(t *testing.T) {
	data, err := Encode(Charlist("token_please"))
	require.NoError(t, err)
	require.Equal(t, "\x83k\x00\x0ctoken_please", string(data))
	got, err := Decode(data)
	require.NoError(t, err)
	text, ok := got.(List).Octets()
	require.True(t, ok)
	require.Equal(t, "token_please", text)
	_, ok = List{Int(256)}.Octets()
	require.False(t, ok)
}

func TestOrderOfTerms(t *testing.T) {
	order := []Term{
		Int(-1), Int(0), Int(300),
		Big{pow2(70)},
		Float(-2), Float(0.5), Atom("a"), Atom("ab"), Atom("b"),
		Opaque{Reference, []byte{1}},
		Opaque{Fun, []byte{1}},
		Opaque{Port, []byte{1}},
		Opaque{Pid, []byte{1}},
		Opaque{Pid, []byte{2}},
		Tuple{},
		Tuple{Int(9)},
		Tuple{Int(1), Int(2)},
		Map{},
		Map{{Int(1), Int(2)}},
		Map{{Int(1), Int(3)}},
		Map{{Int(2), Int(0)}},
		List{},
		Improper{[]Term{Int(1)}, Int(2)}, // 2 is less than the [] at the end of the next
		List{Int(1)},
		List{Int(1), Int(2)},
		Improper{[]Term{Int(1)}, Binary("x")},
		List{Int(2)},
		Binary(""),
		Binary("a\x80"),
		Bitstring{[]byte{0x80}, 1},
		Binary("\x80"),
	}
	for i, a := range order {
		for j, b := range order {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			require.Equal(t, want, compare(a, b), "%v %T and %v %T", a, a, b, b)
		}
	}
}
