//go:build !linux || race

package transport

// The race detector derives the order of the two ends of a socket from package syscall, so race
// builds use that package.

func readShort(fd uintptr, p []byte) (n int, again bool, err error) { return readFD(fd, p) }

func writeShort(fd uintptr, p []byte) int { return writeFD(fd, p) }
