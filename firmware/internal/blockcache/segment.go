package blockcache

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// segment is a part of the device in memory.
type segment struct {
	off     int64
	data    []byte
	valid   bitmap // blocks whose bytes are in data
	dirty   bitmap // blocks that differ from the device
	through bool   // all its blocks came from WriteThrough
}

func (s *segment) reset(off int64) {
	s.off, s.through = off, true
	clear(s.valid)
	clear(s.dirty)
}

// complete reads the blocks of s that are not in memory.
func (c *Cache) complete(s *segment) error {
	if s.valid.full(blocks) {
		return nil
	}
	data := s.data
	if !s.valid.empty() {
		data = make([]byte, SegmentSize)
	}
	if err := c.read(data, s.off); err != nil {
		return err
	}
	if !s.valid.empty() {
		for i := range blocks {
			if !s.valid.has(i) {
				copy(s.data[i*Block:(i+1)*Block], data[i*Block:])
			}
		}
	}
	s.valid.set(0, blocks)
	return nil
}

// read fills data with the segment of the device at off. Bytes that the device does not have are
// zeros.
func (c *Cache) read(data []byte, off int64) error {
	if c.trimmed.has(int(off / SegmentSize)) {
		clear(data)
		return nil
	}
	n := int64(SegmentSize)
	if c.fixed {
		if n = min(n, c.size-off); n <= 0 {
			return fmt.Errorf("read at %d of %d: %w", off, c.size, ErrEnd)
		}
	} else if c.size > 0 {
		c.size = max(c.size, off+SegmentSize)
	}
	have, err := c.dev.ReadAt(data[:n], off)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read %d bytes at %d: %w", n, off, err)
	}
	clear(data[have:])
	return nil
}

// flush writes s, if it has changes.
func (c *Cache) flush(s *segment) error {
	if s.dirty.empty() {
		return nil
	}
	n := int64(c.blocksOf(s) * Block)
	if !s.dirty.full(c.blocksOf(s)) {
		if err := c.complete(s); err != nil {
			return err
		}
	}
	if c.fixed {
		n = min(n, c.size-s.off)
	} else if c.size > 0 {
		c.size = max(c.size, s.off+SegmentSize)
	}
	if _, err := c.dev.WriteAt(s.data[:n], s.off); err != nil {
		return fmt.Errorf("write %d bytes at %d: %w", n, s.off, err)
	}
	clear(s.dirty)
	c.trimmed.unset(int(s.off / SegmentSize))
	return nil
}

// bitmap is a set of small numbers.
type bitmap []uint64

func (b *bitmap) set(from, to int) {
	if need := (to + 63) / 64; len(*b) < need {
		*b = append(*b, make([]uint64, need-len(*b))...)
	}
	for i := from; i < to; i++ {
		if i%64 == 0 && to-i >= 64 {
			(*b)[i/64] = ^uint64(0)
			i += 63
			continue
		}
		(*b)[i/64] |= 1 << (i % 64)
	}
}

func (b bitmap) unset(i int) {
	if i/64 < len(b) {
		b[i/64] &^= 1 << (i % 64)
	}
}

func (b bitmap) has(i int) bool { return i/64 < len(b) && b[i/64]&(1<<(i%64)) != 0 }

func (b bitmap) empty() bool {
	for _, w := range b {
		if w != 0 {
			return false
		}
	}
	return true
}

// full reports whether the set has all numbers below n, and it has none from n on.
func (b bitmap) full(n int) bool {
	count := 0
	for _, w := range b {
		count += bits.OnesCount64(w)
	}
	return count >= n
}
