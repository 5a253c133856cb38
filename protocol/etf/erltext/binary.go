package erltext

import (
	"math/big"
	"strconv"
	"unicode/utf8"

	"github.com/hublink-go/hublink/protocol/etf"
)

// binary reads what follows "<<".
func (p *parser) binary() (etf.Term, error) {
	b := bits{octets: []byte{}}
	if p.blanks(); p.skip(">>") {
		return b.term(), nil
	}
	for {
		if err := p.segment(&b); err != nil {
			return nil, err
		}
		p.blanks()
		switch {
		case p.skip(","):
		case p.skip(">>"):
			return b.term(), nil
		default:
			return nil, p.expected(`"," or ">>"`)
		}
	}
}

// segment reads an integer or a string with its size or type.
func (p *parser) segment(b *bits) error {
	p.blanks()
	at := p.pos
	values, err := p.values()
	if err != nil {
		return err
	}
	p.blanks()
	size := 8
	switch {
	case p.skip(":"):
		if size, err = p.size(); err != nil {
			return err
		}
	case p.skip("/"):
		return p.utf8(at, b, values)
	}
	if p.octets -= (size*len(values) + 7) / 8; p.octets < 0 {
		return p.beyond("octets of binaries", p.limits.Bytes)
	}
	for _, v := range values {
		if size == 8 && v.c > 0xff {
			return p.wrong(at, `a character that is more than one octet: write <<"..."/utf8>>`)
		}
		if v.big == nil {
			v.big = big.NewInt(int64(v.c))
		}
		b.add(v.big, size)
	}
	return nil
}

// item is an integer or a character of a string.
type item struct {
	big *big.Int // nil means a character
	c   rune
}

func (p *parser) values() ([]item, error) {
	c := p.peek()
	if c == '"' {
		text, err := p.quoted('"')
		if err != nil {
			return nil, err
		}
		all := make([]item, len(text))
		for i, c := range text {
			all[i].c = c
		}
		return all, nil
	}
	if c != '$' && c != '-' && c != '+' && !digit(c) {
		return nil, p.expected("an integer or a string")
	}
	at := p.pos
	t, err := p.number()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case etf.Int:
		return []item{{big: big.NewInt(int64(t))}}, nil
	case etf.Big:
		return []item{{big: t.Int}}, nil
	}
	return nil, p.wrong(at, "expected an integer or a string, found a float")
}

// size reads a number of bits.
func (p *parser) size() (int, error) {
	p.blanks()
	at := p.pos
	digits, err := p.digits(10)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || n > 8*int64(p.limits.Bytes) {
		p.pos = at
		return 0, p.beyond("octets of binaries", p.limits.Bytes)
	}
	return int(n), nil
}

// utf8 reads what follows "/".
func (p *parser) utf8(at int, b *bits, values []item) error {
	p.blanks()
	if name := p.word(); name != "utf8" {
		p.pos -= len(name)
		return p.expected("utf8")
	}
	for _, v := range values {
		if v.big != nil {
			if !v.big.IsInt64() || v.big.Int64() != int64(rune(v.big.Int64())) ||
				!utf8.ValidRune(rune(v.big.Int64())) {
				return p.wrong(at, "there is no such character")
			}
			v.c = rune(v.big.Int64())
		}
		for _, octet := range utf8.AppendRune(nil, v.c) {
			if p.octets--; p.octets < 0 {
				return p.beyond("octets of binaries", p.limits.Bytes)
			}
			b.add(big.NewInt(int64(octet)), 8)
		}
	}
	return nil
}

// bits is a growing bitstring.
type bits struct {
	octets []byte
	n      int // bits in all
}

// add appends the lowest bits of v.
func (b *bits) add(v *big.Int, size int) {
	mask := new(big.Int).Lsh(big.NewInt(1), uint(size))
	v = mask.And(mask.Sub(mask, big.NewInt(1)), v)
	if b.n%8 == 0 && size%8 == 0 {
		b.octets = append(b.octets, v.FillBytes(make([]byte, size/8))...)
		b.n += size
		return
	}
	for i := size - 1; i >= 0; i-- {
		if b.n%8 == 0 {
			b.octets = append(b.octets, 0)
		}
		b.octets[b.n/8] |= byte(v.Bit(i)) << (7 - b.n%8)
		b.n++
	}
}

func (b *bits) term() etf.Term {
	if last := b.n % 8; last != 0 {
		return etf.Bitstring{Bytes: b.octets, Last: last}
	}
	return etf.Binary(b.octets)
}
