//go:build !linux

package fwdev

import (
	"io"
	"os"
)

type disk struct{ *os.File }

func openDisk(path string) (Disk, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &disk{f}, nil
}

func (d *disk) Size() (int64, bool, error) {
	n, err := d.Seek(0, io.SeekEnd)
	return n, false, err
}

func rootPartition(string) ([]Range, error) { return nil, nil }

// pathOnDevice returns nil: only Linux tells.
func pathOnDevice() func(path, device string) bool { return nil }
