//go:build !race

package compare

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A small message costs no allocation, at neither end, over a plain TCP connection and over one
// that is wrapped. The race detector makes sync.Pool forget at random.
func TestNoAllocations(t *testing.T) {
	buf := make([]byte, 0, 512)
	client, server := newLink(t, ourLibrary, ourLibrary, plain, nil, nil)
	require.Zero(
		t,
		testing.AllocsPerRun(200, func() { bothWays(t, client, server, heartbeat, buf) }),
		"plain",
	)
	client, server, _, _ = counted(t, ourLibrary, plain)
	require.Zero(
		t,
		testing.AllocsPerRun(200, func() { bothWays(t, client, server, heartbeat, buf) }),
		"wrapped",
	)
}

// On a plain TCP connection there is no wrapper to count, but the system does: a message that has
// arrived is one read, and one that is sent one write. Others of this process may call the system
// too, and a message may not have arrived yet, so the fewest calls of many attempts count.
func TestOneCallOfTheSystem(t *testing.T) {
	if reads, _ := systemCalls(t); reads == 0 {
		t.Skip("SKIPPED, NOT TESTED: the system does not count calls in /proc/self/io")
	}
	const n = 20
	client, server := newLink(t, ourLibrary, ourLibrary, plain, nil, nil)
	buf := make([]byte, 0, 512)
	reads, writes := 1<<30, 1<<30
	for range 50 {
		r0, w0 := systemCalls(t)
		for range n {
			bothWays(t, client, server, heartbeat, buf)
		}
		r1, w1 := systemCalls(t)
		reads, writes = min(reads, r1-r0), min(writes, w1-w0)
	}
	require.Equal(t, 2*n, writes, "writes of %d messages", 2*n)
	require.LessOrEqual(t, reads, 2*n+readsOfCounting, "reads of %d messages", 2*n)
}

// readsOfCounting is what reading the counters adds to them, at most.
const readsOfCounting = 3

func systemCalls(t *testing.T) (reads, writes int) {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Log(err)
		return 0, 0
	}
	for line := range strings.Lines(string(text)) {
		_, _ = fmt.Sscanf(line, "syscr: %d", &reads)
		_, _ = fmt.Sscanf(line, "syscw: %d", &writes)
	}
	return reads, writes
}
