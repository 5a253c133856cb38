package report

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// Resident returns the resident memory of this process in bytes after a garbage collection (VmRSS
// of proc_pid_status(5)).
func Resident() (int64, error) {
	runtime.GC() // what pools keep goes with the second one
	debug.FreeOSMemory()
	return processStatus("VmRSS:")
}

// Held returns what this process holds in its heap and in stacks, in bytes, once the garbage is
// gone. It is exact where Resident has the holes between what is held. A collection halves a stack
// that is larger than need be, so it takes several.
func Held() int64 {
	for range 5 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse) //nolint:gosec // memory of one process
}

func processStatus(key string) (int64, error) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("measure memory: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), key)
		if !ok {
			continue
		}
		kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")),
			10, 64)
		if err != nil {
			return 0, fmt.Errorf("measure memory: %q of /proc/self/status: %w", rest, err)
		}
		return kb << 10, nil
	}
	return 0, fmt.Errorf("measure memory: /proc/self/status has no %s", key)
}
