package fat

import "fmt"

// Attributes of an entry.
const (
	attrReadOnly = 0x01
	attrHidden   = 0x02
	attrSystem   = 0x04
	attrLabel    = 0x08
	attrFolder   = 0x10
	attrArchive  = 0x20
	attrLong     = attrReadOnly | attrHidden | attrSystem | attrLabel
	attrMask     = 0x3F
)

const (
	deleted      = 0xE5
	maxDirectory = 2 << 20 // bytes
	maxNumber    = 100     // of short names that were alike
	none         = ^uint32(0)
)

// tree is the directories of a volume.
type tree struct{ table }

// place is where an entry of a directory is.
type place struct {
	dir     uint32 // first cluster of the directory; 0: the root
	at      uint32 // bytes from the start of the directory
	cluster uint32 // that the entry lies in; 0: the fixed root directory
	sector  uint32
}

// seek returns the place of the entry at that many bytes of directory dir.
func (t *tree) seek(dir, at uint32) (place, error) {
	p := place{dir: dir, at: at, cluster: dir}
	if dir == 0 && t.kind == 32 {
		p.cluster = t.root
	}
	if p.cluster == 0 {
		if at/entrySize >= t.rootCount {
			return place{}, ErrDamaged
		}
		p.sector = t.root + at/sectorSize
		return p, nil
	}
	size := t.perCluster * sectorSize
	for ; at >= size; at -= size {
		following, err := t.next(p.cluster)
		if err != nil {
			return place{}, err
		}
		p.cluster = following
	}
	sector, err := t.sectorOf(p.cluster)
	p.sector = sector + at/sectorSize
	return p, err
}

// entry returns the bytes of the entry at p.
func (t *tree) entry(p place) ([]byte, error) {
	data, err := t.load(p.sector)
	if err != nil {
		return nil, err
	}
	return data[p.at%sectorSize:][:entrySize], nil
}

// step moves p to the next entry and reports whether there is one. It extends the directory when
// stretch is set.
func (t *tree) step(p *place, stretch bool) (bool, error) {
	at := p.at + entrySize
	if at >= maxDirectory {
		return false, nil
	}
	if at%sectorSize == 0 {
		p.sector++
		if p.cluster == 0 {
			if at/entrySize >= t.rootCount {
				return false, nil
			}
		} else if at/sectorSize&(t.perCluster-1) == 0 {
			if more, err := t.follow(p, stretch); !more {
				return false, err
			}
		}
	}
	p.at = at
	return true, nil
}

// follow moves p to the start of the next cluster of its directory.
func (t *tree) follow(p *place, stretch bool) (bool, error) {
	following, err := t.next(p.cluster)
	switch {
	case err != nil:
		return false, err
	case following == free:
		return false, ErrDamaged
	case following >= t.end:
		if !stretch {
			return false, nil
		}
		if following, err = t.extend(p.cluster); err != nil {
			return false, err
		}
		if err := t.clear(following); err != nil {
			return false, err
		}
	}
	p.cluster = following
	p.sector, err = t.sectorOf(following)
	return err == nil, err
}

// found is a file or folder in a directory.
type found struct {
	place        // of its short name
	attr  byte   // attributes
	long  uint32 // at, of the first entry of its long name; none: it has none
	entry [entrySize]byte
}

// firstCluster returns the first cluster of the file or folder of an entry; 0 means none.
func (t *tree) firstCluster(entry []byte) uint32 {
	c := uint32(le.Uint16(entry[26:]))
	if t.kind == 32 {
		c |= uint32(le.Uint16(entry[20:])) << 16
	}
	return c
}

func (t *tree) putFirstCluster(entry []byte, cluster uint32) {
	le.PutUint16(entry[26:], uint16(cluster))
	if t.kind == 32 {
		le.PutUint16(entry[20:], uint16(cluster>>16))
	}
}

// find returns the file or folder n in directory dir, or nil.
func (t *tree) find(dir uint32, n *name) (*found, error) {
	return t.search(dir, finder{name: n, long: none, ord: -1})
}

// finder matches the entries of a directory with a name, one after another.
type finder struct {
	name  *name
	short *[11]byte // to look for instead of name
	long  uint32    // at, of the first entry of the long name
	ord   int       // of the next entry of the long name that matches; -1: none
	sum   byte
}

