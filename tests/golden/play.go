package golden

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden transcripts")

// Epoch is the time `at 0s` of every transcript.
func Epoch() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// Core is a state machine as a transcript sees it. One that is a [fmt.Stringer] shows its state
// after each block too.
type Core interface {
	// Step takes the words of a line behind `at <time>` and says what comes of it, a line each. The
	// words of any other line come with the zero time: they are the core's own.
	Step(t *testing.T, now time.Time, words []string) []string
	// Deadline is when the core wants to be called again.
	Deadline() time.Time
}

// Play plays every transcript in testdata/<folder>, each with a core of its own. A transcript is
// blocks with an empty line between them: lines of input `at <time> [words]` and comments, then
// `----`, then what the core did, its state, and its deadline.
func Play(t *testing.T, folder string, start func() Core) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.txt"))
	require.NoError(t, err)
	require.NotEmpty(t, files, "no transcripts in testdata/%s", folder)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want := string(Read(t, file))
			got := play(t, want, start())
			if *update {
				require.NoError(
					t,
					os.WriteFile(file, []byte(got), 0o644),
				) //nolint:gosec // a file of the repository
				return
			}
			require.Equal(t, want, got)
		})
	}
}

func play(t *testing.T, text string, core Core) string {
	var out bytes.Buffer
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if out.Len() > 0 {
			out.WriteByte('\n')
		}
		var did []string
		for line := range strings.Lines(block) {
			line = strings.TrimSpace(line)
			if line == "----" {
				break
			}
			out.WriteString(line + "\n")
			did = append(did, step(t, line, core)...)
		}
		out.WriteString("----\n")
		for _, d := range did {
			out.WriteString(strings.TrimSpace(d) + "\n")
		}
		if after := after(core); after != "" {
			out.WriteString(after + "\n")
		}
	}
	return out.String()
}

func step(t *testing.T, line string, core Core) []string {
	words := strings.Fields(line)
	switch {
	case strings.HasPrefix(line, "#"):
		return nil
	case words[0] != "at":
		return core.Step(t, time.Time{}, words)
	}
	require.Greater(t, len(words), 1, line)
	at, err := time.ParseDuration(words[1])
	require.NoError(t, err, line)
	return core.Step(t, Epoch().Add(at), words[2:])
}

// after is the core's state, if it shows one, and its deadline, if it has one.
func after(core Core) string {
	var parts []string
	if s, ok := core.(fmt.Stringer); ok {
		parts = append(parts, s.String())
	}
	if d := core.Deadline(); !d.IsZero() {
		parts = append(parts, fmt.Sprintf("timer %v", d.Sub(Epoch()).Round(time.Millisecond)))
	}
	return strings.Join(parts, ", ")
}

// Same compares got with a file, which -update rewrites.
func Same(t testing.TB, file, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755)) //nolint:gosec // of the repository
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644)) //nolint:gosec // of the repository
		return
	}
	require.Equal(t, string(Read(t, file)), got, file)
}
