package erltext

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hublink-go/hublink/protocol/etf"
)

func TestFormat(t *testing.T) {
	for want, term := range map[string]etf.Term{
		"-7":                    etf.Int(-7),
		"18446744073709551616":  pow2(64),
		"ok":                    etf.OK,
		"'Ok'":                  etf.Atom("Ok"),
		"''":                    etf.Atom(""),
		"'end'":                 etf.Atom("end"),
		"'else'":                etf.Atom("else"),
		"höhe":                  etf.Atom("höhe"),
		"'日本'":                  etf.Atom("日本"),
		`'it\'s\n\000\x{202E}'`: etf.Atom("it's\n\x00\u202e"),
		"21.5":                  etf.Float(21.5),
		"-0.0":                  etf.Float(math.Copysign(0, -1)),
		"1.0e22":                etf.Float(1e22),
		"5.0e-324":              etf.Float(5e-324),
		`<<"x">>`:               etf.Binary("x"),
		`<<"höhe"/utf8>>`:       etf.Binary("höhe"),
		`<<"say \"\\\"\n">>`:    etf.Binary("say \"\\\"\n"),
		"<<>>":                  etf.Binary{},
		"<<0,255>>":             etf.Binary{0, 255},
		"<<1,5:3>>":             etf.Bitstring{Bytes: []byte{1, 0xa0}, Last: 3},
		"[]":                    etf.List{},
		`"abc"`:                 etf.Charlist("abc"),
		"[0,97]":                etf.Charlist("\x00a"),
		"[26085]":               etf.List{etf.Int('日')},
		"[1,2|3]": etf.Improper{
			Elems: []etf.Term{etf.Int(1), etf.Int(2)},
			Tail:  etf.Int(3),
		},
		`{ok,#{a => 1,<<"b">> => 2}}`: etf.Tuple{
			etf.OK,
			etf.Map{{Key: etf.Atom("a"), Value: etf.Int(1)}, {Key: etf.Binary("b"), Value: etf.Int(2)}},
		},
		"{}":          etf.Tuple{},
		"#{}":         etf.Map{},
		"#Port<5964>": etf.Opaque{Kind: etf.Port, Raw: []byte("Yd")},
	} {
		require.Equal(t, want, Format(term))
	}
}

// What is no term is shown all the same, and never taken for one.
func TestFormatOfWhatIsNoTerm(t *testing.T) {
	endless := etf.List{nil}
	endless[0] = endless
	for _, term := range []etf.Term{
		nil, endless,
		etf.Big{},
		etf.Float(math.NaN()), etf.Float(math.Inf(-1)),
		etf.Bitstring{},
		etf.Bitstring{Bytes: []byte{1}, Last: 8},
		etf.Opaque{},
		etf.Tuple{nil},
		etf.Improper{Elems: []etf.Term{etf.OK}},
	} {
		text := Format(term)
		require.Contains(t, text, "?")
		_, _, err := Parser{Limits: Limits{Depth: etf.MaxDepth}}.Parse(text + ".")
		require.Error(t, err)
	}
}

