package fwfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/tests/golden"
)

// testdata is where archives of fwup and what fwup said of them lie.
const testdata = "../../tests/testdata"

// info is what fwup said of an archive.
type info struct {
	MetaConf string `json:"meta_conf"`
	UUID     string `json:"uuid_recomputed_from_meta_conf"`
	Verify   map[string]struct {
		ExitCode int    `json:"exit_code"`
		Stdout   string `json:"stdout"`
	} `json:"verify"`
	Resources []struct {
		Name    string  `json:"name"`
		Lengths []int64 `json:"length_list"`
		Present bool    `json:"in_archive"`
		Size    int64   `json:"archive_size"`
		Data    int64   `json:"data_length"`
	} `json:"resources"`
}

// fixtures calls f with every archive and what fwup said of it.
func fixtures(t *testing.T, f func(t *testing.T, name string, archive []byte, said info)) {
	t.Helper()
	for _, file := range golden.Files(t, "fixtures/fwup/fw/*.fw", testdata) {
		name := strings.TrimSuffix(filepath.Base(file), ".fw")
		t.Run(name, func(t *testing.T) {
			var said info
			text := golden.Read(t, filepath.Join(filepath.Dir(file), "../info", name+".json"))
			require.NoError(t, json.Unmarshal(text, &said))
			f(t, name, golden.Read(t, file), said)
		})
	}
}

func key(t testing.TB, name string) Key {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testdata, "fixtures/fwup/keys", name+".pub"))
	require.NoError(t, err)
	k, err := ParseKey(text)
	require.NoError(t, err)
	return k
}

// read reads a whole archive.
func read(archive io.Reader, opts Options) (*Reader, []Entry, error) {
	r, err := NewReader(archive, opts)
	if err != nil {
		return nil, nil, err
	}
	var entries []Entry
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return r, entries, nil
		}
		if err != nil {
			return r, entries, err
		}
		entries = append(entries, e)
	}
}

// stricter are archives that fwup --verify accepts and a Reader refuses, with the reason.
var stricter = map[string]string{
	"edge-central-name-differs": "programs that read the central directory see another archive",
	"edge-signature-long":       "fwup reads the first 64 bytes and leaves one that nothing signs",
	"edge-trailing-bytes":       "nothing signs them",
	"edge-dir-entry":            "meta.conf does not name it",
}

// lenient are archives that fwup --verify refuses and fwup --apply takes. What a task needs is
// judged when it is applied.
func lenient(said info) string {
	for _, r := range said.Resources {
		if !r.Present {
			return "a resource that tasks may not need was left out"
		}
	}
	for _, r := range said.Resources {
		if r.Size != r.Data {
			return "a delta can be judged only with its source"
		}
	}
	return ""
}

// Every archive is accepted or refused as fwup does with the same key, but for those in the two
// tables above.
func TestVerdictsOfFwup(t *testing.T) {
	key1 := key(t, "key1")
	fixtures(t, func(t *testing.T, name string, archive []byte, said info) {
		_, _, err := read(bytes.NewReader(archive), Options{Keys: []Key{key1}})
		fwup := said.Verify["key1"]
		switch {
		case fwup.ExitCode == 0 && stricter[name] != "":
			require.Error(t, err)
		case fwup.ExitCode != 0 && lenient(said) != "" && err == nil:
			t.Log(lenient(said), "-", fwup.Stdout)
		case fwup.ExitCode == 0:
			require.NoError(t, err)
		default:
			require.Error(t, err, fwup.Stdout)
		}
		t.Logf("fwup %d, we: %v", fwup.ExitCode, err)
	})
}

// The errors that an operator has to tell apart are told apart.
func TestReasons(t *testing.T) {
	want := map[string]error{
		"app-1.1.0-otherkey":                 ErrSignature,
		"app-1.1.0-unsigned":                 ErrUnsigned,
		"app-1.1.0-badmeta":                  ErrSignature,
		"app-1.1.0-bitflip":                  ErrCorrupt,
		"app-1.1.0-bitflip-deflate":          ErrCorrupt,
		"app-1.1.0-badresource":              ErrCorrupt,
		"app-1.1.0-truncated":                ErrTruncated,
		"edge-no-central-directory":          ErrTruncated,
		"edge-prefix-bytes":                  ErrNotArchive,
		"edge-duplicate-entry":               ErrUncovered,
		"edge-duplicate-entry-evil-second":   ErrUncovered,
		"edge-second-meta":                   ErrUncovered,
		"edge-traversal":                     ErrUncovered,
		"edge-dir-entry":                     ErrUncovered,
		"edge-extra-data-entry":              ErrUncovered,
		"edge-extra-top-entry":               ErrUncovered,
		"edge-meta-not-first":                ErrUncovered,
		"edge-signature-after-meta":          ErrUnsigned,
		"edge-signature-last":                ErrUnsigned,
		"edge-signature-short":               ErrMeta,
		"app-1.2.0-delta-from-1.1.0":         nil,
		"app-1.2.0-delta-from-1.1.0-keepall": nil,
		"edge-missing-entry":                 nil, // the task needs it: refused when it is applied
		"edge-xdelta-garbage":                nil, // its decoder refuses it
		"edge-size-differs":                  nil, // taken for a delta, as by fwup
	}
	key1 := key(t, "key1")
	fixtures(t, func(t *testing.T, name string, archive []byte, _ info) {
		kind, ok := want[name]
		if !ok {
			return
		}
		_, _, err := read(bytes.NewReader(archive), Options{Keys: []Key{key1}})
		require.ErrorIs(t, err, kind)
	})
}

