//go:build !linux || race

package transport

// The race detector learns from package syscall what one end of a socket has done before the other,
// so it gets that.

func readShort(fd uintptr, p []byte) (n int, again bool, err error) { return readFD(fd, p) }

func writeShort(fd uintptr, p []byte) int { return writeFD(fd, p) }
