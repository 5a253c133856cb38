package fat

// Values of an entry of the FAT.
const (
	free       = 0
	endOfChain = 0xFFFFFFFF
)

// table is the FATs of a volume, and where to look for free clusters.
type table struct {
	disk
	space space
}

// space is the content of FSInfo.
type space struct {
	free, last uint32
	info       bool // the volume has an FSInfo sector
	changed    bool
}

// next returns the entry of cluster in the FAT: free, the next cluster, or a number from end on.
func (t *table) next(cluster uint32) (uint32, error) {
	if cluster < 2 || cluster >= t.end {
		return 0, ErrDamaged
	}
	if t.kind == 12 {
		return t.next12(cluster)
	}
	at := cluster * uint32(t.kind/8)
	p, err := t.load(t.fatStart + at/sectorSize)
	if err != nil {
		return 0, err
	}
	value := uint32(le.Uint16(p[at%sectorSize:]))
	if t.kind == 32 {
		value = le.Uint32(p[at%sectorSize:]) & 0x0FFFFFFF
	}
	if value == 1 {
		return 0, ErrDamaged
	}
	return value, nil
}

// next12 reads an entry of 12 bits, which may lie in two sectors.
func (t *table) next12(cluster uint32) (uint32, error) {
	at := cluster + cluster/2
	p, err := t.load(t.fatStart + at/sectorSize)
	if err != nil {
		return 0, err
	}
	value := uint32(p[at%sectorSize])
	if p, err = t.load(t.fatStart + (at+1)/sectorSize); err != nil {
		return 0, err
	}
	value |= uint32(p[(at+1)%sectorSize]) << 8
	if value &= 0xFFFF; cluster%2 == 1 {
		value >>= 4
	}
	if value &= 0xFFF; value == 1 {
		return 0, ErrDamaged
	}
	return value, nil
}

// set changes the entry of cluster in the FAT.
func (t *table) set(cluster, value uint32) error {
	if cluster < 2 || cluster >= t.end {
		return ErrDamaged
	}
	if t.kind == 12 {
		return t.set12(cluster, value)
	}
	at := cluster * uint32(t.kind/8)
	p, err := t.load(t.fatStart + at/sectorSize)
	if err != nil {
		return err
	}
	if p = p[at%sectorSize:]; t.kind == 16 {
		le.PutUint16(p, uint16(value))
	} else {
		le.PutUint32(p, value&0x0FFFFFFF|le.Uint32(p)&0xF0000000)
	}
	t.window.dirty = true
	return nil
}

func (t *table) set12(cluster, value uint32) error {
	at := cluster + cluster/2
	p, err := t.load(t.fatStart + at/sectorSize)
	if err != nil {
		return err
	}
	if b := &p[at%sectorSize]; cluster%2 == 1 {
		*b = *b&0x0F | byte(value)<<4
	} else {
		*b = byte(value)
	}
	t.window.dirty = true
	if p, err = t.load(t.fatStart + (at+1)/sectorSize); err != nil {
		return err
	}
	if b := &p[(at+1)%sectorSize]; cluster%2 == 1 {
		*b = byte(value >> 4)
	} else {
		*b = *b&0xF0 | byte(value>>8)&0x0F
	}
	t.window.dirty = true
	return nil
}

// release frees the chain that begins with cluster.
func (t *table) release(cluster uint32) error {
	for {
		following, err := t.next(cluster)
		if err != nil || following == free {
			return err
		}
		if err := t.set(cluster, free); err != nil {
			return err
		}
		if t.space.free < t.end-2 {
			t.space.free++
			t.space.changed = true
		}
		if following >= t.end {
			return nil
		}
		cluster = following
	}
}

// extend returns the cluster after cluster, which it takes if there is none. Cluster 0 means a new
// chain. It fails with ErrFull.
func (t *table) extend(cluster uint32) (uint32, error) {
	from := t.space.last
	if from == 0 || from >= t.end {
		from = 1
	}
	if cluster != 0 {
		following, err := t.next(cluster)
		switch {
		case err != nil:
			return 0, err
		case following == free:
			return 0, ErrDamaged
		case following < t.end:
			return following, nil
		}
	}
	if t.space.free == 0 {
		return 0, ErrFull
	}
	found, err := t.pick(cluster, from)
	if err == nil {
		err = t.set(found, endOfChain)
	}
	if err == nil && cluster != 0 {
		err = t.set(cluster, found)
	}
	if err != nil {
		return 0, err
	}
	t.space.last = found
	if t.space.free <= t.end-2 {
		t.space.free--
	}
	t.space.changed = true
	return found, nil
}

// pick returns a free cluster: the one after cluster if that is free, or the next one after from.
func (t *table) pick(cluster, from uint32) (uint32, error) {
	if cluster != 0 {
		neighbor := cluster + 1
		if neighbor >= t.end {
			neighbor = 2
		}
		if value, err := t.next(neighbor); err != nil || value == free {
			return neighbor, err
		}
		if t.space.last < 2 || t.space.last >= t.end {
			from = cluster
		}
	}
	for at := from + 1; ; at++ {
		if at >= t.end {
			if at = 2; at > from {
				return 0, ErrFull
			}
		}
		if value, err := t.next(at); err != nil || value == free {
			return at, err
		}
		if at == from {
			return 0, ErrFull
		}
	}
}

// sync writes everything that is not on the device, FSInfo last.
func (t *table) sync() error {
	if err := t.flush(); err != nil {
		return err
	}
	if !t.space.info || !t.space.changed {
		return nil
	}
	t.space.changed = false
	info(t.window.data[:], t.space.free, t.space.last)
	t.window.sector, t.window.loaded = 1, true
	return t.writeSectors(t.window.data[:], 1)
}
