package fat

// disk is the sectors of a volume.
type disk struct {
	dev   Device
	first int64 // block
	geometry
	window window
}

// geometry is the places of a volume, in sectors from its first one.
type geometry struct {
	kind       int // 12, 16 or 32
	fats       uint32
	fatSize    uint32
	fatStart   uint32
	dataStart  uint32
	perCluster uint32
	root       uint32 // FAT32: cluster of the root directory; otherwise its first sector
	rootCount  uint32 // entries of a fixed root directory
	end        uint32 // the first number that is no cluster
}

// window is one sector in memory.
type window struct {
	sector uint32
	loaded bool
	dirty  bool
	data   [sectorSize]byte
}

// parse reads the places of a volume from its boot sector.
func parse(p []byte) (geometry, error) {
	if p[0] != 0xEB && p[0] != 0xE9 && p[0] != 0xE8 || le.Uint16(p[11:]) != sectorSize {
		return geometry{}, ErrNotFAT
	}
	g := geometry{
		fats: uint32(p[16]), perCluster: uint32(p[13]), fatSize: uint32(le.Uint16(p[22:])),
		fatStart: uint32(le.Uint16(p[14:])), rootCount: uint32(le.Uint16(p[17:])),
	}
	if g.fatSize == 0 {
		g.fatSize = le.Uint32(p[36:])
	}
	sectors := uint64(le.Uint16(p[19:]))
	if sectors == 0 {
		sectors = uint64(le.Uint32(p[32:]))
	}
	system := uint64(g.fatStart) + uint64(g.fats)*uint64(g.fatSize) + uint64(g.rootCount/16)
	switch {
	case g.fats != 1 && g.fats != 2, g.perCluster == 0, g.perCluster&(g.perCluster-1) != 0,
		g.rootCount%16 != 0, g.fatStart == 0, g.fatSize == 0, sectors < system:
		return geometry{}, ErrNotFAT
	}
	clusters := (sectors - system) / uint64(g.perCluster)
	g.end, g.dataStart = uint32(clusters)+2, uint32(system)
	var need uint64
	switch {
	case clusters == 0 || clusters > maxFAT32:
		return geometry{}, ErrNotFAT
	case clusters <= maxFAT12:
		g.kind, need = 12, (clusters+2)*3/2+clusters%2
	case clusters <= maxFAT16:
		g.kind, need = 16, (clusters+2)*2
	default:
		g.kind, need = 32, (clusters+2)*4
	}
	g.root = g.fatStart + g.fats*g.fatSize
	if g.kind == 32 {
		g.root = le.Uint32(p[44:])
	}
	if (g.kind == 32) != (g.rootCount == 0) || g.kind == 32 && le.Uint16(p[42:]) != 0 ||
		uint64(g.fatSize) < (need+sectorSize-1)/sectorSize {
		return geometry{}, ErrNotFAT
	}
	return g, nil
}

// load returns the sector, which stays in memory until the next load. Its caller sets window.dirty
// after a change.
func (d *disk) load(sector uint32) ([]byte, error) {
	if d.window.loaded && d.window.sector == sector {
		return d.window.data[:], nil
	}
	if err := d.flush(); err != nil {
		return nil, err
	}
	d.window.loaded = false
	if err := d.readSectors(d.window.data[:], sector); err != nil {
		return nil, err
	}
	d.window.sector, d.window.loaded = sector, true
	return d.window.data[:], nil
}

// flush writes the sector in memory, a sector of the first FAT also to the second one.
func (d *disk) flush() error {
	if !d.window.dirty {
		return nil
	}
	if err := d.writeSectors(d.window.data[:], d.window.sector); err != nil {
		return err
	}
	d.window.dirty = false
	if d.fats == 2 && d.window.sector >= d.fatStart && d.window.sector-d.fatStart < d.fatSize {
		return d.writeSectors(d.window.data[:], d.window.sector+d.fatSize)
	}
	return nil
}

func (d *disk) readSectors(p []byte, sector uint32) error {
	_, err := d.dev.ReadAt(p, (d.first+int64(sector))*sectorSize)
	return err
}

func (d *disk) writeSectors(p []byte, sector uint32) error {
	return writeSector(d.dev, d.first, sector, p)
}

// sectorOf returns the first sector of cluster.
func (d *disk) sectorOf(cluster uint32) (uint32, error) {
	if cluster < 2 || cluster >= d.end {
		return 0, ErrDamaged
	}
	return d.dataStart + (cluster-2)*d.perCluster, nil
}

// clear fills cluster with zeros and leaves its first sector in memory.
func (d *disk) clear(cluster uint32) error {
	if err := d.flush(); err != nil {
		return err
	}
	sector, err := d.sectorOf(cluster)
	if err != nil {
		return err
	}
	d.window = window{sector: sector, loaded: true}
	for i := range d.perCluster {
		if err := d.writeSectors(d.window.data[:], sector+i); err != nil {
			return err
		}
	}
	return nil
}
