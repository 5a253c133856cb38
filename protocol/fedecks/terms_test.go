package fedecks

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol/etf"
	"github.com/hublink-go/hublink/tests/golden"
)

// otherwise are all the inputs of the vectors about which a Codec judges otherwise than an
// original, and why. For everything else a Codec is both: what the original client and the original
// server take and refuse.
var otherwise = map[string]string{
	"compressed_bomb_10m": "10 MB from 10 KB: beyond the limit, which can be raised",
	"deep_nest_100k":      "100,000 lists in lists: beyond the limit, which can be raised",
	"new_port_89":         "the original client takes ports, its server does not; here neither end does",
	"v4_port_120":         "the same",
	"export_fun_113":      "the original client takes funs of known names, its server does not; here neither end does",
	"export_fun_in_list":  "the same",
}

// termVector is a decoding by the originals.
type termVector struct {
	Name   string
	Hex    packed
	Safe   struct{ OK bool } `json:"binary_to_term_safe"` // the client's
	Server string            `json:"fedecks_server_decode"`
}

// packed is hex text, or gzip of longer octets.
type packed []byte

func (p *packed) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		return (*hexBytes)(p).UnmarshalJSON(data)
	}
	var z struct {
		GZ []byte `json:"gz_b64"`
	}
	if err := json.Unmarshal(data, &z); err != nil {
		return err
	}
	r, err := gzip.NewReader(bytes.NewReader(z.GZ))
	if err == nil {
		*p, err = io.ReadAll(r)
	}
	return err
}

func TestTermsAsTheOriginals(t *testing.T) {
	var all []termVector
	for _, file := range golden.Files(t, "vectors/fedecks/etf*.json", "../etf/testdata") {
		var f struct {
			Legal []termVector `json:"decode_legal"`
			Cases []termVector
		}
		require.NoError(t, json.Unmarshal(golden.Read(t, file), &f), file)
		all = append(append(all, f.Legal...), f.Cases...)
	}
	require.NotEmpty(t, all)
	codec := Codec{Atoms: etf.Atoms(knownNames(all)...)}
	for _, v := range all {
		_, err := codec.Decode(v.Hex)
		if why := otherwise[v.Name]; why != "" {
			t.Logf("%-20s %s", v.Name, why)
			require.True(t, v.Safe.OK, v.Name)
			require.Error(t, err, v.Name)
			var kind *etf.KindError
			require.True(t, errors.Is(err, etf.ErrLimit) || errors.As(err, &kind), "%s: %v", v.Name, err)
			if !errors.Is(err, etf.ErrLimit) {
				continue
			}
			raised := codec
			raised.Limits = etf.Limits{Inflated: 32 << 20, Depth: etf.MaxDepth, Elements: 1 << 24}
			_, err = raised.Decode(v.Hex)
			require.NoError(t, err, v.Name)
			continue
		}
		require.Equal(t, v.Server == "ok", err == nil, "%s: the original server; %v", v.Name, err)
		require.Equal(t, v.Safe.OK, err == nil, "%s: the original client; %v", v.Name, err)
		s := NewSession(SessionConfig{Codec: codec})
		kinds := []SessionEffectKind{DoHandleRaw}
		if err == nil {
			kinds = []SessionEffectKind{DoHandleIn}
		}
		out := s.Step(epoch, SessionInput{Kind: SessionReceived, Data: v.Hex}, nil)
		require.Len(t, out, 1, v.Name)
		require.Contains(t, append(kinds, DoIssueToken), out[0].Kind, v.Name)
	}
}

// knownNames are the atoms that the originals knew: those in what they took.
func knownNames(all []termVector) (names []string) {
	for _, v := range all {
		for v.Safe.OK {
			_, _, err := etf.Decoder{
				Atoms: etf.Atoms(names...),
				Keep:  etf.Pid | etf.Reference | etf.Port | etf.Fun,
			}.Decode(
				v.Hex,
			)
			var unknown *etf.UnknownAtomError
			if !errors.As(err, &unknown) {
				break
			}
			names = append(names, unknown.Name)
		}
	}
	return names
}
