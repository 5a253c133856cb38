package native

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/hublink-go/hublink/firmware/fwfile"
)

// Partition tables have block numbers of 32 bits; fwup refuses larger ones.
const maxBlock = 1<<32 - 1

// record is one block of a partition table and where it goes.
type record struct {
	block uint64
	data  [blockSize]byte
}

// slot is one entry of a master boot record.
type slot struct {
	offset, count uint64
	kind          byte
	boot          bool
	used          bool
}

// primaries is how many partitions a master boot record describes by itself.
const primaries = 4

func extended(kind byte) bool { return kind == 0x05 || kind == 0x0f }

// mbrWrite writes a master boot record and the extended ones that it needs.
func mbrWrite(r *Run, args []string, _ *source) error {
	for i := range r.meta.Partitions.MBRs {
		if m := &r.meta.Partitions.MBRs[i]; m.Name == args[0] {
			records, err := encodeMBR(m, uint64(r.cache.Size())/blockSize) //nolint:gosec // not negative
			if err != nil {
				return fmt.Errorf("mbr %q: %w", m.Name, err)
			}
			for _, rec := range records {
				if _, err := r.cache.WriteAt(rec.data[:], int64(rec.block)*blockSize); err != nil { //nolint:gosec // 32 bits
					return err
				}
			}
			return nil
		}
	}
	return fmt.Errorf("meta.conf has no mbr %q", args[0])
}

// encodeMBR returns the blocks of a table for a disk of that many blocks, 0 for an unknown number.
func encodeMBR(m *fwfile.MBR, disk uint64) ([]record, error) {
	if m.OSIP {
		return nil, fmt.Errorf("%w: include-osip", ErrUnsupported)
	}
	slots, err := mbrSlots(m, disk)
	if err != nil {
		return nil, err
	}
	first := record{}
	copy(first.data[:440], m.Bootstrap)
	binary.LittleEndian.PutUint32(first.data[440:], m.Signature)
	for i := range primaries {
		if i < len(slots) {
			slots[i].put(first.data[446+16*i:])
		}
	}
	first.data[510], first.data[511] = 0x55, 0xaa
	records := []record{first}
	for i := primaries; i < len(slots); i++ {
		at := slots[3].offset + uint64(i-primaries)
		rec := record{block: at}
		logical := slots[i]
		logical.boot, logical.offset = false, logical.offset-at
		logical.put(rec.data[446:])
		if i < len(slots)-1 {
			next := slot{kind: 0x0f, used: true, offset: uint64(i - primaries + 1), count: 1}
			next.put(rec.data[462:])
		}
		rec.data[510], rec.data[511] = 0x55, 0xaa
		records = append(records, rec)
	}
	return records, nil
}

// mbrSlots orders the partitions by their number and lets those grow that shall.
func mbrSlots(m *fwfile.MBR, disk uint64) ([]slot, error) {
	slots := make([]slot, 0, primaries)
	for _, p := range m.Partitions {
		for len(slots) <= p.Index {
			slots = append(slots, slot{})
		}
		s := slot{offset: p.Offset, count: p.Count, kind: p.Type, boot: p.Boot, used: true}
		expand := p.Expand
		if extended(p.Type) {
			if p.Index != 3 {
				return nil, fmt.Errorf("partition %d: only partition 3 can be an extended one", p.Index)
			}
			s.boot, expand = false, true
			if s.count >= 1<<31-1 {
				s.count = 1
			}
		}
		if p.Index > 15 || p.Offset >= maxBlock || s.count >= 1<<31-1 {
			return nil, fmt.Errorf("partition %d: bad number, offset or count", p.Index)
		}
		if slots[p.Index].used {
			return nil, fmt.Errorf("partition %d comes twice", p.Index)
		}
		disk = max(disk, s.offset+s.count)
		slots[p.Index] = s
		slots[p.Index].used = true
		if expand {
			slots[p.Index].count |= 1 << 63 // resolved below, when the end is known
		}
	}
	for i := range slots {
		if grow := slots[i].count>>63 == 1; grow {
			slots[i].count &^= 1 << 63
			slots[i].count = max(slots[i].count, disk-slots[i].offset)
		}
	}
	if len(slots) > primaries && !extended(slots[3].kind) {
		return nil, fmt.Errorf("more than 4 partitions need partition 3 to be an extended one")
	}
	return slots, nil
}

// put writes the 16 bytes of an entry.
func (s slot) put(b []byte) {
	if s.kind != 0 {
		if s.boot {
			b[0] = 0x80
		}
		chs(b[1:4], s.offset)
		b[4] = s.kind
		chs(b[5:8], s.offset+s.count-1)
	}
	binary.LittleEndian.PutUint32(b[8:], uint32(s.offset)) //nolint:gosec // checked
	binary.LittleEndian.PutUint32(b[12:], uint32(s.count)) //nolint:gosec // checked
}

// chs writes cylinder, head and sector of a block, as far as they can be had.
func chs(b []byte, block uint64) {
	const sectors, heads = 63, 255
	if block > sectors*heads*0x3ff {
		return
	}
	cylinder := block / (sectors * heads)
	b[0] = byte(block / sectors % heads)
	b[1] = byte(cylinder&0x300>>2) | byte(block%sectors+1)
	b[2] = byte(cylinder)
}

// Sizes of a GUID partition table (UEFI specification 5.3).
const (
	gptEntries    = 128
	gptEntrySize  = 128
	gptTable      = gptEntries * gptEntrySize / blockSize // blocks of the entries
	gptBlocks     = gptTable + 1                          // and the header
	gptHeaderSize = 92
)

