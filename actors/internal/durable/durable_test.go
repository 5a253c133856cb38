package durable_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hublink-go/hublink/actors/internal/durable"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "journal")
	require.NoError(t, os.WriteFile(path, []byte("an older and longer one"), 0o644))
	require.NoError(t, durable.Write(path, []byte("new")))

	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "new", string(data))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(
		t,
		os.FileMode(0o600),
		info.Mode(),
		"it may hold a secret, whatever the older one allowed",
	)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing is left beside it")
}

func TestWriteFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "journal")
	err := durable.Write(path, nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, path)
}
