package etf

// opaque reads a pid, reference, port or fun whose tag is at offset at, and refuses every other
// tag. It reads the parts to find the end, and like OTP checks the atoms in them.
func (d *decoder) opaque(tag byte, at, depth int) (Term, error) {
	kind, ok := opaqueKinds[tag]
	if !ok {
		return nil, d.malformed(at, "unknown tag")
	}
	if d.cfg.Keep&kind == 0 {
		return nil, &KindError{Position: d.position(at), Kind: kind}
	}
	var err error
	switch tag {
	case tagNewFun:
		err = d.newFun(at, depth)
	case tagExport:
		err = d.export()
	case tagNewRef, tagNewerRef:
		err = d.reference(tag, at)
	default:
		err = d.nodeAnd(identSizes[tag])
	}
	if err != nil {
		return nil, err
	}
	return Opaque{Kind: kind, Raw: d.data[at:d.pos:d.pos]}, nil
}

var opaqueKinds = map[byte]Kind{
	tagPid: Pid, tagNewPid: Pid,
	tagReference: Reference, tagNewRef: Reference, tagNewerRef: Reference,
	tagPort: Port, tagNewPort: Port, tagV4Port: Port,
	tagNewFun: Fun, tagExport: Fun,
}

// identSizes are the octets after the node's name: numbers of 4 octets (8 in V4_PORT_EXT) and a
// creation of 1 or 4.
var identSizes = map[byte]int{
	tagPid: 4 + 4 + 1, tagNewPid: 4 + 4 + 4,
	tagReference: 4 + 1,
	tagPort:      4 + 1, tagNewPort: 4 + 4, tagV4Port: 8 + 4,
}

func (d *decoder) nodeAnd(n int) error {
	if err := d.skipAtom(); err != nil {
		return err
	}
	_, err := d.take(n)
	return err
}

func (d *decoder) reference(tag byte, at int) error {
	words, err := d.length(2)
	if err != nil {
		return err
	}
	if words > maxRefWords {
		return d.malformed(at, "reference of more than 5 words")
	}
	creation := 4
	if tag == tagNewRef {
		creation = 1
	}
	return d.nodeAnd(creation + 4*words)
}

// export reads fun Module:Name/Arity.
func (d *decoder) export() error {
	for range 2 {
		if err := d.skipAtom(); err != nil {
			return err
		}
	}
	return d.smallInt()
}

func (d *decoder) smallInt() error {
	at := d.pos
	tag, err := d.octet()
	if err != nil {
		return err
	}
	if tag != tagSmallInt {
		return d.malformed(at, "not a small integer where one must be")
	}
	_, err = d.take(1)
	return err
}

// pid reads the pid of a closure's creator, which is accepted with the closure.
func (d *decoder) pid() error {
	at := d.pos
	tag, err := d.octet()
	if err != nil {
		return err
	}
	if opaqueKinds[tag] != Pid {
		return d.malformed(at, "not a pid where one must be")
	}
	return d.nodeAnd(identSizes[tag])
}

// newFun reads a NEW_FUN_EXT: size (itself included), arity (1 octet), hash (16), index (4), number
// of free variables, module, old index, old hash, the pid of its creator, free variables.
func (d *decoder) newFun(at, depth int) error {
	start := d.pos
	size, err := d.uint32()
	if err != nil {
		return err
	}
	if _, err = d.take(1 + 16 + 4); err != nil {
		return err
	}
	free, err := d.length(4)
	if err != nil {
		return err
	}
	if err := d.skipAtom(); err != nil {
		return err
	}
	if err := d.claim(free, at); err != nil {
		return err
	}
	for range 2 {
		if _, err = d.term(depth + 1); err != nil {
			return err
		}
	}
	if err := d.pid(); err != nil {
		return err
	}
	for range free {
		if _, err = d.term(depth + 1); err != nil {
			return err
		}
	}
	if uint64(d.pos-start) != uint64(size) {
		return d.malformed(at, "fun of another size than it says")
	}
	return nil
}
