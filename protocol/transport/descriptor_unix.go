//go:build unix

package transport

import "syscall"

// haveFD reports that sockets are descriptors for readFD and writeFD.
const haveFD = true

// readFD reads from a non-blocking descriptor. again reports that no data has arrived; n zero
// without again is the end.
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

// writeFD writes to a non-blocking descriptor once and returns the number of bytes. It returns 0
// for a full buffer and for an error, which the next write reports.
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
