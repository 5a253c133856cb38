package etf

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"slices"
	"testing"
)

func benchTerms() map[string]Term {
	config := Map{}
	for _, key := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		config = append(config, Pair{Binary("key_" + key), Int(1000)})
	}
	return map[string]Term{
		"int": Int(
			1_000_000,
		), "big": Big{pow2(200)}, "float": Float(1.5), "atom": OK, "binary64": Binary(make([]byte, 64)),
		"bitstring": Bitstring{Bytes: []byte{1, 2, 0x80}, Last: 1},
		"charlist12": Charlist(
			"token_please",
		), "improper": Improper{Elems: []Term{OK, Int(1)}, Tail: Int(2)},
		"list100": List(slices.Repeat([]Term{Int(1000)}, 100)),
		"token":   Tuple{Binary("my-device"), Int(1787120842000), Int(86400)}, "map10": config,
		"nested": List{
			config,
			Tuple{OK, config},
			Map{{Binary("inner"), config}},
		}, "binary1MB": Binary(make([]byte, 1<<20)),
	}
}

func BenchmarkEncode(b *testing.B) {
	for name, term := range benchTerms() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			buf, err := Encode(term)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(buf)))
			for b.Loop() {
				buf, _ = Encoder{}.Append(buf[:0], term)
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	inputs := map[string][]byte{}
	for name, term := range benchTerms() {
		inputs[name], _ = Encode(term)
	}
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	_, _ = w.Write(inputs["nested"][1:])
	_ = w.Close()
	head := binary.BigEndian.AppendUint32(
		[]byte{version, tagCompressed},
		uint32(len(inputs["nested"])-1),
	)
	inputs["nested_compressed"] = append(head, z.Bytes()...)
	for name, data := range inputs {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := Decode(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMarshal(b *testing.B) {
	v := sample()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Marshal(&v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	v := sample()
	data, err := Marshal(&v)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var out reading
		if err := (Decoder{AnyAtom: true}).Unmarshal(data, &out); err != nil {
			b.Fatal(err)
		}
	}
}
