//go:build unix

package transport

import (
	"errors"
	"syscall"
)

// canReadFD says that sockets are descriptors that readFD can read.
const canReadFD = true

// readFD reads from a non-blocking descriptor. again says that there is nothing to read yet; n zero without it is the end.
func readFD(fd uintptr, p []byte) (n int, again bool, err error) {
	for {
		n, err = syscall.Read(int(fd), p) //nolint:gosec // a descriptor fits
		switch {
		case err == nil:
			return n, false, nil
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return 0, true, nil
		default:
			return 0, false, err
		}
	}
}
