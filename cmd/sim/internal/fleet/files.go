package fleet

import (
	"fmt"
	"syscall"
)

// spareFiles is what a process needs beside its sockets.
const spareFiles = 100

// openFiles makes sure that the process may open a socket for each device, as far as it is allowed
// to raise its own limit.
func openFiles(devices int) error {
	need := uint64(devices) + spareFiles //nolint:gosec // not negative
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("look up the limit of open files: %w", err)
	}
	if limit.Cur >= need {
		return nil
	}
	limit.Cur = min(need, limit.Max)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise the limit of open files: %w", err)
	}
	if limit.Cur < need {
		return &TooManyError{Devices: devices, Limit: limit.Max}
	}
	return nil
}

// TooManyError means that a process may not open as many sockets as it would need.
type TooManyError struct {
	Devices int
	Limit   uint64 // of open files
}

// Error implements error.
func (e *TooManyError) Error() string {
	//nolint:gosec // a limit of files is small, or unlimited and not exceeded
	most := max(0, int64(e.Limit)-spareFiles)
	return fmt.Sprintf("%d devices need a file each, and a process may have %d open here: "+
		"take at most %d devices, or raise the limit (ulimit -Hn)", e.Devices, e.Limit, most)
}
