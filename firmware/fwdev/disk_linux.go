package fwdev

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// disk is a block device or a file.
type disk struct {
	*os.File
	block bool
}

// openDisk opens a disk for writing.
func openDisk(path string) (Disk, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open the disk %s: %w", path, err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the disk: %w", err)
	}
	return &disk{File: f, block: info.Mode()&os.ModeDevice != 0}, nil
}

// Size returns the size, which a block device cannot change.
func (d *disk) Size() (int64, bool, error) {
	n, err := d.Seek(0, io.SeekEnd)
	return n, d.block, err
}

// rootPartition returns the partition of the mounted root file system, if it is on the disk.
func rootPartition(path string) ([]Range, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return nil, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return nil, nil
	}
	root, err := deviceOf("/")
	if err != nil || root == "" {
		return nil, err
	}
	mine := fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	var used []Range
	for _, part := range append(below(root), root) {
		r, disk, err := partition(part)
		if err != nil {
			return nil, err
		}
		if part == mine { // the disk is that partition, or no part of another one
			r.From, r.To = 0, r.To-r.From
		}
		if disk == mine || part == mine {
			r.What = "the partition of the mounted root file system is there"
			used = append(used, r)
		}
	}
	return used, nil
}

// deviceOf returns major:minor of the device that is mounted at a path, or "".
func deviceOf(mount string) (string, error) {
	text, err := os.ReadFile("/proc/self/mountinfo") // lines of overlays may be long
	if err != nil {
		return "", err
	}
	device := ""
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) > 4 && fields[4] == mount {
			device = fields[2] // the last mount is on top
		}
	}
	return device, nil
}

// pathOnDevice returns the function that reports whether a path lies on a device, as fwup does.
func pathOnDevice() func(path, device string) bool {
	return func(path, device string) bool {
		var p, d unix.Stat_t
		return unix.Stat(path, &p) == nil && unix.Stat(device, &d) == nil &&
			d.Mode&unix.S_IFMT == unix.S_IFBLK && p.Dev == d.Rdev
	}
}

// below returns the devices that a device is made of (dm, md, loop), at any depth.
func below(device string) (all []string) {
	slaves, _ := filepath.Glob("/sys/dev/block/" + device + "/slaves/*/dev")
	for _, file := range slaves {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		d := strings.TrimSpace(string(text))
		all = append(append(all, d), below(d)...)
	}
	return all
}

// partition returns the range of a partition, and the disk that it is a part of. Whole disks are
// their own.
func partition(device string) (Range, string, error) {
	folder := "/sys/dev/block/" + device
	read := func(name string) (int64, error) {
		text, err := os.ReadFile(folder + "/" + name)
		if err != nil {
			return 0, err
		}
		return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	}
	size, err := read("size")
	if os.IsNotExist(err) { // overlay, tmpfs: no block device
		return Range{}, "", nil
	}
	if err != nil {
		return Range{}, "", err
	}
	start, err := read("start")
	if os.IsNotExist(err) {
		return Range{0, size * 512, ""}, device, nil
	}
	if err != nil {
		return Range{}, "", err
	}
	parent, err := os.ReadFile(folder + "/../dev")
	if err != nil {
		return Range{}, "", err
	}
	return Range{start * 512, (start + size) * 512, ""}, strings.TrimSpace(string(parent)), nil
}
