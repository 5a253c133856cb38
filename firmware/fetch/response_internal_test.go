package fetch

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzContentRange(f *testing.F) {
	for _, s := range []string{
		"bytes 0-0/1", "bytes 5-9/*", "bytes */10", "bytes 5-4/10", "bytes 0-10/10", "bytes -1-5/10",
		"items 0-1/2",
		"bytes 0-1", "bytes 999999999999999999-9999999999999999999/*", "bytes */*", "", "bytes +1-2/3",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, ok := parseContentRange(s)
		switch {
		case !ok:
		case c.start < 0:
			require.Equal(t, fmt.Sprintf("bytes */%d", c.total), canonical(s))
		default:
			require.Less(t, c.start, c.end)
			if c.total >= 0 {
				require.LessOrEqual(t, c.end, c.total)
				require.Equal(t, fmt.Sprintf("bytes %d-%d/%d", c.start, c.end-1, c.total), canonical(s))
			}
		}
	})
}

// canonical removes leading zeros.
func canonical(s string) string {
	out, digits := []byte{}, 0
	for i := range len(s) {
		if s[i] == '0' && digits == 0 && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9' {
			continue
		}
		if s[i] >= '0' && s[i] <= '9' {
			digits++
		} else {
			digits = 0
		}
		out = append(out, s[i])
	}
	return string(out)
}

func TestContentRange(t *testing.T) {
	for s, want := range map[string]contentRange{
		"bytes 0-0/1":   {0, 1, 1},
		"bytes 5-9/*":   {5, 10, -1},
		"bytes 5-9/100": {5, 10, 100},
		"bytes */10":    {-1, -1, 10},
	} {
		got, ok := parseContentRange(s)
		require.True(t, ok, s)
		require.Equal(t, want, got, s)
	}
	for _, s := range []string{
		"", "bytes", "bytes 5-4/10", "bytes 0-10/10", "bytes -1-5/10",
		"items 0-1/2", "bytes 0-1", "bytes */*", "bytes a-b/c",
	} {
		_, ok := parseContentRange(s)
		require.False(t, ok, s)
	}
}
