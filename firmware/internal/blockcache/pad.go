package blockcache

// Padder writes bytes in order to a Cache and fills blocks that they leave incomplete with zeros.
type Padder struct {
	cache *Cache
	block [Block]byte
	off   int64 // of block
	n     int   // bytes in block
}

// NewPadder makes a Padder for c.
func NewPadder(c *Cache) *Padder { return &Padder{cache: c} }

// WriteAt takes the bytes at off, which must not lie before those that it took already. Blocks
// between the two are not written.
func (p *Padder) WriteAt(data []byte, off int64) (n int, err error) {
	if p.n > 0 && off >= p.off+Block {
		if err := p.Flush(); err != nil {
			return 0, err
		}
	}
	for n < len(data) {
		at := off + int64(n)
		in := int(at % Block)
		if p.n == 0 && in == 0 && len(data)-n >= Block {
			whole := (len(data) - n) / Block * Block
			if _, err := p.cache.WriteThrough(data[n:n+whole], at); err != nil {
				return n, err
			}
			n += whole
			continue
		}
		clear(p.block[p.n:max(p.n, in)])
		p.off = at - int64(in)
		m := copy(p.block[in:], data[n:])
		p.n = in + m
		n += m
		if p.n == Block {
			if err := p.Flush(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// Flush writes the last block, filled up with zeros, to the cache.
func (p *Padder) Flush() error {
	if p.n == 0 {
		return nil
	}
	clear(p.block[p.n:])
	p.n = 0
	_, err := p.cache.WriteThrough(p.block[:], p.off)
	return err
}
