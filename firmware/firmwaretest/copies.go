package firmwaretest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// copies keeps a small value on a Disk, in turn in two places, so that a torn write leaves the
// other one. A value has its length, its CRC-32 and its number before it.
type copies struct {
	disk *Disk
	file string
	size int64 // of a place
}

const copyHead = 12

func newCopies(disk *Disk, file string, size int64) *copies {
	disk.Add(file, 2*size)
	return &copies{disk, file, size}
}

// load returns the newest value that is consistent; nil means none.
func (c *copies) load() ([]byte, error) {
	data, _, err := c.newest()
	return data, err
}

func (c *copies) newest() (data []byte, number uint32, err error) {
	f, err := c.disk.Open(c.file, false)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	for i := range int64(2) {
		p := make([]byte, c.size)
		if _, err := f.ReadAt(p, i*c.size); err != nil {
			return nil, 0, err
		}
		n, no := binary.BigEndian.Uint32(p), binary.BigEndian.Uint32(p[8:])
		if int64(n) > c.size-copyHead || no <= number {
			continue
		}
		if crc32.ChecksumIEEE(p[8:copyHead+n]) == binary.BigEndian.Uint32(p[4:]) {
			data, number = p[copyHead:copyHead+n], no
		}
	}
	return data, number, nil
}

// save replaces the value: it is on disk when save returns.
func (c *copies) save(data []byte) error {
	if int64(len(data)) > c.size-copyHead {
		return fmt.Errorf("save %d bytes to the %s: it is full", len(data), c.file)
	}
	_, number, err := c.newest()
	if err != nil {
		return err
	}
	body := append(binary.BigEndian.AppendUint32(nil, number+1), data...)
	p := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	p = append(binary.BigEndian.AppendUint32(p, crc32.ChecksumIEEE(body)), body...)
	f, err := c.disk.Open(c.file, true)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(p, int64((number+1)%2)*c.size); err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
