package archive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/firmware/native"
	"github.com/hublink-go/hublink/firmware/slotdev"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

const (
	taskComplete = "complete"
	smallestDisk = 64 << 20
	largestDisk  = 64 << 30
)

// What a machine runs that was made by the archive that it will be offered.
const (
	unknownUUID    = "00000000-0000-5000-8000-000000000000"
	unknownVersion = "0.0.0"
)

// disk is the disk of the machine: a file, which is sparse.
type disk struct{ *os.File }

// Size implements native.Target.
func (d disk) Size() (int64, bool, error) {
	info, err := d.Stat()
	if err != nil {
		return 0, false, err
	}
	return info.Size(), false, nil
}

// NewDisk makes a disk by the task complete of an archive and returns where its boot record is.
// Without resources its slots are empty, and the boot record says that an older build runs.
func NewDisk(path string, base hubtest.Content, resources bool) ([]slotdev.Location, error) {
	r, err := fwfile.NewReader(whole(base), fwfile.Options{AllowUnsigned: true})
	if err != nil {
		return nil, err
	}
	meta := *r.Meta()
	if len(meta.Partitions.Envs) == 0 {
		return nil, errors.New("the archive has no U-Boot environment, where the boot record would be")
	}
	if !resources {
		meta.Tasks = beforehand(&meta)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	err = f.Truncate(extent(&meta))
	if err == nil {
		err = run(disk{f}, &meta, r)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("task %s: %w", taskComplete, err)
	}
	return locations(path, meta.Partitions.Envs[0]), nil
}

// whole reads a content from its beginning.
func whole(c hubtest.Content) io.Reader { return io.NewSectionReader(c, 0, c.Size) }

// run runs the task complete.
func run(d disk, meta *fwfile.Meta, r *fwfile.Reader) error {
	task, err := native.Open(d, meta, native.Options{Task: taskComplete})
	if err != nil {
		return err
	}
	if err := task.Begin(); err != nil {
		return err
	}
	for len(task.Task().OnResource) > 0 {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = task.Resource(e, r)
		}
		if err != nil {
			return err
		}
	}
	if err := task.Ready(); err != nil {
		return err
	}
	return task.Finish()
}

// beforehand returns the tasks complete without resources and as those of an older build, so that
// the archive itself is an update.
func beforehand(meta *fwfile.Meta) (tasks []fwfile.Task) {
	older := func(calls []fwfile.Call) []fwfile.Call {
		calls = slices.Clone(calls)
		for i, c := range calls {
			if c.Name() != "uboot_setenv" || len(c.Args()) != 3 {
				continue
			}
			c = slices.Clone(c)
			switch name := c.Args()[1]; {
			case strings.HasSuffix(name, "nerves_fw_uuid"):
				c.Args()[2] = unknownUUID
			case strings.HasSuffix(name, "nerves_fw_version"):
				c.Args()[2] = unknownVersion
			}
			calls[i] = c
		}
		return calls
	}
	for _, t := range meta.Tasks {
		if strings.HasPrefix(t.Name, taskComplete) {
			t.OnInit, t.OnResource, t.OnFinish = older(t.OnInit), nil, older(t.OnFinish)
			tasks = append(tasks, t)
		}
	}
	return tasks
}

// extent returns how large a disk for the layout of an archive is.
func extent(meta *fwfile.Meta) int64 {
	end := uint64(smallestDisk)
	grow := func(offset, count uint64) {
		if count < 1<<31-1 { // else it goes to the end of the disk
			end = max(end, (offset+count+slotAlign)*blockSize)
		}
	}
	for _, m := range meta.Partitions.MBRs {
		for _, p := range m.Partitions {
			grow(p.Offset, p.Count)
		}
	}
	for _, g := range meta.Partitions.GPTs {
		for _, p := range g.Partitions {
			grow(p.Offset, p.Count)
		}
	}
	return int64(min(end, largestDisk)) //nolint:gosec // bounded
}

// locations returns where the copies of a boot record are.
func locations(path string, e fwfile.Env) []slotdev.Location {
	at := func(block uint64) slotdev.Location {
		return slotdev.Location{
			Path: path, Offset: int64(block) * blockSize, //nolint:gosec // fwfile bounds it
			Size: int64(e.Count) * blockSize, //nolint:gosec // fwfile bounds it
		}
	}
	all := []slotdev.Location{at(e.Offset)}
	if e.Redundant {
		all = append(all, at(e.Second))
	}
	return all
}

// HasLayout reports whether an archive says what a machine for it looks like.
func HasLayout(meta *fwfile.Meta) bool {
	if meta == nil || len(meta.Partitions.Envs) == 0 {
		return false
	}
	for _, t := range meta.Tasks {
		if strings.HasPrefix(t.Name, taskComplete) {
			return true
		}
	}
	return false
}

// SlotOf returns how many blocks each slot of a disk has that was made by an archive of Build.
func SlotOf(path string) (uint64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	table := make([]byte, blockSize)
	if _, err := f.ReadAt(table, 0); err != nil {
		return 0, err
	}
	const first = 446 // the offset of the first partition
	begin := binary.LittleEndian.Uint32(table[first+8:])
	if blocks := binary.LittleEndian.Uint32(table[first+12:]); begin == slotsBegin {
		return uint64(blocks), nil
	}
	return 0, fmt.Errorf("%s: no disk of a machine that was made here", path)
}

// Locations returns where the boot record of such a disk is.
func Locations(path string) []slotdev.Location { return locations(path, environment()) }
