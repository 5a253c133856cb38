package etf

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func pow2(n uint) *big.Int { return new(big.Int).Lsh(big.NewInt(1), n) }

func TestEncodeRefuses(t *testing.T) {
	loop := List{nil}
	loop[0] = loop
	for name, tc := range map[string]struct {
		term Term
		want string
	}{
		"nothing":                {nil, "no term"},
		"nothing inside":         {Tuple{OK, nil}, "no term"},
		"pointer to a term":      {new(Int), "no term"},
		"not a number":           {Float(math.NaN()), "finite"},
		"infinite":               {Float(math.Inf(-1)), "finite"},
		"atom too long":          {Atom(strings.Repeat("é", 256)), "255"},
		"atom not UTF-8":         {Atom("\xff"), "UTF-8"},
		"bitstring of no bits":   {Bitstring{Bytes: []byte{1}}, "1 to 7"},
		"bitstring of 8 bits":    {Bitstring{Bytes: []byte{1}, Last: 8}, "1 to 7"},
		"bitstring of nothing":   {Bitstring{Last: 1}, "1 to 7"},
		"key twice":              {Map{{Int(1), OK}, {Big{big.NewInt(1)}, OK}}, "same key twice"},
		"made up pid":            {Opaque{Kind: Pid, Raw: []byte("x")}, "from decoding"},
		"empty pid":              {Opaque{Kind: Pid}, "from decoding"},
		"big without a number":   {Big{}, "without a number"},
		"list that holds itself": {loop, "levels of depth"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Encoder{}.Append([]byte("before"), tc.term)
			require.ErrorContains(t, err, tc.want)
			require.Equal(t, "before", string(got))
		})
	}
}

// Terms that have two Go forms are written the one way that OTP does.
func TestEncodeNormalises(t *testing.T) {
	for name, tc := range map[string]struct{ given, same Term }{
		"small big":           {Big{big.NewInt(-300)}, Int(-300)},
		"tail that is a list": {Improper{[]Term{Int(1)}, List{Int(2)}}, List{Int(1), Int(2)}},
		"tail that is empty":  {Improper{[]Term{OK}, List{}}, List{OK}},
		"no elements":         {Improper{nil, OK}, OK},
		"nil slices": {
			Tuple{List(nil), Binary(nil), Map(nil), Tuple(nil)},
			Tuple{List{}, Binary{}, Map{}, Tuple{}},
		},
		"dirty bits": {Bitstring{[]byte{0xff}, 3}, Bitstring{[]byte{0xe0}, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Encode(tc.given)
			require.NoError(t, err)
			want, err := Encode(tc.same)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
	dirty := Bitstring{[]byte{0xff}, 3}
	_, err := Encode(dirty)
	require.NoError(t, err)
	require.Equal(t, byte(0xff), dirty.Bytes[0], "the caller's term is not changed")
}
