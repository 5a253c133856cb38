//go:build !unix

package transport

// canReadFD says that sockets are descriptors that readFD can read.
const canReadFD = false

func readFD(uintptr, []byte) (n int, again bool, err error) { return 0, false, nil }
