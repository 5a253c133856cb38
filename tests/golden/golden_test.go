package golden

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// alarm is a core: what it is told, it does a second later.
type alarm struct {
	due  time.Time
	what string
}

func (a *alarm) String() string      { return "rings " + a.what }
func (a *alarm) Deadline() time.Time { return a.due }

func (a *alarm) Step(_ *testing.T, now time.Time, words []string) []string {
	switch {
	case now.IsZero():
		a.what = words[1]
	case len(words) > 0:
		a.due = now.Add(time.Second)
		return []string{"set " + strings.Join(words, " ")}
	case !now.Before(a.due):
		a.due = time.Time{}
		return []string{"ring"}
	}
	return nil
}

const transcript = `# an alarm
tune bell
at 1s wake me
----
set wake me
rings bell, timer 2s

at 1.5s
at 2s
----
ring
rings bell
`

func TestPlay(t *testing.T) {
	require.Equal(t, transcript, play(t, transcript, &alarm{}))
	require.Equal(
		t,
		transcript,
		play(t, strings.ReplaceAll(transcript, "ring\n", "silence\n"), &alarm{}),
		"what the core does counts",
	)
}

func TestFiles(t *testing.T) {
	folder, more := t.TempDir(), t.TempDir()
	t.Setenv("HUBLINK_DATA", "")
	_, err := Find("vectors/*.json", folder)
	require.Error(t, err, "a test that found nothing to compare with would pass")

	for _, dir := range []string{folder, more} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, "vectors"), 0o700))
		require.NoError(
			t,
			os.WriteFile(filepath.Join(dir, "vectors", "a.json"), []byte("{\"n\":1}\n{\"n\":2}\n"), 0o600),
		)
	}
	require.Len(t, Files(t, "vectors/*.json", folder), 1)
	t.Setenv("HUBLINK_DATA", more)
	files := Files(t, "vectors/*.json", folder)
	require.Len(t, files, 2)
	require.Equal(t, []struct{ N int }{{1}, {2}}, Lines[struct{ N int }](t, files[1]))
}
