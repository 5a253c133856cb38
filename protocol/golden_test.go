package protocol

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden transcripts")

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// stepper is a core as a transcript sees it: one line in, lines out.
type stepper interface {
	step(t *testing.T, now time.Time, words []string) []string
	deadline() time.Time
}

// runGolden plays every transcript in dir: lines `at <time> [input]`, then `----`, then effects and the next deadline.
func runGolden(t *testing.T, dir string, start func() stepper) {
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.txt"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			got := play(t, string(want), start())
			if *update {
				require.NoError(t, os.WriteFile(file, got, 0o644))
				return
			}
			require.Equal(t, string(want), string(got))
		})
	}
}

func play(t *testing.T, text string, core stepper) []byte {
	var out bytes.Buffer
	for _, block := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if out.Len() > 0 {
			out.WriteByte('\n')
		}
		var effects []string
		for line := range strings.Lines(block) {
			line = strings.TrimSpace(line)
			if line == "----" {
				break
			}
			out.WriteString(line + "\n")
			if strings.HasPrefix(line, "#") {
				continue
			}
			words := strings.SplitN(line, " ", 3)
			require.Equal(t, "at", words[0], line)
			at, err := time.ParseDuration(words[1])
			require.NoError(t, err)
			var input []string
			if len(words) > 2 {
				input = strings.Fields(words[2])
			}
			effects = append(effects, core.step(t, epoch.Add(at), input)...)
		}
		out.WriteString("----\n")
		for _, e := range effects {
			out.WriteString(strings.TrimSpace(e) + "\n")
		}
		if d := core.deadline(); !d.IsZero() {
			fmt.Fprintf(&out, "timer %v\n", d.Sub(epoch).Round(time.Millisecond))
		}
	}
	return out.Bytes()
}

func show(t *testing.T, m Message) string {
	data, err := JSON{}.Append(nil, m)
	require.NoError(t, err)
	return string(data)
}

func parse(t *testing.T, text string) Message {
	m, err := JSON{}.Decode([]byte(text), false)
	require.NoError(t, err)
	return m
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return " because: " + err.Error()
}
