package agent

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware/fwfile"
)

// A key may be a literal whose base64 begins with a slash, as an absolute path does.
func TestPublicKeyThatBeginsWithASlash(t *testing.T) {
	want := fwfile.Key(bytes.Repeat([]byte{0xff}, 32))
	require.Equal(t, byte('/'), want.String()[0])
	path := filepath.Join(t.TempDir(), "k.pub")
	require.NoError(t, os.WriteFile(path, []byte(want.String()), 0o600))
	for _, text := range []string{want.String(), path} {
		keys, err := publicKeys([]string{text})
		require.NoError(t, err)
		require.Equal(t, []fwfile.Key{want}, keys)
	}
	_, err := publicKeys([]string{"/no/such/key.pub"})
	require.ErrorContains(t, err, "no such file")
}
