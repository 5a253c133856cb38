//go:build unix

package transport

import "syscall"

// haveFD says that sockets are descriptors, for the functions below.
const haveFD = true

// readFD reads from a non-blocking descriptor. again says that there is nothing to read yet; n zero
// without it is the end.
func readFD(fd uintptr, p []byte) (n int, again bool, err error) {
	for {
		n, err = syscall.Read(int(fd), p) //nolint:gosec // a descriptor fits
		switch err {
		case nil:
			return n, false, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, true, nil
		default:
			return 0, false, err
		}
	}
}

// writeFD writes to a non-blocking descriptor once. Nothing is written when there is no room, and
// after an error, which the next write finds again.
func writeFD(fd uintptr, p []byte) int {
	for {
		n, err := syscall.Write(int(fd), p) //nolint:gosec // a descriptor fits
		switch err {
		case nil:
			return n
		case syscall.EINTR:
		default:
			return 0
		}
	}
}