// match reports whether the entry is the short name of the one that is looked for.
func (f *finder) match(entry []byte, at uint32) bool {
	attr := entry[11] & attrMask
	switch {
	case entry[0] == deleted, attr&attrLabel != 0 && attr != attrLong:
		f.ord, f.long = -1, none
	case attr == attrLong:
		if f.short != nil {
			return false
		}
		ord := int(entry[0])
		if ord&lastLong != 0 {
			ord &^= lastLong
			f.sum, f.ord, f.long = entry[13], ord, at
		}
		if ord != f.ord || entry[13] != f.sum || !f.name.hasLong(entry) {
			f.ord = -1
		} else {
			f.ord--
		}
	case f.short != nil:
		return [11]byte(entry) == *f.short
	case f.ord == 0 && f.sum == checksum(entry[:11]),
		!f.name.lossy && [11]byte(entry) == f.name.short:
		return true
	default:
		f.ord, f.long = -1, none
	}
	return false
}

// search returns the first entry of directory dir that f matches, or nil.
func (t *tree) search(dir uint32, f finder) (*found, error) {
	p, err := t.seek(dir, 0)
	for more := true; err == nil && more; {
		var entry []byte
		entry, err = t.entry(p)
		switch {
		case err != nil:
			return nil, err
		case entry[0] == 0:
			return nil, nil //nolint:nilnil // not found
		case f.match(entry, p.at):
			return &found{
				place: p, attr: entry[11] & attrMask, long: f.long, entry: [entrySize]byte(entry),
			}, nil
		}
		more, err = t.step(&p, false)
	}
	return nil, err
}

// allocate returns the first of n free entries in a row in directory dir and the last one.
func (t *tree) allocate(dir uint32, n int) (place, error) {
	p, err := t.seek(dir, 0)
	if err != nil {
		return place{}, err
	}
	for count := 0; ; {
		entry, err := t.entry(p)
		if err != nil {
			return place{}, err
		}
		if count++; entry[0] != deleted && entry[0] != 0 {
			count = 0
		}
		if count == n {
			return p, nil
		}
		if more, err := t.step(&p, true); err != nil {
			return place{}, err
		} else if !more {
			return place{}, ErrFull
		}
	}
}

// register makes an entry for n in directory dir and returns its place; the entry is in memory.
func (t *tree) register(dir uint32, n *name) (place, []byte, error) {
	short, err := t.freeShort(dir, n)
	if err != nil {
		return place{}, nil, err
	}
	long := n.longEntries()
	p, err := t.allocate(dir, long+1)
	if err == nil && long > 0 {
		p, err = t.seek(dir, p.at-uint32(long)*entrySize)
	}
	for ord := long; err == nil && ord > 0; ord-- {
		var entry []byte
		if entry, err = t.entry(p); err == nil {
			n.putLong(entry, ord, checksum(short[:]))
			t.window.dirty = true
			_, err = t.step(&p, false)
		}
	}
	if err != nil {
		return place{}, nil, err
	}
	entry, err := t.entry(p)
	if err != nil {
		return place{}, nil, err
	}
	clear(entry)
	copy(entry, short[:])
	entry[12] = n.small
	t.window.dirty = true
	return p, entry, nil
}

// freeShort returns the short name of n, with a number if it needs one.
func (t *tree) freeShort(dir uint32, n *name) ([11]byte, error) {
	if !n.lossy {
		return n.short, nil
	}
	for seq := uint32(1); seq < maxNumber; seq++ {
		short := n.numbered(seq)
		if f, err := t.search(dir, finder{short: &short}); f == nil {
			return short, err
		}
	}
	return n.short, ErrFull
}

// unregister removes the entries of a file or folder.
func (t *tree) unregister(f *found) error {
	p, err := f.place, error(nil)
	if f.long != none {
		p, err = t.seek(f.dir, f.long)
	}
	for err == nil {
		var entry []byte
		if entry, err = t.entry(p); err != nil {
			return err
		}
		entry[0] = deleted
		t.window.dirty = true
		if p.at >= f.at {
			return nil
		}
		_, err = t.step(&p, false)
	}
	return err
}

// lookup follows the parts of a path. It returns the file or folder, or nil, and the folder that it
// is in or would be in. It fails with ErrNotExist when that folder does not exist.
func (t *tree) lookup(names []name) (f *found, dir uint32, err error) {
	for i := range names {
		if i > 0 {
			if f == nil || f.attr&attrFolder == 0 {
				return nil, 0, fmt.Errorf("folder %q: %w", names[i-1].long, ErrNotExist)
			}
			dir = t.firstCluster(f.entry[:])
		}
		if f, err = t.find(dir, &names[i]); err != nil {
			return nil, 0, err
		}
	}
	return f, dir, nil
}