// gptWrite writes a GUID partition table, its copy at the end, and a protective MBR.
func gptWrite(r *Run, args []string, _ *source) error {
	for i := range r.meta.Partitions.GPTs {
		if g := &r.meta.Partitions.GPTs[i]; g.Name == args[0] {
			front, back, at, err := encodeGPT(g, uint64(r.cache.Size())/blockSize) //nolint:gosec // not negative
			if err != nil {
				return fmt.Errorf("gpt %q: %w", g.Name, err)
			}
			if _, err := r.cache.WriteAt(front, 0); err != nil {
				return err
			}
			_, err = r.cache.WriteAt(back, int64(at)*blockSize) //nolint:gosec // 32 bits
			return err
		}
	}
	return fmt.Errorf("meta.conf has no gpt %q", args[0])
}

// encodeGPT returns the blocks from 0 on, and those at the end of the disk with their first block.
func encodeGPT(g *fwfile.GPT, disk uint64) (front, back []byte, at uint64, err error) {
	if disk == 0 {
		for _, p := range g.Partitions {
			disk = max(disk, p.Offset+p.Count)
		}
		disk += gptBlocks + 1
	}
	if disk < 2*gptBlocks+2 || disk > maxBlock {
		return nil, nil, 0, fmt.Errorf("a disk of %d blocks cannot have one", disk)
	}
	entries, err := gptTableOf(g, disk)
	if err != nil {
		return nil, nil, 0, err
	}
	id, err := guid(g.GUID)
	if err != nil {
		return nil, nil, 0, err
	}
	front = make([]byte, (1+gptBlocks)*blockSize)
	protect := front[446:]
	protect[2], protect[4], protect[5], protect[6], protect[7] = 0x02, 0xee, 0xff, 0xff, 0xff
	binary.LittleEndian.PutUint32(protect[8:], 1)
	binary.LittleEndian.PutUint32(protect[12:], uint32(disk-1)) //nolint:gosec // checked
	front[510], front[511] = 0x55, 0xaa
	sum := crc32.ChecksumIEEE(entries)
	at = disk - gptBlocks
	gptHeader(front[blockSize:], gptPlace{1, disk - 1, 2}, disk, id, sum)
	copy(front[2*blockSize:], entries)
	back = make([]byte, gptBlocks*blockSize)
	copy(back, entries)
	gptHeader(back[gptTable*blockSize:], gptPlace{disk - 1, 1, at}, disk, id, sum)
	return front, back, at, nil
}

// gptPlace is where a header, the other header and the entries are.
type gptPlace struct{ self, other, entries uint64 }

func gptHeader(b []byte, at gptPlace, disk uint64, id [16]byte, sum uint32) {
	copy(b, "EFI PART")
	binary.LittleEndian.PutUint32(b[8:], 0x00010000)
	binary.LittleEndian.PutUint32(b[12:], gptHeaderSize)
	binary.LittleEndian.PutUint64(b[24:], at.self)
	binary.LittleEndian.PutUint64(b[32:], at.other)
	binary.LittleEndian.PutUint64(b[40:], 1+gptBlocks)
	binary.LittleEndian.PutUint64(b[48:], disk-gptBlocks-1)
	copy(b[56:], id[:])
	binary.LittleEndian.PutUint64(b[72:], at.entries)
	binary.LittleEndian.PutUint32(b[80:], gptEntries)
	binary.LittleEndian.PutUint32(b[84:], gptEntrySize)
	binary.LittleEndian.PutUint32(b[88:], sum)
	binary.LittleEndian.PutUint32(b[16:], crc32.ChecksumIEEE(b[:gptHeaderSize]))
}

// gptTableOf returns the entries.
func gptTableOf(g *fwfile.GPT, disk uint64) ([]byte, error) {
	entries := make([]byte, gptEntries*gptEntrySize)
	for _, p := range g.Partitions {
		kind, err := guid(p.Type)
		if err != nil {
			return nil, fmt.Errorf("partition %d: type: %w", p.Index, err)
		}
		id, err := guid(p.GUID)
		if err != nil {
			return nil, fmt.Errorf("partition %d: guid: %w", p.Index, err)
		}
		if p.Index >= gptEntries || p.Offset >= maxBlock || p.Count >= 1<<31-1 {
			return nil, fmt.Errorf("partition %d: bad number, offset or count", p.Index)
		}
		count := p.Count
		if p.Expand && disk > p.Offset+p.Count+gptBlocks {
			count = disk - gptBlocks - 1 - p.Offset
		}
		b := entries[p.Index*gptEntrySize:]
		copy(b, kind[:])
		copy(b[16:], id[:])
		binary.LittleEndian.PutUint64(b[32:], p.Offset)
		binary.LittleEndian.PutUint64(b[40:], p.Offset+count-1)
		binary.LittleEndian.PutUint64(b[48:], p.Flags)
		for i := range min(len(p.Name), 36) { // fwup widens bytes, so only ASCII is right
			b[56+2*i] = p.Name[i]
		}
	}
	return entries, nil
}

// guid reads a GUID in text form and returns it with its first three parts little-endian.
func guid(text string) (id [16]byte, err error) {
	raw, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(raw) != 16 || strings.Count(text, "-") != 4 {
		return id, fmt.Errorf("%.60q is not a GUID", text)
	}
	for i, from := range [16]int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15} {
		id[i] = raw[from]
	}
	return id, nil
}
