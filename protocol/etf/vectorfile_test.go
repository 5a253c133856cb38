package etf

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/tests/golden"
)

// vectorFile is what real OTP encoded and decoded.
type vectorFile struct {
	Encode      []encodeVector
	DecodeLegal []decodeVector `json:"decode_legal"`
	Cases       []decodeVector
}

type encodeVector struct {
	Name, Safe    string
	Deterministic bool
	Minor0        *octets
	Minor1        octets
	Minor2        octets
	Compressed    octets
	Compressed2   octets `json:"compressed_minor2"`
	Compressed9   octets
	Term          jsonTerm
}

type decodeVector struct {
	Name string
	Hex  octets
	Used int
	Safe struct {
		OK   bool
		Term jsonTerm
	} `json:"binary_to_term_safe"`
	Unsafe string `json:"binary_to_term_unsafe"`
	Server string `json:"fedecks_server_decode"`
}

// octets are hex text, gzip of longer ones, or words that refer to another column (then empty).
type octets []byte

func (o *octets) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		var text string
		if err := json.Unmarshal(data, &text); err != nil || strings.HasPrefix(text, "same as") {
			return err
		}
		var err error
		*o, err = hex.DecodeString(text)
		return err
	}
	var packed struct {
		GZ string `json:"gz_b64"`
	}
	if err := json.Unmarshal(data, &packed); err != nil {
		return err
	}
	raw, err := base64.StdEncoding.DecodeString(packed.GZ)
	if err != nil {
		return err
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	*o, err = io.ReadAll(z)
	return err
}

// jsonTerm is the vectors' way to write a term down. Term is nil where they only describe it; then
// Kind may be set.
type jsonTerm struct {
	Term Term
	Kind Kind
}

// rawTerm holds all the members of a written term; which of them count depends on T.
type rawTerm struct {
	T    string
	V    json.RawMessage
	Hex  octets
	Bits int
	IEEE octets `json:"ieee754_be"`
	Tail jsonTerm
	N    int
}

func (j *jsonTerm) UnmarshalJSON(data []byte) (err error) {
	var raw rawTerm
	if err = json.Unmarshal(data, &raw); err != nil {
		return err
	}
	switch raw.T {
	case "int", "atom":
		var text string
		err = json.Unmarshal(raw.V, &text)
		if j.Term = Atom(text); raw.T == "int" {
			n, _ := new(big.Int).SetString(text, 10)
			j.Term = integer(n)
		}
	case "float":
		j.Term = Float(math.Float64frombits(binary.BigEndian.Uint64(raw.IEEE)))
	case "binary":
		j.Term = Binary(raw.Hex)
	case "bitstring":
		j.Term = Bitstring{Bytes: raw.Hex, Last: (raw.Bits-1)%8 + 1}
	case "list", "tuple", "improper_list":
		j.Term, err = raw.sequence()
	case "map":
		var pairs [][2]jsonTerm
		err = json.Unmarshal(raw.V, &pairs)
		m := make(Map, len(pairs))
		for i, p := range pairs {
			m[i] = Pair{p[0].Term, p[1].Term}
		}
		j.Term = m
	case "list_repeat":
		var one jsonTerm
		err = json.Unmarshal(raw.V, &one)
		j.Term = List(slices.Repeat([]Term{one.Term}, raw.N))
	default:
		j.Kind = map[string]Kind{"pid": Pid, "reference": Reference, "port": Port, "fun": Fun}[raw.T]
	}
	return err
}

// sequence gives nil if it holds something that is only described.
func (raw *rawTerm) sequence() (Term, error) {
	var list []jsonTerm
	if err := json.Unmarshal(raw.V, &list); err != nil {
		return nil, err
	}
	elems := make([]Term, len(list))
	for i, e := range list {
		if elems[i] = e.Term; e.Term == nil {
			return nil, nil
		}
	}
	switch raw.T {
	case "list":
		return List(elems), nil
	case "tuple":
		return Tuple(elems), nil
	}
	return Improper{Elems: elems, Tail: raw.Tail.Term}, nil
}

// vectors returns all files of term vectors. Tests share them and must not change them.
func vectors(t testing.TB) map[string]vectorFile {
	files, err := read()
	require.NoError(t, err)
	require.NotEmpty(t, files, "no vectors found")
	return files
}

// read reads them once: that takes seconds under the race detector.
var read = sync.OnceValues(func() (map[string]vectorFile, error) {
	paths, err := golden.Find("vectors/fedecks/*.json", "testdata")
	if err != nil {
		return nil, err
	}
	files := map[string]vectorFile{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(data, []byte("binary_to_term_safe")) &&
			!bytes.Contains(data, []byte(`"compressed_minor2"`)) {
			continue // tokens and URLs are of the same family
		}
		var f vectorFile
		if err := json.Unmarshal(data, &f); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		files[path] = f
	}
	return files, nil
})
