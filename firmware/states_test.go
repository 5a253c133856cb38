package firmware

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryStateAnswersEveryInputOnce(t *testing.T) {
	for state := range states {
		for input := range inputs {
			var answers []int
			for i, r := range rows {
				if r.in&(1<<state) != 0 && r.input == input {
					answers = append(answers, i)
				}
			}
			require.Len(t, answers, 1, "%v, input %d: rows %v", state, input, answers)
			require.NotNil(t, table[state][input])
		}
	}
}

func TestNamesOfStatesAndStatuses(t *testing.T) {
	seen := map[string]bool{}
	for state := range states {
		text, err := state.MarshalText()
		require.NoError(t, err)
		require.False(t, seen[string(text)] || len(text) == 0, "%d", state)
		seen[string(text)] = true
		var back State
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, state, back)
	}
	for s := StatusReceived; s <= StatusRebooting; s++ {
		text, err := s.MarshalText()
		require.NoError(t, err)
		var back Status
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, s, back)
	}
	require.Error(t, new(State).UnmarshalText([]byte("dancing")))
	require.Error(t, new(Status).UnmarshalText(nil))
	require.Equal(t, "unknown", states.String())
	require.Equal(t, "unknown", Status(0).String())
}

// Only what a journal can hold is what a restart begins from.
func TestDurableStatesAreTheirOwn(t *testing.T) {
	for state := range states {
		d := state.durable()
		require.Equal(t, d, d.durable(), fmt.Sprint(state))
	}
}
