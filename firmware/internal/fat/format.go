package fat

import (
	"encoding/binary"
	"fmt"
	"io"
)

const (
	sectorSize = 512
	entrySize  = 32

	// Most clusters of the kinds of FAT, as FatFs counts; Microsoft's are 4,084 and 65,524.
	maxFAT12 = 0xFF5
	maxFAT16 = 0xFFF5
	maxFAT32 = 0x0FFFFFF5

	epoch = 1<<21 | 1<<16 // 1980-01-01 00:00
)

var le = binary.LittleEndian

// Device is the block device below a volume, as blockcache.Cache is. Offsets and lengths are whole
// sectors.
type Device interface {
	io.ReaderAt
	io.WriterAt
	// WriteThrough is WriteAt for bytes that come in order, and that need not be held back.
	WriteThrough(p []byte, off int64) (int, error)
	// Trim makes a range read as zeros, in a granularity of its own.
	Trim(off, n int64)
}

// layout is the places of a new volume, in sectors.
type layout struct {
	sectors  uint32
	kind     int // 12, 16 or 32
	reserved uint32
	fat      uint32 // size of one FAT
	root     uint32 // size of the fixed root directory
	clusters uint32
}

// plan divides a volume of so many sectors, with clusters of one sector and two FATs. It fails for
// the sizes that fwup refuses, between two kinds of FAT.
func plan(sectors uint32) (layout, error) {
	refuse := fmt.Errorf("a FAT filesystem cannot have %d blocks: change the size of the partition",
		sectors)
	if sectors < 128 {
		return layout{}, refuse
	}
	l := layout{sectors: sectors, kind: 16, reserved: 1, root: 512 * entrySize / sectorSize}
	bytes := sectors*2 + 4
	if sectors <= maxFAT12 {
		l.kind, bytes = 12, (sectors*3+1)/2+3
	}
	l.fat = uint32((uint64(bytes) + sectorSize - 1) / sectorSize)
	if sectors > maxFAT12 && uint64(sectors) > maxFAT16+uint64(l.system()) {
		l = layout{sectors: sectors, kind: 32, reserved: 32}
		l.fat = uint32((uint64(sectors)*4 + 8 + sectorSize - 1) / sectorSize)
	}
	if uint64(sectors) < uint64(l.system())+16 {
		return layout{}, refuse
	}
	l.clusters = sectors - l.system()
	switch {
	case l.kind == 16 && l.clusters <= maxFAT12,
		l.kind == 32 && (l.clusters <= maxFAT16 || sectors > maxFAT32):
		return layout{}, refuse
	}
	return l, nil
}

// system returns the sectors before the data.
func (l layout) system() uint32 { return l.reserved + 2*l.fat + l.root }

// Format makes an empty filesystem of count blocks at block first of dev. It trims the range and
// writes its last block, so that a device that is too small is noticed and a file grows.
func Format(dev Device, first, count int64) error {
	if first < 0 || count < 0 || count > 1<<32-1 {
		return fmt.Errorf("format %d blocks at %d: not possible", count, first)
	}
	l, err := plan(uint32(count))
	if err != nil {
		return fmt.Errorf("format: %w", err)
	}
	dev.Trim(first*sectorSize, count*sectorSize)
	ones := make([]byte, sectorSize)
	for i := range ones {
		ones[i] = 0xFF
	}
	if _, err := dev.WriteThrough(ones, (first+count-1)*sectorSize); err != nil {
		return fmt.Errorf("format: last block of the filesystem: %w", err)
	}
	f := formatter{dev: dev, first: first, layout: l}
	f.boot()
	f.tables()
	if f.err != nil {
		return fmt.Errorf("format: %w", f.err)
	}
	return nil
}

// formatter writes the sectors of a new volume.
type formatter struct {
	layout
	dev   Device
	first int64
	err   error
}

func (f *formatter) write(sector uint32, p []byte) {
	if f.err == nil {
		f.err = writeSector(f.dev, f.first, sector, p)
	}
}

// writeSector writes one sector of a volume. FATs and root directory of small volumes, in the first
// MiB, are held back: they change often.
func writeSector(dev Device, first int64, sector uint32, p []byte) error {
	write := dev.WriteAt
	if sector > 1<<20/sectorSize {
		write = dev.WriteThrough
	}
	_, err := write(p, (first+int64(sector))*sectorSize)
	return err
}

// boot writes the boot sector (Microsoft FAT specification, section 3) and, for FAT32, its copy and
// the FSInfo sectors.
func (f *formatter) boot() {
	p := make([]byte, sectorSize)
	copy(p, "\xEB\xFE\x90MSDOS5.0")
	le.PutUint16(p[11:], sectorSize)
	p[13] = 1 // sectors of a cluster
	le.PutUint16(p[14:], uint16(f.reserved))
	p[16] = 2 // FATs
	le.PutUint16(p[17:], uint16(f.root*sectorSize/entrySize))
	if f.sectors < 1<<16 {
		le.PutUint16(p[19:], uint16(f.sectors))
	} else {
		le.PutUint32(p[32:], f.sectors)
	}
	p[21] = 0xF8 // medium: fixed disk
	le.PutUint16(p[24:], 63)
	le.PutUint16(p[26:], 255)
	extended := p[36:]
	if f.kind == 32 {
		le.PutUint32(p[36:], f.fat)
		le.PutUint32(p[44:], 2) // cluster of the root directory
		le.PutUint16(p[48:], 1) // FSInfo sector
		le.PutUint16(p[50:], 6) // copy of the boot sector
		extended = p[64:]
	} else {
		le.PutUint16(p[22:], uint16(f.fat))
	}
	extended[0], extended[2] = 0x80, 0x29
	le.PutUint32(extended[3:], f.sectors+epoch) // serial number
	copy(extended[7:], fmt.Sprintf("NO NAME    FAT%d   ", f.kind))
	p[510], p[511] = 0x55, 0xAA
	f.write(0, p)
	if f.kind == 32 {
		f.write(6, p)
		info(p, f.clusters-1, 2)
		f.write(7, p)
		f.write(1, p)
	}
}

// info makes p an FSInfo sector.
func info(p []byte, free, last uint32) {
	clear(p)
	le.PutUint32(p, 0x41615252)
	le.PutUint32(p[484:], 0x61417272)
	le.PutUint32(p[488:], free)
	le.PutUint32(p[492:], last)
	p[510], p[511] = 0x55, 0xAA
}

// tables writes the FATs and the root directory.
func (f *formatter) tables() {
	p := make([]byte, sectorSize)
	sector := f.reserved
	for range 2 {
		switch f.kind {
		case 12:
			le.PutUint32(p, 0x00FFFFF8)
		case 16:
			le.PutUint32(p, 0xFFFFFFF8)
		case 32:
			le.PutUint32(p, 0xFFFFFFF8)
			le.PutUint32(p[4:], 0xFFFFFFFF)
			le.PutUint32(p[8:], 0x0FFFFFFF) // the root directory
		}
		for range f.fat {
			f.write(sector, p)
			clear(p)
			sector++
		}
	}
	for range max(f.root, 1) {
		f.write(sector, p)
		sector++
	}
}