// meta.conf is understood whole: what is parsed from it is written again as fwup wrote it.
func TestMetaOfFwup(t *testing.T) {
	fixtures(t, func(t *testing.T, _ string, archive []byte, said info) {
		r, err := NewReader(bytes.NewReader(archive), Options{AllowUnsigned: true})
		if err != nil {
			return // TestVerdictsOfFwup
		}
		m := r.Meta()
		require.Equal(t, said.UUID, m.UUID)
		require.Equal(t, said.MetaConf, string(r.MetaText()))
		text := bytes.ReplaceAll(m.Text(), []byte(m.UUID), []byte("${FWUP_META_UUID}"))
		require.True(t, said.MetaConf == string(text), "as fwup writes it")
		require.Len(t, m.Resources, len(said.Resources))
		for i, want := range said.Resources {
			require.Equal(t, want.Name, m.Resources[i].Name)
			require.Equal(t, want.Lengths, m.Resources[i].Segments)
		}
	})
}

// Deltas are recognised, and only they.
func TestDeltas(t *testing.T) {
	fixtures(t, func(t *testing.T, _ string, archive []byte, said info) {
		_, entries, err := read(bytes.NewReader(archive), Options{AllowUnsigned: true})
		if err != nil {
			return
		}
		delta := map[string]bool{}
		for _, r := range said.Resources {
			delta[r.Name] = r.Present && r.Size != r.Data
		}
		for _, e := range entries {
			require.Equal(t, delta[e.Resource.Name], e.Delta, e.Resource.Name)
		}
	})
}

// The second of two keys is tried, an empty list accepts nothing, and unsigned archives have to be
// allowed.
func TestKeys(t *testing.T) {
	archive := golden.Read(t, filepath.Join(testdata, "fixtures/fwup/fw/app-1.1.0.fw"))
	unsigned := golden.Read(t, filepath.Join(testdata, "fixtures/fwup/fw/app-1.1.0-unsigned.fw"))
	key1, key2 := key(t, "key1"), key(t, "key2")
	r, _, err := read(bytes.NewReader(archive), Options{Keys: []Key{key2, key1}})
	require.NoError(t, err)
	require.Equal(t, key1, *r.Signer())

	_, _, err = read(bytes.NewReader(archive), Options{})
	require.ErrorIs(t, err, ErrNoKeys)
	r, _, err = read(bytes.NewReader(archive), Options{AllowUnsigned: true})
	require.NoError(t, err)
	require.Nil(t, r.Signer(), "nothing was verified")
	_, _, err = read(bytes.NewReader(archive), Options{Keys: []Key{key2}, AllowUnsigned: true})
	require.ErrorIs(t, err, ErrSignature, "a signature of another key is no missing signature")
	_, _, err = read(bytes.NewReader(unsigned), Options{Keys: []Key{key1}, AllowUnsigned: true})
	require.NoError(t, err)
}

// Keys come as fwup and nh write them.
func TestParseKey(t *testing.T) {
	k := key(t, "key1")
	for name, text := range map[string]string{
		"base64": k.String(), "with a newline": k.String() + "\n", "raw": string(k[:]),
		"without padding": strings.TrimRight(k.String(), "="), "with spaces": "  " + k.String() + "\r\n",
	} {
		got, err := ParseKey([]byte(text))
		require.NoError(t, err, name)
		require.Equal(t, k, got, name)
	}
	for name, text := range map[string]string{
		"empty": "", "short": "abcd", "text": strings.Repeat("!", 44), "long": strings.Repeat("A", 4000),
		"33 bytes": strings.Repeat("A", 45), "a path": "/etc/hublink/keys/fleet.pub",
	} {
		_, err := ParseKey([]byte(text))
		require.Error(t, err, name)
	}
	_, err := ParseKey([]byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"))
	require.ErrorIs(t, err, ErrPEM)
	require.Len(t, k.ID(), 16)
}

// The UUID of the specification's vector.
func TestUUIDVector(t *testing.T) {
	require.Equal(t, "0a765369-e4b9-5ea2-d252-c19e0ef3ca10", UUID([]byte("meta-product = \"p\"\n")))
}
