// Command measure measures the built agent against a hub over TLS in a process of its own: the size
// of the binary, the memory of the process a minute after it has joined, and its peak memory during
// a small and a large update. It prints a table and exits with 1 when a limit is passed.
//
//	tests/measure/run.sh
//
// The large update takes as much room as its size in the directory for temporary files. The numbers
// are those of /proc/PID/status.
package main
