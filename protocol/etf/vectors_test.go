package etf

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

const allKinds = Pid | Reference | Port | Fun

// sorted gives t with its maps sorted at every depth, so that compare takes two orders of the same
// pairs for equal.
func sorted(t Term) Term {
	each := func(ts []Term) []Term {
		out := make([]Term, len(ts))
		for i, e := range ts {
			out[i] = sorted(e)
		}
		return out
	}
	switch t := t.(type) {
	case List:
		return List(each(t))
	case Tuple:
		return Tuple(each(t))
	case Improper:
		return Improper{Elems: each(t.Elems), Tail: sorted(t.Tail)}
	case Map:
		m := make(Map, len(t))
		for i, p := range t {
			m[i] = Pair{sorted(p.Key), sorted(p.Value)}
		}
		sortPairs(m)
		return m
	}
	return t
}

func requireSame(t *testing.T, want, got Term, why string) {
	t.Helper()
	require.Zero(t, compare(sorted(want), sorted(got)), "%s: want %.200v, got %.200v", why, want, got)
}

func TestEncodeAsOTP(t *testing.T) {
	lenient := Decoder{AnyAtom: true, Keep: allKinds}
	for path, file := range vectors(t) {
		for _, v := range file.Encode {
			t.Run(filepath.Base(path)+"/"+v.Name, func(t *testing.T) {
				minor0 := v.Minor1
				if v.Minor0 != nil {
					minor0 = *v.Minor0
				}
				for minor, want := range map[Minor]octets{Minor0: minor0, Minor1: v.Minor1, Minor2: v.Minor2} {
					decoded, used, err := lenient.Decode(want)
					require.NoError(t, err)
					require.Equal(t, len(want), used)
					again, err := Encoder{Minor: minor}.Append([]byte("before"), decoded)
					require.NoError(t, err)
					require.True(
						t,
						bytes.Equal(append([]byte("before"), want...), again),
						"decoded and encoded again with minor version %d",
						minor,
					)
					if v.Term.Term == nil {
						continue
					}
					if minor != Minor0 { // whose floats are rounded
						requireSame(t, v.Term.Term, decoded, "decoded")
					}
					if v.Deterministic && !bigMap(v.Term.Term) {
						got, err := Encoder{Minor: minor}.Append(nil, v.Term.Term)
						require.NoError(t, err)
						require.True(
							t,
							bytes.Equal(want, got),
							"encoded with minor version %d:\nwant %.200x\ngot  %.200x",
							minor,
							want,
							got,
						)
					}
				}
				want, _, err := lenient.Decode(v.Minor1)
				require.NoError(t, err)
				for _, column := range []octets{v.Compressed, v.Compressed2, v.Compressed9} {
					if len(column) > 0 {
						got, used, err := lenient.Decode(column)
						require.NoError(t, err)
						require.Equal(t, len(column), used)
						if v.Term.Term != nil { // opaque ones hold atoms in either form
							requireSame(t, want, got, "compressed")
						}
					}
				}
				_, _, err = Decoder{AnyAtom: true, Keep: Pid | Reference}.Decode(v.Minor2)
				require.Equal(
					t,
					v.Safe == "ok",
					err == nil,
					"what the server of Fedecks takes: %s, got %v",
					v.Safe,
					err,
				)
			})
		}
	}
}

// bigMap reports whether t holds a map of more than 32 pairs, which OTP does not write sorted.
func bigMap(t Term) bool {
	switch t := t.(type) {
	case List:
		return slices.ContainsFunc(t, bigMap)
	case Tuple:
		return slices.ContainsFunc(t, bigMap)
	case Map:
		return len(t) > 32 || slices.ContainsFunc(t,
			func(p Pair) bool { return bigMap(p.Key) || bigMap(p.Value) })
	}
	return false
}

// differences are all the inputs that OTP decodes and a Decoder with default limits does not.
var differences = map[string]string{
	"compressed_bomb_10m": "10 MB from 10 KB: beyond Limits.Inflated",
	"deep_nest_100k":      "100,000 lists in lists: beyond Limits.Depth",
}

func TestDecodeAsOTP(t *testing.T) {
	raised := Limits{Bytes: 1 << 30, Inflated: 1 << 30, Depth: MaxDepth, Elements: 1 << 24}
	for path, file := range vectors(t) {
		cases := append(file.DecodeLegal, file.Cases...)
		atoms := knownToOTP(t, cases)
		for _, v := range cases {
			t.Run(filepath.Base(path)+"/"+v.Name, func(t *testing.T) {
				client := Decoder{Atoms: atoms, Keep: allKinds}
				server := Decoder{Atoms: atoms, Keep: Pid | Reference}
				term, used, err := client.Decode(v.Hex)
				if reason, ok := differences[v.Name]; ok {
					require.ErrorIs(t, err, ErrLimit, reason)
				}
				if v.Safe.OK && errors.Is(err, ErrLimit) {
					client.Limits, server.Limits = raised, raised
					term, used, err = client.Decode(v.Hex)
				}
				require.Equal(t, v.Safe.OK, err == nil, "binary_to_term with safe; got %v", err)
				if err == nil {
					require.Equal(t, v.Used, used)
				} else {
					requirePlaced(t, err, len(v.Hex))
				}
				if want := v.Safe.Term; want.Term != nil {
					requireSame(t, want.Term, term, "decoded")
				} else if want.Kind != 0 {
					require.Equal(t, want.Kind, term.(Opaque).Kind)
				}

				_, _, err = server.Decode(v.Hex)
				require.Equal(t, v.Server == "ok", err == nil, "the server of Fedecks; got %v", err)
				_, _, err = Decoder{AnyAtom: true, Keep: allKinds, Limits: client.Limits}.Decode(v.Hex)
				require.Equal(t, v.Unsafe == "ok", err == nil, "binary_to_term without safe; got %v", err)
			})
		}
	}
}

// knownToOTP finds the atoms that the Erlang system of the vectors knew: those in what it decoded
// safely.
func knownToOTP(t *testing.T, cases []decodeVector) AtomSet {
	var names []string
	for _, v := range cases {
		for v.Safe.OK {
			_, _, err := Decoder{Atoms: Atoms(names...), Keep: allKinds}.Decode(v.Hex)
			var unknown *UnknownAtomError
			if !errors.As(err, &unknown) {
				break
			}
			require.NotContains(t, names, unknown.Name)
			names = append(names, unknown.Name)
		}
	}
	return Atoms(names...)
}

// requirePlaced checks that an error says at which byte, and a possible one.
func requirePlaced(t *testing.T, err error, length int) {
	t.Helper()
	var at Position
	var syntax *SyntaxError
	var atom *UnknownAtomError
	var kind *KindError
	var limit *LimitError
	switch {
	case errors.As(err, &syntax):
		at = syntax.Position
	case errors.As(err, &atom):
		at = atom.Position
	case errors.As(err, &kind):
		at = kind.Position
	case errors.As(err, &limit):
		at = limit.Position
	default:
		require.Fail(t, "an error without a type", "%v", err)
	}
	require.Contains(t, err.Error(), "at "+at.String())
	if !at.Inflated {
		require.LessOrEqual(t, at.Offset, length)
	}
}