// terms makes terms of all kinds.
func terms(depth int) *rapid.Generator[etf.Term] {
	kinds := []*rapid.Generator[etf.Term]{
		rapid.Custom(func(t *rapid.T) etf.Term { return etf.Int(rapid.Int64().Draw(t, "int")) }),
		rapid.Custom(func(t *rapid.T) etf.Term {
			n := new(
				big.Int,
			).Lsh(big.NewInt(rapid.Int64Range(1, math.MaxInt64).Draw(t, "big")),
				uint(rapid.IntRange(64, 300).Draw(t, "shift")))
			if rapid.Bool().Draw(t, "negative") {
				n.Neg(n)
			}
			return etf.Big{Int: n}
		}),
		rapid.Custom(func(t *rapid.T) etf.Term { return etf.Float(rapid.Float64().Draw(t, "float")) }),
		rapid.Custom(
			func(t *rapid.T) etf.Term { return etf.Atom(rapid.StringN(0, 255, -1).Draw(t, "atom")) },
		),
		rapid.Custom(func(t *rapid.T) etf.Term {
			return etf.Atom(rapid.StringMatching(`[a-zß-ÿ][a-zA-Z0-9_@à]{0,5}`).Draw(t, "atom"))
		}),
		rapid.Custom(func(t *rapid.T) etf.Term { return etf.Binary(rapid.String().Draw(t, "text")) }),
		rapid.Custom(
			func(t *rapid.T) etf.Term { return etf.Binary(rapid.SliceOf(rapid.Byte()).Draw(t, "octets")) },
		),
		rapid.Custom(
			func(t *rapid.T) etf.Term { return etf.Charlist(rapid.String().Draw(t, "charlist")) },
		),
		rapid.Custom(func(t *rapid.T) etf.Term {
			last := rapid.IntRange(1, 7).Draw(t, "bits")
			octets := rapid.SliceOfN(rapid.Byte(), 1, 5).Draw(t, "octets")
			octets[len(octets)-1] &^= 0xff >> last
			return etf.Bitstring{Bytes: octets, Last: last}
		}),
		rapid.Custom(func(t *rapid.T) etf.Term {
			number := rapid.SliceOfN(rapid.Byte(), 12, 12).Draw(t, "pid")
			return etf.Opaque{Kind: etf.Pid, Raw: append([]byte("Xw\x01n"), number...)}
		}),
	}
	if depth > 0 {
		inner := rapid.SliceOfN(terms(depth-1), 0, 4)
		kinds = append(
			kinds,
			rapid.Custom(func(t *rapid.T) etf.Term { return etf.List(inner.Draw(t, "list")) }),
			rapid.Custom(func(t *rapid.T) etf.Term { return etf.Tuple(inner.Draw(t, "tuple")) }),
			rapid.Custom(func(t *rapid.T) etf.Term {
				return etf.Improper{
					Elems: append(inner.Draw(t, "list"), etf.OK),
					Tail:  etf.Atom(rapid.String().Draw(t, "tail")),
				}
			}),
			rapid.Custom(func(t *rapid.T) etf.Term {
				m := etf.Map{}
				for _, value := range inner.Draw(t, "values") {
					m = append(m, etf.Pair{Key: terms(depth-1).Draw(t, "key"), Value: value})
				}
				return m
			}),
		)
	}
	return rapid.OneOf(kinds...)
}

// requireComesBack prints a term and reads it again.
func requireComesBack(t require.TestingT, term etf.Term, data []byte) {
	text := Format(term)
	got, used, err := Parser{
		Limits: Limits{Bytes: 64 << 20, Depth: etf.MaxDepth, Elements: 1 << 24},
	}.Parse(
		text + ".",
	)
	require.NoError(t, err, text)
	require.Equal(t, len(text)+1, used)
	again, err := etf.Encode(got)
	require.NoError(t, err, text)
	require.Equal(t, data, again, text)
	require.Equal(t, text, Format(got), "and reads the same")
}

func TestEveryTermComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		term := terms(3).Draw(t, "term")
		data, err := etf.Encode(term)
		if err != nil {
			t.Skip("a map with the same key twice, or an atom that is too long")
		}
		term, _, err = everything.Decode(data) // the maps in keys are sorted
		require.NoError(t, err)
		if data, err = etf.Encode(term); err != nil {
			t.Fatal(err)
		}
		requireComesBack(t, term, data)
	})
}

func TestLargeTermsComeBack(t *testing.T) {
	deep := etf.Term(etf.OK)
	for range 100_000 {
		deep = etf.Tuple{deep}
	}
	for _, term := range []etf.Term{
		pow2(199_999), pow2(200_000), pow2(8 << 20),
		etf.Big{Int: new(big.Int).Neg(pow2(3 << 20).Int)},
		deep, etf.Binary(make([]byte, 1<<20)),
	} {
		data, err := etf.Encode(term)
		require.NoError(t, err)
		requireComesBack(t, term, data)
	}
}
