//go:build linux && !race

package transport

import (
	"syscall"
	"unsafe"
)

// A system call of package syscall announces to the scheduler that the thread may block. For a few
// bytes of a non-blocking descriptor this costs more than the call itself, so these functions make
// raw system calls.

// readShort is readFD for at most readSize bytes.
func readShort(fd uintptr, p []byte) (n int, again bool, err error) {
	for {
		r, _, errno := syscall.RawSyscall(
			syscall.SYS_READ,
			fd,
			uintptr(unsafe.Pointer(unsafe.SliceData(p))),
			uintptr(len(p)),
		)
		switch errno {
		case 0:
			return int(r), false, nil //nolint:gosec // at most len(p)
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, true, nil
		default:
			return 0, false, errno
		}
	}
}

// writeShort is writeFD for at most readSize bytes.
func writeShort(fd uintptr, p []byte) int {
	for {
		r, _, errno := syscall.RawSyscall(
			syscall.SYS_WRITE,
			fd,
			uintptr(unsafe.Pointer(unsafe.SliceData(p))),
			uintptr(len(p)),
		)
		switch errno {
		case 0:
			return int(r) //nolint:gosec // at most len(p)
		case syscall.EINTR:
		default:
			return 0
		}
	}
}
