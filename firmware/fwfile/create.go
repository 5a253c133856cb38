package fwfile

import (
	"compress/flate"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"
)

// Spec describes an archive to make.
type Spec struct {
	// Meta is what meta.conf shall say. Lengths and hashes of resources without Segments are
	// computed, UUID is ignored. The variable ${FWUP_META_UUID} in an argument stands for the UUID.
	Meta Meta
	// Open returns the data of a resource, without its holes. It is called twice for a resource whose
	// hash has to be computed.
	Open func(resource string) (io.ReadCloser, error)
	// Key signs the archive; nil makes an unsigned one.
	Key ed25519.PrivateKey
	// Created is the time of meta.conf; fwup shows it as creation date. Zero means 1980.
	Created time.Time
	// Stored leaves resources uncompressed.
	Stored bool
}

// Create writes an archive as fwup does: the same entries, headers and meta.conf. Where data are
// compressed the bytes differ from fwup's, because the compressors do. It is deterministic.
func Create(w io.Writer, s Spec) error { return s.write(&archiver{w: w, far: filler32}) }

func (s *Spec) write(a *archiver) error {
	meta := s.Meta
	meta.Resources = append([]Resource(nil), meta.Resources...)
	for i := range meta.Resources {
		if err := s.measure(&meta.Resources[i]); err != nil {
			return fmt.Errorf("measure resource %q: %w", meta.Resources[i].Name, err)
		}
	}
	text := meta.Text()
	if len(text) < minMeta || len(text) > maxMeta {
		return fmt.Errorf("meta.conf has %d bytes, and may have %d to %d", len(text), minMeta, maxMeta)
	}
	if s.Key != nil {
		a.add(member{name: nameSignature, data: ed25519.Sign(s.Key, text)})
	}
	a.add(member{name: nameMeta, data: text, deflate: true, modified: s.Created})
	for i := range meta.Resources {
		if err := s.store(a, &meta.Resources[i]); err != nil {
			return err
		}
	}
	a.finish()
	return a.err
}

// measure computes length and hash of a resource that has none.
func (s *Spec) measure(r *Resource) error {
	if r.Segments != nil {
		return nil
	}
	in, err := s.Open(r.Name)
	if err != nil {
		return err
	}
	h := r.NewHash()
	n, err := io.Copy(h, in)
	r.Segments = []int64{n}
	h.Sum(r.Hash[:0])
	return errors.Join(err, in.Close())
}

// store writes the entry of a resource.
func (s *Spec) store(a *archiver, r *Resource) error {
	in, err := s.Open(r.Name)
	if err != nil {
		return fmt.Errorf("resource %q: %w", r.Name, err)
	}
	name := dataFolder + r.Name
	if r.Name[0] == '/' {
		name = r.Name[1:]
	}
	a.add(member{name: name, in: in, size: r.Size(), deflate: !s.Stored})
	return errors.Join(a.err, in.Close())
}

// member is an entry to write.
type member struct {
	name     string
	data     []byte
	in       io.Reader // instead of data
	size     int64     // of in
	deflate  bool
	modified time.Time // zero: not stated
}

// archiver writes a ZIP file with data descriptors (APPNOTE 4.3.9), as libarchive does.
type archiver struct {
	w         io.Writer
	n         int64
	far       int64 // sizes and offsets from here on have 64 bits
	directory []byte
	count     int
	err       error
}

// Write writes to the archive and counts. After an error it does nothing.
func (a *archiver) Write(p []byte) (int, error) {
	if a.err != nil {
		return 0, a.err
	}
	n, err := a.w.Write(p)
	a.n += int64(n)
	a.err = err
	return n, err
}

func (a *archiver) put(values ...any) []byte {
	var b []byte
	for _, v := range values {
		var err error
		if b, err = binary.Append(b, binary.LittleEndian, v); err != nil {
			a.err = errors.Join(a.err, err)
		}
	}
	return b
}

