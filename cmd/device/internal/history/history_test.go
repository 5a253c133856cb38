package history

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func entry(i int) Entry {
	return Entry{
		Time: time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC), By: ByHub, What: "completed",
		UUID: fmt.Sprint(i), Bytes: int64(i), Reason: "why \x1b[31m\n" + fmt.Sprint(i),
	}
}

func add(t *testing.T, dir string, entries ...Entry) {
	t.Helper()
	l, err := Open(dir)
	require.NoError(t, err)
	for _, e := range entries {
		require.NoError(t, l.Add(e))
	}
	require.NoError(t, l.Close())
}

func read(t *testing.T, dir string) []Entry {
	t.Helper()
	got, err := Read(dir)
	require.NoError(t, err)
	return got
}

// A crash at any byte costs the entry that was being written and no other, and the next one is
// whole.
func TestCrashAtEveryByte(t *testing.T) {
	dir := t.TempDir()
	add(t, dir, entry(1), entry(2), entry(3))
	whole, err := os.ReadFile(newer(dir))
	require.NoError(t, err)
	for n := range len(whole) + 1 {
		require.NoError(t, os.WriteFile(newer(dir), whole[:n], 0o600))
		var want []Entry
		for i := range bytes.Count(whole[:n], []byte("\n")) {
			want = append(want, entry(i+1))
		}
		require.Equal(t, want, read(t, dir), "%d bytes", n)
		add(t, dir, entry(9))
		got := read(t, dir)
		require.Equal(t, entry(9), got[len(got)-1], "%d bytes", n)
		// A line that lacks nothing but its end is whole again with the next one.
		require.LessOrEqual(t, len(got), len(want)+2)
		for i := range want {
			require.Equal(t, want[i], got[i])
		}
	}
}

// The log is bounded, the oldest entries go first, and a crash between the two steps of the
// rotation loses none of the newest.
func TestBounds(t *testing.T) {
	dir := t.TempDir()
	require.Empty(t, read(t, dir))
	l, err := Open(dir)
	require.NoError(t, err)
	const n = 800
	for i := range n {
		e := entry(i)
		e.Reason = strings.Repeat("é", 10_000)
		require.NoError(t, l.Add(e))
		for _, path := range []string{newer(dir), older(dir)} {
			if info, err := os.Stat(path); err == nil {
				require.LessOrEqual(t, info.Size(), int64(maxFile))
			}
		}
	}
	require.NoError(t, l.Close())
	got := read(t, dir)
	require.Greater(t, len(got), 200)
	require.Equal(t, fmt.Sprint(n-1), got[len(got)-1].UUID)
	for i := range got[1:] {
		require.Equal(t, got[i].Bytes+1, got[i+1].Bytes, "none is missing in between")
	}
	require.NoError(t, os.Rename(newer(dir), older(dir)))
	require.Equal(t, fmt.Sprint(n-1), read(t, dir)[len(read(t, dir))-1].UUID)
	add(t, dir, entry(1))
	require.Equal(t, entry(1), read(t, dir)[len(read(t, dir))-1])
}

// Whatever a file holds, reading it ends, and takes the whole entries only.
func TestGarbage(t *testing.T) {
	dir := t.TempDir()
	add(t, dir, entry(1))
	good, err := os.ReadFile(newer(dir))
	require.NoError(t, err)
	garbage := strings.Repeat("x", 3*maxLine) + "\n{}\nnull\n[1]\n\x00\xff\n"
	require.NoError(t, os.WriteFile(newer(dir), append([]byte(garbage), good...), 0o600))
	require.Equal(t, []Entry{entry(1)}, read(t, dir))
	require.NoError(t, os.WriteFile(newer(dir), make([]byte, 8<<20), 0o600))
	require.Empty(t, read(t, dir))
	add(t, dir, entry(2))
	require.Equal(t, []Entry{entry(2)}, read(t, dir), "a file that is too large is the older one now")
}

// A recorder writes what was added before it is closed, and a full disk is told.
func TestRecorder(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir)
	require.NoError(t, err)
	r := Record(l, func(err error) { t.Error(err) })
	for i := range 20 {
		r.Add(entry(i))
	}
	r.Add(Entry{What: "boot"})
	require.NoError(t, r.Close())
	got := read(t, dir)
	require.EqualValues(t, 21, int64(len(got))+r.Lost())
	require.WithinDuration(t, time.Now(), got[len(got)-1].Time, time.Minute)

	l, err = Open(dir)
	require.NoError(t, err)
	require.NoError(t, l.file.Close())
	var problems int
	r = Record(l, func(error) { problems++ })
	r.Add(entry(1))
	_ = r.Close()
	require.Equal(t, 1, problems)
}
