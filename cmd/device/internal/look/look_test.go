package look

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/tests/golden"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const fixtures = "../../../../tests/testdata/fixtures/fwup/"

func read(t *testing.T, data []byte) *File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	f, err := Read(t.Context(), path, nil)
	require.NoError(t, err)
	return f
}

// What an archive says cannot move the cursor of the terminal that shows it, in either form, and
// the JSON says the same as the archive.
func TestControlCharactersAreEscaped(t *testing.T) {
	evil := "\x1b]0;owned\x07 \r\n\u009b2J \u202eright-to-left \U000e0001tag \xff end é"
	var b bytes.Buffer
	require.NoError(t, fwfile.Create(&b, fwfile.Spec{Meta: fwfile.Meta{
		Product: "p", Version: "1.0.0", Description: evil,
		Tasks: []fwfile.Task{{Name: "upgrade\x1b[31m"}},
	}}))
	f := read(t, b.Bytes())
	require.NotNil(t, f.Meta(), f.Archive.Problem)
	for _, out := range []string{f.Text(), f.JSON()} {
		for _, r := range out {
			require.True(t, unicode.IsPrint(r) || r == '\n', "%q in %q", r, out)
		}
		require.Contains(t, out, "end é")
	}
	require.Contains(t, f.Text(), `\x1b]0;owned\x07 \x0d\x0a\u{9b}2J \u{202e}right`)
	var back File
	require.NoError(t, json.Unmarshal([]byte(f.JSON()), &back))
	require.Contains(t, back.Archive.Meta[3].Value, "\u202eright-to-left \U000e0001tag")
}

// Damaged archives are described without a panic.
func TestDamagedArchives(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"edge-base", "edge-stored"} {
		whole := golden.Read(t, fixtures+"fw/"+name+".fw")
		for range 100 {
			data := bytes.Clone(whole[:1+rng.IntN(len(whole))])
			for range rng.IntN(4) {
				data[rng.IntN(len(data))] ^= byte(1 << rng.IntN(8))
			}
			f := read(t, data)
			require.NotEmpty(t, f.Text())
			require.True(t, json.Valid([]byte(f.JSON())))
		}
	}
}

// A folder, a file that is not there and a call that is off are errors, not reports.
func TestRead(t *testing.T) {
	_, err := Read(t.Context(), t.TempDir(), nil)
	require.ErrorContains(t, err, "no regular file")
	_, err = Read(t.Context(), "no-such-file", nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Read(ctx, fixtures+"fw/edge-base.fw", nil)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, io.EOF)
}