// add writes an entry and remembers its record for the central directory.
func (a *archiver) add(m member) {
	at := a.n
	size := m.size
	if m.in == nil {
		size = int64(len(m.data))
	}
	method, version, packed := uint16(methodStored), uint16(10), size
	if m.deflate {
		method, version, packed = methodDeflate, 20, 0
	}
	big := size >= a.far
	if big {
		version = 45
	}
	extra, date := a.times(m.modified)
	field := extra
	if big {
		field = append(a.put(uint16(extra64), uint16(16), size, packed), extra...)
	}
	_, _ = a.Write(a.put(uint32(sigLocal), version, uint16(flagDescriptor), method, date, uint32(0),
		narrow(packed, big), narrow(size, big), uint16(len(m.name)), uint16(len(field)),
		[]byte(m.name), field))
	begin := a.n
	crc := a.content(m)
	packed = a.n - begin
	_, _ = a.Write(a.put(uint32(sigDescriptor), crc))
	if big {
		_, _ = a.Write(a.put(packed, size))
	} else {
		_, _ = a.Write(a.put(uint32(packed), uint32(size)))
	}
	far := big || at >= a.far
	if far {
		extra = append(a.put(uint16(extra64), uint16(24), size, packed, at), extra...)
	}
	a.directory = append(a.directory, a.put(uint32(sigCentral), version|3<<8, version,
		uint16(flagDescriptor), method, date, crc, narrow(packed, far), narrow(size, far),
		uint16(len(m.name)), uint16(len(extra)), uint16(0), uint16(0), uint16(0),
		uint32(0o100644)<<16, narrow(at, far), []byte(m.name), extra)...)
	a.count++
}

// narrow returns n, or the filler that says that it stands in the extra field.
func narrow(n int64, big bool) uint32 {
	if big {
		return filler32
	}
	return uint32(n)
}

// times returns the extra fields UT and ux and the DOS time of an entry, in the order of a header.
func (a *archiver) times(t time.Time) (extra []byte, date uint32) {
	owner := a.put(uint16(0x7875), uint16(11), uint8(1), uint8(4), uint32(0), uint8(4), uint32(0))
	if t.IsZero() {
		return append(a.put(uint16(0x5455), uint16(1), uint8(0)), owner...), 33 << 16
	}
	t = t.UTC()
	day := uint32(t.Year()-1980)<<9 | uint32(t.Month())<<5 | uint32(t.Day())
	clock := uint32(t.Hour())<<11 | uint32(t.Minute())<<5 | uint32(t.Second()/2)
	return append(a.put(uint16(0x5455), uint16(5), uint8(1), uint32(t.Unix())), owner...),
		day<<16 | clock
}

// content writes the data of an entry and returns their checksum.
func (a *archiver) content(m member) uint32 {
	crc := crc32.NewIEEE()
	if m.in == nil {
		_, _ = crc.Write(m.data)
	}
	if !m.deflate {
		a.copy(a, m, crc)
		return crc.Sum32()
	}
	z, err := flate.NewWriter(a, flate.BestCompression)
	if err != nil {
		a.err = errors.Join(a.err, err)
		return 0
	}
	a.copy(z, m, crc)
	a.err = errors.Join(a.err, z.Close())
	return crc.Sum32()
}

func (a *archiver) copy(to io.Writer, m member, crc io.Writer) {
	if m.in == nil {
		_, err := to.Write(m.data)
		a.err = errors.Join(a.err, err)
		return
	}
	n, err := io.Copy(io.MultiWriter(to, crc), m.in)
	if err == nil && n != m.size {
		err = fmt.Errorf("entry %q has %d bytes now and had %d before", m.name, n, m.size)
	}
	a.err = errors.Join(a.err, err)
}

// finish writes the central directory and what follows it.
func (a *archiver) finish() {
	start, size := a.n, int64(len(a.directory))
	_, _ = a.Write(a.directory)
	big := start >= a.far
	if big {
		at := a.n
		_, _ = a.Write(a.put(uint32(sigEnd64), uint64(44), uint16(45), uint16(45), uint32(0), uint32(0),
			uint64(a.count), uint64(a.count), size, start,
			uint32(sigLocator64), uint32(0), at, uint32(1)))
	}
	_, _ = a.Write(a.put(uint32(sigEnd), uint16(0), uint16(0), uint16(a.count), uint16(a.count),
		uint32(size), narrow(start, big), uint16(0)))
}
