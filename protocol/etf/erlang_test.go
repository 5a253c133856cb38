package etf

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/tests/needs"
)

// terms makes random terms.
type terms struct{ *rand.Rand }

func (r terms) term(depth int) Term {
	kinds := 8
	if depth > 0 {
		kinds = 12
	}
	switch r.IntN(kinds) {
	case 0:
		return Int(r.IntN(600) - 300)
	case 1:
		return Int(r.Uint64() >> r.IntN(64))
	case 2:
		return integer(
			new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(r.Int64()), uint(r.IntN(2100))), pow2(64)),
		)
	case 3:
		return Float(r.NormFloat64() * math.Pow(10, float64(r.IntN(200)-100)))
	case 4:
		return []Term{Nil, True, OK, Atom("é"), Atom("日本"), Atom(""), Atom("with space")}[r.IntN(7)]
	case 5:
		return r.octets(300)
	case 6:
		return Bitstring{Bytes: append(r.octets(9), 0x80), Last: 1 + r.IntN(7)}
	case 7:
		return Charlist(string(r.octets(300)))
	case 8:
		return List(r.elements(depth))
	case 9:
		return Tuple(r.elements(depth))
	case 10:
		return Improper{Elems: append(r.elements(depth), OK), Tail: Int(r.IntN(10))}
	}
	m := Map{}
	for _, value := range r.elements(depth) {
		if key := r.term(depth - 1); !r.has(m, key) {
			m = append(m, Pair{key, value})
		}
	}
	sortPairs(m)
	return m
}

func (r terms) has(m Map, key Term) bool {
	_, ok := m.Get(key)
	return ok
}

func (r terms) elements(depth int) []Term {
	ts := make([]Term, r.IntN(6))
	for i := range ts {
		ts[i] = r.term(depth - 1)
	}
	return ts
}

func (r terms) octets(limit int) Binary {
	b := make(Binary, r.IntN(limit))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func hasMap(t Term) bool {
	switch t := t.(type) {
	case Map:
		return true
	case List:
		for _, e := range t {
			if hasMap(e) {
				return true
			}
		}
	case Tuple:
		return hasMap(List(t))
	case Improper:
		return hasMap(List(t.Elems))
	}
	return false
}

const seed = 20261124

func TestRandomTermsComeBack(t *testing.T) {
	r := terms{rand.New(rand.NewPCG(seed, 1))}
	for range 10_000 {
		term := r.term(4)
		for _, minor := range []Minor{Minor1, Minor2} {
			data, err := Encoder{Minor: minor}.Append(nil, term)
			require.NoError(t, err)
			got, used, err := Decoder{AnyAtom: true}.Decode(data)
			require.NoError(t, err)
			require.Equal(t, len(data), used)
			requireSame(t, term, got, "encoded and decoded")
		}
	}
}

// Erlang reads every term and writes it in each way that it has. Maps may come back in another
// order, since newer systems do not sort them; everything else must be the same bytes.
const echo = `
Echo = fun F(<<>>, Acc) -> lists:reverse(Acc);
           F(<<N:32, B:N/binary, Rest/binary>>, Acc) ->
               T = binary_to_term(B),
               Ways = [[{minor_version,0}], [{minor_version,1}], [{minor_version,2}], [compressed]],
               Out = [begin X = term_to_binary(T, W), <<(byte_size(X)):32, X/binary>> end
                      || W <- Ways],
               F(Rest, [Out | Acc])
       end,
{ok, In} = file:read_file("in"),
ok = file:write_file("out", Echo(In, [])),
halt(0).`

func TestRandomTermsThroughErlang(t *testing.T) {
	erl := needs.Program(t, "erl", "terms against Erlang")
	dir := t.TempDir()
	r := terms{rand.New(rand.NewPCG(seed, 2))}
	var sent []Term
	var in []byte
	for range 10_000 {
		term := r.term(4)
		data, err := Encode(term)
		require.NoError(t, err)
		in = append(binary.BigEndian.AppendUint32(in, uint32(len(data))), data...)
		sent = append(sent, term)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "in"), in, 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, erl, "-noinput", "-noshell", "-eval", echo)
	cmd.Dir = dir
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", text)

	out, err := os.ReadFile(filepath.Join(dir, "out"))
	require.NoError(t, err)
	next := func() []byte {
		n := binary.BigEndian.Uint32(out)
		data := out[4 : 4+n]
		out = out[4+n:]
		return data
	}
	for i, term := range sent {
		for _, minor := range []Minor{Minor0, Minor1, Minor2} {
			data := next()
			got, _, err := Decoder{AnyAtom: true}.Decode(data)
			require.NoError(t, err, "term %d", i)
			if minor != Minor0 {
				requireSame(t, term, got, "through Erlang")
			}
			want, err := Encoder{Minor: minor}.Append(nil, term)
			require.NoError(t, err)
			require.True(
				t,
				hasMap(term) || bytes.Equal(want, data),
				"term %d, minor %d: Erlang writes\n%x, we\n%x",
				i,
				minor,
				data,
				want,
			)
		}
		got, _, err := Decoder{AnyAtom: true}.Decode(next())
		require.NoError(t, err)
		requireSame(t, term, got, "compressed by Erlang")
	}
	require.Empty(t, out)
}
