package fat

import (
	"fmt"
	"io"
)

// File is an open file of a Volume, until the next method of the Volume that is not one of the
// File.
type File struct {
	v     *Volume
	names []name
	entry place  // in its directory
	start uint32 // first cluster; 0: none
	size  uint32
	pos   uint32

	cluster uint32 // of pos-1
	sector  uint32 // that buf is; 0: none
	buf     [sectorSize]byte
}

// Create opens a file and truncates it, or makes it (fat_write). It fails with ErrDenied for a
// folder and for a read-only file.
func (v *Volume) Create(path string) (*File, error) {
	f, err := v.create(path)
	if err != nil {
		return nil, fmt.Errorf("write %q: %w", path, err)
	}
	return f, nil
}

func (v *Volume) create(path string) (*File, error) {
	names, err := split(path)
	if err != nil {
		return nil, err
	}
	if f := v.open; f != nil && samePath(f.names, names) {
		err := f.truncate()
		return f, err
	}
	if err := v.start(); err != nil {
		return nil, err
	}
	f, err := v.truncateOrMake(names)
	if err == nil {
		err = f.sync()
	}
	if err != nil {
		return nil, err
	}
	v.open = f
	return f, nil
}

// samePath reports whether both paths are spelled alike.
func samePath(a, b []name) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].long != b[i].long {
			return false
		}
	}
	return true
}

// truncateOrMake opens a file that has no bytes. Its entry is not on the device yet.
func (v *Volume) truncateOrMake(names []name) (*File, error) {
	at, dir, err := v.lookup(names)
	if err != nil {
		return nil, err
	}
	f := &File{v: v, names: names}
	var entry []byte
	if at == nil {
		f.entry, entry, err = v.register(dir, &names[len(names)-1])
	} else {
		if at.attr&(attrReadOnly|attrFolder) != 0 {
			return nil, ErrDenied
		}
		f.entry = at.place
		entry, err = v.entry(at.place)
	}
	if err != nil {
		return nil, err
	}
	old := v.firstCluster(entry)
	entry[11] = attrArchive
	le.PutUint32(entry[14:], epoch)
	le.PutUint32(entry[22:], epoch)
	le.PutUint32(entry[28:], 0)
	v.putFirstCluster(entry, 0)
	v.window.dirty = true
	if old != 0 {
		if err := v.release(old); err != nil {
			return nil, err
		}
		v.space.last = old - 1 // the next file takes the clusters of this one
	}
	return f, nil
}

// truncate removes all bytes of a file that is open.
func (f *File) truncate() error {
	f.pos = 0
	if f.size > 0 {
		if err := f.v.release(f.start); err != nil {
			return err
		}
		f.start, f.size = 0, 0
	}
	return f.sync()
}

// sync writes the entry of the file and all that is not on the device.
func (f *File) sync() error {
	entry, err := f.v.entry(f.entry)
	if err != nil {
		return err
	}
	entry[11] |= attrArchive
	f.v.putFirstCluster(entry, f.start)
	le.PutUint32(entry[28:], f.size)
	le.PutUint32(entry[22:], epoch)
	le.PutUint16(entry[18:], 0)
	f.v.window.dirty = true
	return f.v.sync()
}

// WriteAt appends p at off, which is the end of the file or lies behind it: the bytes between are
// zeros. It fails with ErrFull, after it wrote what the volume has room for.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	switch {
	case f.v.open != f:
		return 0, fmt.Errorf("write %q: the file is not open any more", f.name())
	case off < int64(f.size) || off+int64(len(p)) > 1<<32-1:
		return 0, fmt.Errorf("write %q: %d bytes at %d of a file of %d: not possible", f.name(), len(p),
			off, f.size)
	}
	zeros := make([]byte, sectorSize)
	for gap := off - int64(f.size); gap > 0; gap = off - int64(f.size) {
		if _, err := f.append(zeros[:min(gap, sectorSize)]); err != nil {
			return 0, err
		}
	}
	return f.append(p)
}

func (f *File) name() string { return f.names[len(f.names)-1].long }

