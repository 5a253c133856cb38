package ubootenv

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Regions of 64 bytes as other programs write them, without their padding of 0xFF.
const (
	single    = "84c9d2cb612e6e65727665735f66775f757569643d78006e65727665735f66775f6163746976653d610000"
	redundant = "697810bc01612e6e65727665735f66775f757569643d78006e65727665735f66775f6163746976653d610000"
)

func region(t testing.TB, text string) []byte {
	t.Helper()
	p, err := hex.DecodeString(text)
	require.NoError(t, err)
	return append(p, bytes.Repeat([]byte{0xFF}, 64-len(p))...)
}

func TestVectors(t *testing.T) {
	for text, flags := range map[string]byte{single: 0, redundant: 1} {
		env, got, err := Decode(region(t, text), flags > 0)
		require.NoError(t, err)
		require.Equal(t, flags, got)
		require.Equal(t, []string{"a.nerves_fw_uuid", "nerves_fw_active"}, env.Keys(""))
		value, ok := env.Get("a.nerves_fw_uuid")
		require.True(t, ok)
		require.Equal(t, "x", value)

		made := &Env{}
		require.NoError(t, made.Set("a.nerves_fw_uuid", "x"))
		require.NoError(t, made.Set("nerves_fw_active", "a"))
		out, err := made.Encode(64, flags, flags > 0)
		require.NoError(t, err)
		require.Equal(t, region(t, text), out)
	}
}

func TestSetKeepsPlaceAndOtherEntries(t *testing.T) {
	env := &Env{entries: []string{"b=1", "no equals sign", "a=1", "b=2", "=", "c=x=y"}}
	value, _ := env.Get("b")
	require.Equal(t, "2", value, "the last one counts")
	value, _ = env.Get("c")
	require.Equal(t, "x=y", value)
	require.NoError(t, env.Set("b", "3"))
	require.NoError(t, env.Set("d", "4"))
	require.Equal(t, []string{"b=3", "no equals sign", "a=1", "=", "c=x=y", "d=4"}, env.entries)
	require.NoError(t, env.Set("a", ""))
	env.Delete("d")
	require.Equal(t, []string{"b=3", "no equals sign", "=", "c=x=y"}, env.entries)
	_, ok := env.Get("a")
	require.False(t, ok)
}

func TestSetRefusesWhatWouldBreakOthers(t *testing.T) {
	env := &Env{}
	for _, c := range [][2]string{{"", "x"}, {"a=b", "x"}, {"a\x00b", "x"}, {"a", "x\x00b=1"}} {
		require.ErrorIs(t, env.Set(c[0], c[1]), ErrEntry, "%q", c)
	}
	require.Empty(t, env.Keys(""))
}

func TestSizes(t *testing.T) {
	env := &Env{}
	require.NoError(t, env.Set("k", strings.Repeat("v", 40)))
	const need = 4 + 2 + 40 + 1 + 1
	for _, c := range []struct {
		size      int
		redundant bool
		ok        bool
	}{{need, false, true}, {need - 1, false, false}, {need + 1, true, true}, {need, true, false}} {
		out, err := env.Encode(c.size, 7, c.redundant)
		if !c.ok {
			var full *FullError
			require.ErrorAs(t, err, &full)
			require.Equal(t, c.size, full.Size)
			continue
		}
		require.NoError(t, err)
		back, _, err := Decode(out, c.redundant)
		require.NoError(t, err)
		require.True(t, env.Equal(back))
	}
	for _, size := range []int{0, MinSize - 1, MaxSize + 1} {
		_, err := env.Encode(size, 0, false)
		require.ErrorIs(t, err, ErrSize)
		_, _, err = Decode(make([]byte, size), false)
		require.ErrorIs(t, err, ErrSize)
	}
	empty, err := (&Env{}).Encode(64, 0, true)
	require.NoError(t, err)
	back, _, err := Decode(empty, true)
	require.NoError(t, err)
	require.Empty(t, back.Keys(""))
}

func TestEveryDamageIsFound(t *testing.T) {
	intact := region(t, redundant)
	for i := range intact {
		broken := bytes.Clone(intact)
		broken[i] ^= 1
		_, _, err := Decode(broken, true)
		if i == 4 { // the flags are not covered
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, ErrDamaged, "byte %d", i)
	}
}

func TestNewest(t *testing.T) {
	for _, c := range []struct {
		a, b byte
		want int
	}{
		{0, 0, 0},
		{1, 0, 0},
		{0, 1, 1},
		{255, 0, 1},
		{0, 255, 0},
		{100, 227, 1},
		{227, 100, 0},
		{5, 5, 0},
	} {
		require.Equal(t, c.want, Newest(c.a, c.b), "%d and %d", c.a, c.b)
	}
}

// Get returns what Set set last, in any order of keys, also after encoding and decoding.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		env, model := &Env{}, map[string]string{}
		for range rapid.IntRange(0, 50).Draw(t, "steps") {
			key := rapid.SampledFrom([]string{"a", "b", "a.b", "ab", "é"}).Draw(t, "key")
			value := rapid.StringMatching(`[a-z= ]{0,5}`).Draw(t, "value")
			require.NoError(t, env.Set(key, value))
			model[key] = value
			if value == "" {
				delete(model, key)
			}
		}
		out, err := env.Encode(4096, 9, true)
		require.NoError(t, err)
		back, flags, err := Decode(out, true)
		require.NoError(t, err)
		require.Equal(t, byte(9), flags)
		require.Len(t, back.Keys(""), len(model))
		for k, v := range model {
			got, _ := back.Get(k)
			require.Equal(t, v, got)
		}
	})
}

// Decode takes any bytes. An environment that it accepts encodes again, and entries that were not
// set stay as they were.
func FuzzDecode(f *testing.F) {
	f.Add(region(f, single)[4:], false)
	f.Add(region(f, redundant)[5:], true)
	f.Add([]byte("a=1\x00a=2\x00=\x00x\x00\x00tail"), true)
	f.Add([]byte("no end of the entries at all"), false)
	f.Add(make([]byte, 100), true)
	f.Fuzz(func(t *testing.T, data []byte, redundant bool) {
		for _, raw := range [][]byte{data, sealed(data, redundant)} {
			env, flags, err := Decode(raw, redundant)
			if err != nil {
				require.True(t, errors.Is(err, ErrDamaged) || errors.Is(err, ErrSize), "%v", err)
				continue
			}
			before := env.Clone()
			require.NoError(t, env.Set("nerves_fw_active", "b"))
			env.Delete("nerves_fw_active")
			out, err := env.Encode(len(raw)+8, flags, redundant)
			require.NoError(t, err)
			back, again, err := Decode(out, redundant)
			require.NoError(t, err)
			require.Equal(t, flags, again)
			before.Delete("nerves_fw_active")
			require.True(t, before.Equal(back), "%q became %q", before.entries, back.entries)
		}
	})
}

// sealed returns data with a correct CRC before it.
func sealed(data []byte, redundant bool) []byte {
	raw := append(make([]byte, header(redundant)), data...)
	if len(raw) < MinSize {
		raw = append(raw, make([]byte, MinSize-len(raw))...)
	}
	return seal(raw, redundant)
}
