package firmware

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	architecture = "../ARCHITECTURE.md"
	diagramBegin = "<!-- states: made by go test ./firmware -run TestDiagram -update -->\n"
	diagramEnd   = "<!-- /states -->\n"
)

// diagram draws which states may follow which, and over what inputs.
func diagram() string {
	var b strings.Builder
	b.WriteString("```mermaid\nstateDiagram-v2\n    [*] --> starting\n")
	for from := range states {
		for to := range states {
			var over []string
			for input := range inputs {
				for _, r := range rows {
					if r.input == input && r.in.has(from) && r.to.has(to) && from != to {
						over = append(over, input.String())
					}
				}
			}
			if len(over) > 0 {
				fmt.Fprintf(&b, "    %v --> %v: %s\n", from, to, strings.Join(over, ", "))
			}
		}
	}
	b.WriteString("```\n")
	return b.String()
}

// The diagram in ARCHITECTURE.md is the table of states.
func TestDiagram(t *testing.T) {
	data, err := os.ReadFile(architecture)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(data), diagramBegin)
	require.True(t, ok, "%s has no line %s", architecture, diagramBegin)
	is, after, ok := strings.Cut(rest, diagramEnd)
	require.True(t, ok, "%s has no line %s", architecture, diagramEnd)
	if flag.Lookup("update").Value.String() == "true" { // the flag of tests/golden
		text := before + diagramBegin + diagram() + diagramEnd + after
		require.NoError(t, os.WriteFile(architecture, []byte(text), 0o644)) //nolint:gosec // public
		return
	}
	require.Equal(t, diagram(), is, "run: go test ./firmware -run TestDiagram -update")
}

// Each state that a row names can be reached from the states of that row, and a state that a row
// does not name cannot.
func TestMayFollow(t *testing.T) {
	for _, c := range []struct {
		from  State
		input inputKind
		to    State
		ok    bool
	}{
		{Idle, offered, Deciding, true},
		{Idle, offered, Idle, true}, // refused
		{Idle, offered, Preparing, false},
		{Deciding, decided, Flipping, false},
		{Fetching, fetched, Verifying, true},
		{Fetching, fetched, Flipping, false}, // never without the verdict of the applier
		{Verifying, applied, Flipping, true},
		{Flipping, flipDone, Flipped, true},
		{Flipping, applied, Flipped, false},
		{Flipped, tick, Reverting, true},
		{Flipped, channelUp, Reverting, true}, // the reboot gives up in any step
		{Idle, tick, Reverting, false},
		{Starting, started, Flipping, false}, // an intent is never carried out again by itself
	} {
		require.Equal(t, c.ok, mayFollow(c.from, c.input, c.to), "%v: %v to %v", c.input, c.from, c.to)
	}
	for state := range states {
		for _, r := range rows {
			if r.in.has(state) && r.input == applied && state != Verifying {
				require.Zero(t, r.to, "%v", state)
			}
			if r.to.has(Flipping) {
				require.Equal(t, applied, r.input, "only verified bytes are flipped to")
			}
		}
	}
}