// append writes p at the end and syncs.
func (f *File) append(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = f.piece(p[n:])
		n += m
		f.pos += uint32(m)
		f.size = f.pos
	}
	if f.pos%sectorSize != 0 && f.sector != 0 {
		if failed := f.v.writeSectors(f.buf[:], f.sector); failed != nil {
			err = failed
		}
	}
	if failed := f.sync(); err == nil {
		err = failed
	}
	if err != nil {
		return n, fmt.Errorf("write %q: %w", f.name(), err)
	}
	return n, nil
}

// piece writes the sectors of p that lie in one cluster, or a part of a sector.
func (f *File) piece(p []byte) (int, error) {
	in := f.pos % sectorSize
	if in == 0 {
		sector, err := f.nextSector()
		if err != nil {
			return 0, err
		}
		left := f.v.perCluster - f.pos/sectorSize%f.v.perCluster
		if whole := min(uint32(len(p)/sectorSize), left); whole > 0 { //nolint:gosec // below 4 GiB
			if f.sector >= sector && f.sector < sector+whole {
				copy(f.buf[:], p[(f.sector-sector)*sectorSize:])
			}
			n := whole * sectorSize
			return int(n), f.v.writeSectors(p[:n], sector)
		}
		f.sector = sector
	}
	n := copy(f.buf[in:], p)
	if int(in)+n == sectorSize {
		return n, f.v.writeSectors(f.buf[:], f.sector)
	}
	return n, nil
}

// nextSector returns the sector of pos, which is the start of one. It takes a cluster if it needs
// one.
func (f *File) nextSector() (uint32, error) {
	in := f.pos / sectorSize % f.v.perCluster
	if in == 0 {
		var err error
		switch {
		case f.pos > 0:
			f.cluster, err = f.v.extend(f.cluster)
		case f.start == 0:
			f.cluster, err = f.v.extend(0)
			f.start = f.cluster
		default:
			f.cluster = f.start
		}
		if err != nil {
			return 0, err
		}
	}
	sector, err := f.v.sectorOf(f.cluster)
	return sector + in, err
}

// Reader reads a file of a Volume. Other methods of the Volume must not change the file meanwhile.
type Reader struct {
	v    *Volume
	path string
	at   *found
	size int64

	cluster uint32 // of byte from, or 0
	from    int64
}

// Open opens a file to read. It fails with ErrNotExist for a folder too.
func (v *Volume) Open(path string) (*Reader, error) {
	names, err := split(path)
	if err == nil {
		err = v.start()
	}
	var at *found
	if err == nil {
		at, _, err = v.lookup(names)
	}
	if err == nil && (at == nil || at.attr&attrFolder != 0) {
		err = ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", path, err)
	}
	return &Reader{v: v, path: path, at: at, size: int64(le.Uint32(at.entry[28:]))}, nil
}

// Size returns the bytes of the file.
func (r *Reader) Size() int64 { return r.size }

// ReadAt implements io.ReaderAt.
func (r *Reader) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 || off >= r.size {
		return 0, io.EOF
	}
	end := false
	if int64(len(p)) > r.size-off {
		p, end = p[:r.size-off], true
	}
	for n < len(p) {
		sector, in, err := r.locate(off + int64(n))
		if err != nil {
			return n, fmt.Errorf("read %q: %w", r.path, err)
		}
		if len(p)-n >= sectorSize && in == 0 {
			if err := r.v.readSectors(p[n:n+sectorSize], sector); err != nil {
				return n, fmt.Errorf("read %q: %w", r.path, err)
			}
			n += sectorSize
			continue
		}
		data := make([]byte, sectorSize)
		if err := r.v.readSectors(data, sector); err != nil {
			return n, fmt.Errorf("read %q: %w", r.path, err)
		}
		n += copy(p[n:], data[in:])
	}
	if end {
		return n, io.EOF
	}
	return n, nil
}

// locate returns the sector of the byte at off and the place of the byte in it.
func (r *Reader) locate(off int64) (sector uint32, in int, err error) {
	size := int64(r.v.perCluster) * sectorSize
	if r.cluster == 0 || off < r.from {
		r.cluster, r.from = r.v.firstCluster(r.at.entry[:]), 0
	}
	for off >= r.from+size {
		if r.cluster, err = r.v.next(r.cluster); err != nil {
			return 0, 0, err
		}
		r.from += size
	}
	if sector, err = r.v.sectorOf(r.cluster); err != nil {
		return 0, 0, err
	}
	return sector + uint32((off-r.from)/sectorSize), int(off % sectorSize), nil
}
