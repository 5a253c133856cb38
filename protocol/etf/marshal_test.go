package etf

import (
	"math"
	"math/big"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type level uint8

type reading struct {
	Name    string             `etf:"name"`
	Celsius float64            `etf:"celsius,atom"`
	Count   uint16             `etf:"count,omitempty"`
	Raw     []byte             `etf:"raw"`
	ID      [4]byte            `etf:"id"`
	Tags    []string           `etf:"tags"`
	Levels  []level            `etf:"levels"`
	By      map[string]int     `etf:"by"`
	At      time.Time          `etf:"at"`
	Addr    *netip.Addr        `etf:"addr"`
	Next    *reading           `etf:"next"`
	Pair    pair               `etf:"pair"`
	Exact   Term               `etf:"exact"`
	Any     any                `etf:"any"`
	Kind    Atom               `etf:"kind"`
	Huge    *big.Int           `etf:"huge"`
	Value   big.Int            `etf:"value"`
	On      bool               `etf:"on"`
	Keyed   map[int]*big.Float `etf:"keyed"`
	Secret  string             `etf:"-"`
	private int
	Plain   int64
}

type pair struct {
	_    struct{} `etf:",tuple"`
	OK   Atom
	Size int
}

func sample() reading {
	addr := netip.MustParseAddr("192.0.2.1")
	return reading{
		Name: "küche", Celsius: -3.5, Raw: []byte{0, 255}, ID: [4]byte{1, 2, 3, 4},
		Tags: []string{"a", ""}, Levels: []level{1, 200},
		By: map[string]int{
			"b": 2,
			"a": 1,
		}, At: time.Date(2026, 11, 24, 1, 2, 3, 4, time.UTC), Addr: &addr,
		Next: &reading{
			Name: "inner", Exact: Nil, Any: Nil, // nil slices and maps come back empty
			By: map[string]int{}, Keyed: map[int]*big.Float{}, Raw: []byte{}, Tags: []string{},
			Levels: []level{},
		},
		Pair: pair{
			OK:   "ok",
			Size: -1,
		}, Exact: Tuple{Int(1), Charlist("x")}, Any: Float(1), Kind: "ok", Huge: pow2(80),
		On: true, Keyed: map[int]*big.Float{7: big.NewFloat(0.25)}, Plain: math.MinInt64,
	}
}

func TestMarshalAndBack(t *testing.T) {
	in := sample()
	in.Value.SetInt64(5)
	in.Secret, in.private = "not sent", 1
	data, err := Marshal(in)
	require.NoError(t, err)
	require.NotContains(t, string(data), "not sent")

	var out reading
	require.NoError(t, Decoder{AnyAtom: true}.Unmarshal(data, &out))
	in.Secret, in.private = "", 0
	require.Equal(t, in.Keyed[7].String(), out.Keyed[7].String())
	in.Keyed, out.Keyed = nil, nil
	require.Equal(t, in, out)

	var atomic reading
	require.IsType(
		t,
		&UnknownAtomError{},
		Unmarshal(data, &atomic),
		"celsius is an atom that is not listed",
	)
}

func TestMarshalBytes(t *testing.T) {
	for name, tc := range map[string]struct {
		in   any
		want Term
	}{
		"nil":         {nil, Nil},
		"nil pointer": {(*int)(nil), Nil},
		"true":        {true, True},
		"largest":     {uint64(math.MaxUint64), Big{new(big.Int).SetUint64(math.MaxUint64)}},
		"string":      {"é", Binary("é")},
		"map sorted by key": {
			map[any]any{"b": 1, "a": 2, 3: nil},
			Map{{Int(3), Nil}, {Binary("a"), Int(2)}, {Binary("b"), Int(1)}},
		},
		"struct as map": {
			struct{ B, A int }{1, 2},
			Map{{Binary("A"), Int(2)}, {Binary("B"), Int(1)}},
		},
		"omitted": {struct {
			A int `etf:",omitempty"`
		}{}, Map{}},
		"tuple":            {pair{OK: OK, Size: 3}, Tuple{OK, Int(3)}},
		"array":            {[2]bool{true, false}, List{True, False}},
		"pointer receiver": {*big.NewFloat(1.5), Binary("1.5")},
		"small big.Int":    {big.NewInt(1), Int(1)},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := From(tc.in)
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
}

func TestMarshalRefuses(t *testing.T) {
	type node struct{ Next *node }
	circle := &node{}
	circle.Next = circle
	for name, tc := range map[string]struct {
		in   any
		want string
	}{
		"channel":         {[]any{1, make(chan int)}, "no term and Go chan int do not fit at [1]"},
		"func in a field": {struct{ F func() }{}, "at .F"},
		"complex":         {map[string]any{"x": 1i}, "at [key]"},
		"circle":          {circle, "levels of depth"},
		"typo in the tag": {struct {
			A int `etf:"a,omitemtpy"`
		}{}, "omitemtpy"},
		"not a number":       {math.NaN(), "finite"},
		"text that will not": {time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC), "year"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Marshal(tc.in)
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		term Term
		dst  any
		want string
	}{
		"no pointer":            {Int(1), 1, "pointer"},
		"nil pointer":           {Int(1), (*int)(nil), "pointer"},
		"too large":             {Int(256), new(uint8), "integer and Go uint8 do not fit: out of range"},
		"too small":             {Int(-129), new(int8), "out of range"},
		"negative":              {Int(-1), new(uint), "out of range"},
		"big":                   {Big{pow2(64)}, new(int64), "out of range"},
		"float into int":        {Float(1), new(int), "float and Go int do not fit"},
		"int that rounds":       {Int(1<<53 + 1), new(float64), "out of range"},
		"float32":               {Float(1e300), new(float32), "out of range"},
		"atom into string":      {OK, new(string), "atom and Go string"},
		"binary into atom":      {Binary("ok"), new(Atom), "binary and Go etf.Atom"},
		"charlist into string":  {Charlist("x"), new(string), "list"},
		"binary into ints":      {Binary("x"), new([]int), "binary and Go []int"},
		"list into bytes":       {Charlist("x"), new([]byte), "list and Go []uint8"},
		"array too long":        {List{Int(1)}, new([2]int), "another length"},
		"tuple of another size": {Tuple{OK}, new(pair), "tuple and Go etf.pair"},
		"map for a tuple":       {Map{}, new(pair), "map and Go etf.pair"},
		"list for a struct":     {List{}, new(reading), "list and Go etf.reading"},
		"nil into int":          {Nil, new(int), "atom and Go int"},
		"path": {Map{{
			Binary("next"),
			Map{{Binary("tags"), List{Binary("a"), Int(1)}}},
		}}, new(reading), "at .Next.Tags[1]"},
		"value of a map":         {Map{{Binary("k"), OK}}, new(map[string]int), "at [key]"},
		"key that Go cannot use": {Map{{Binary("k"), OK}}, new(map[any]any), "cannot compare"},
		"keys become one": {
			Map{{Int(1), OK}, {Float(1), OK}},
			new(map[float64]any),
			"become the same",
		},
		"bad text":           {Binary("s3cret"), new(netip.Addr), "not accepted"},
		"text from a number": {Int(1), new(time.Time), "integer and Go time.Time"},
		"bool":               {OK, new(bool), "atom and Go bool"},
		"channel":            {Int(1), new(chan int), "integer and Go chan int"},
		"other interface":    {Int(1), new(error), "integer and Go error"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Into(tc.term, tc.dst)
			var typed *TypeError
			require.ErrorAs(t, err, &typed)
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}

func TestUnmarshalLeavesAndCopies(t *testing.T) {
	data, err := Marshal(map[string]any{"raw": []byte("abc"), "unknown": 1, "tags": nil})
	require.NoError(t, err)
	got := reading{Name: "kept", Tags: []string{"x"}}
	require.NoError(t, Unmarshal(data, &got))
	clear(data)
	require.Equal(t, reading{Name: "kept", Raw: []byte("abc")}, got)

	var whole float64
	require.NoError(t, Into(Int(3), &whole), "Elixir writes 3 for 3.0")
	require.Equal(t, 3.0, whole)
}
