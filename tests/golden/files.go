package golden

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// maxLine is the longest line of a recording in bytes.
const maxLine = 16 << 20

// Files lists what matches pattern, as "vectors/fedecks/*.json", in the folders and in the one that
// HUBLINK_DATA names, which has the same layout. None at all fails the test.
func Files(t testing.TB, pattern string, folders ...string) []string {
	t.Helper()
	files, err := Find(pattern, folders...)
	require.NoError(t, err)
	return files
}

// Find is Files for what is read once for many tests. None at all is an error.
func Find(pattern string, folders ...string) (files []string, err error) {
	if more := os.Getenv("HUBLINK_DATA"); more != "" {
		folders = append(folders, more)
	}
	for _, folder := range folders {
		found, err := filepath.Glob(filepath.Join(folder, filepath.FromSlash(pattern)))
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("nothing matches %s in %q", pattern, folders)
	}
	return files, nil
}

// Read gives the bytes of a file.
func Read(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	return data
}

// Lines reads a file of one JSON value a line.
func Lines[T any](t testing.TB, file string) (lines []T) {
	t.Helper()
	s := bufio.NewScanner(bytes.NewReader(Read(t, file)))
	s.Buffer(nil, maxLine)
	for s.Scan() {
		var l T
		require.NoError(t, json.Unmarshal(s.Bytes(), &l), "%s:%d", file, len(lines)+1)
		lines = append(lines, l)
	}
	require.NoError(t, s.Err(), file)
	return lines
}
