package etf

import (
	"testing"
)

// FuzzDecode: no input makes decoding panic, and what is decoded can be encoded, to the same term.
func FuzzDecode(f *testing.F) {
	for _, file := range vectors(f) {
		for _, v := range file.Encode {
			if len(v.Minor2) < 1000 {
				f.Add([]byte(v.Minor2))
			}
		}
		for _, v := range append(file.DecodeLegal, file.Cases...) {
			if len(v.Hex) < 1000 {
				f.Add([]byte(v.Hex))
			}
		}
	}
	limits := Limits{Inflated: 1 << 16, Elements: 1 << 12}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _, _ = Decoder{Limits: limits}.Decode(data)
		term, used, err := Decoder{AnyAtom: true, Keep: allKinds, Limits: limits}.Decode(data)
		if err != nil {
			requirePlaced(t, err, len(data))
			return
		}
		if used < 2 || used > len(data) {
			t.Fatalf("took %d of %d bytes", used, len(data))
		}
		for _, minor := range []Minor{Minor1, Minor2} {
			again, err := Encoder{Minor: minor}.Append(nil, term)
			if err != nil {
				t.Fatalf("decoded but not encoded: %v", err)
			}
			back, used, err := Decoder{AnyAtom: true, Keep: allKinds}.Decode(again)
			if err != nil || used != len(again) || compare(sorted(term), sorted(back)) != 0 {
				t.Fatalf("%v became %v, %v", term, back, err)
			}
		}
		var r reading
		_ = Into(term, &r)
		var deep map[string][]map[string]pair
		_ = Into(term, &deep)
	})
}
