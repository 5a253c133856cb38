//go:build linux && !race

package transport

import (
	"syscall"
	"unsafe"
)

// System calls of package syscall tell the scheduler that the thread may have to wait, and find out
// afterwards what it has made of that. A few bytes of a descriptor that does not block are done
// before that is worth its time, which is more than what a frame of theirs takes otherwise.

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
