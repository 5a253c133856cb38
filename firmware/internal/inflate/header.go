package inflate

// codesOf reads the header of a block with codes of its own (RFC 1951 3.2.7).
type codesOf struct {
	lengths     [286 + 30]uint8
	codeLens    [19]uint8
	nlit, ndist int
	ncode       int
	index       int // of the length that is read next
}

func (d *Decoder) counts() (bool, error) {
	if !d.need(14) {
		return false, nil
	}
	d.nlit, d.ndist, d.ncode = d.take(5)+257, d.take(5)+1, d.take(4)+4
	if d.nlit > 286 || d.ndist > 30 {
		return false, ErrCorrupt
	}
	d.codeLens, d.index, d.st = [19]uint8{}, 0, stCodeLengths
	return true, nil
}

// order is the order of the lengths of the code length codes (RFC 1951 3.2.7).
var order = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

func (d *Decoder) readCodeLengths() (bool, error) {
	for ; d.index < d.ncode; d.index++ {
		if !d.need(3) {
			return false, nil
		}
		d.codeLens[order[d.index]] = uint8(d.take(3)) //nolint:gosec // 3 bits
	}
	if !d.codeLengths.build(d.codeLens[:], false) {
		return false, ErrCorrupt
	}
	d.index, d.st = 0, stLengths
	return true, nil
}

// readLengths reads the lengths of both alphabets (RFC 1951 3.2.7).
func (d *Decoder) readLengths() (bool, error) {
	for d.index < d.nlit+d.ndist {
		e, ok := d.peek(&d.codeLengths, 0)
		if !ok || e == 0 {
			return false, corrupt(ok)
		}
		length, symbol := uint(e&0xff), e>>8
		if symbol < 16 {
			d.take(length)
			d.lengths[d.index] = uint8(symbol) //nolint:gosec // < 16
			d.index++
			continue
		}
		extra := [3]uint{2, 3, 7}[symbol-16]
		if !d.need(length + extra) {
			return false, nil
		}
		d.take(length)
		repeat, value := d.take(extra)+[3]int{3, 3, 11}[symbol-16], uint8(0)
		if symbol == 16 {
			if d.index == 0 {
				return false, ErrCorrupt
			}
			value = d.lengths[d.index-1]
		}
		if d.index+repeat > d.nlit+d.ndist {
			return false, ErrCorrupt
		}
		for range repeat {
			d.lengths[d.index] = value
			d.index++
		}
	}
	if d.lengths[256] == 0 || !d.literals.build(d.lengths[:d.nlit], true) ||
		!d.distances.build(d.lengths[d.nlit:d.nlit+d.ndist], true) {
		return false, ErrCorrupt
	}
	d.st = stCodes
	return true, nil
}
