package erltext

import (
	"cmp"
	"math"

	"github.com/hublink-go/hublink/protocol/etf"
)

// Limits bound the cost of reading one term. Zero fields mean the default. The defaults are
// decisions.
type Limits struct {
	Bytes int // of the text, and of all binaries in the term together; default 1 MiB
	// Depth limits the nesting: an atom has 1. The default is 512, the maximum etf.MaxDepth.
	Depth    int
	Elements int // of all lists, tuples, maps and strings together; default 262,144
	Digits   int // of one integer that is not hexadecimal; default 65,536
}

func (l Limits) withDefaults() Limits {
	l.Bytes = cmp.Or(max(l.Bytes, 0), 1<<20)
	l.Depth = min(cmp.Or(max(l.Depth, 0), 512), etf.MaxDepth)
	l.Elements = cmp.Or(max(l.Elements, 0), 1<<18)
	l.Digits = cmp.Or(max(l.Digits, 0), 1<<16)
	return l
}

// Parser holds the options of reading. The zero value has the default limits.
type Parser struct{ Limits Limits }

// Parse reads a text with one term and its full stop. Errors are ErrEmpty, *SyntaxError and
// *LimitError.
func Parse(text string) (etf.Term, error) {
	t, used, err := Parser{}.Parse(text)
	if err != nil {
		return nil, err
	}
	rest := scanner{text: text, pos: used}
	if rest.blanks(); rest.peek() != end {
		return nil, rest.expected("the end")
	}
	return t, nil
}

// Parse reads the term at the start of a text and its full stop, and returns how many bytes they
// have. Errors are those of the function Parse. A *SyntaxError that is ErrIncomplete means that the
// text ends before the full stop.
func (cfg Parser) Parse(text string) (t etf.Term, used int, err error) {
	p := &parser{scanner: scanner{text: text, limits: cfg.Limits.withDefaults()}}
	if len(text) > p.limits.Bytes {
		p.text, p.cut = text[:p.limits.Bytes], true
	}
	p.left, p.octets = p.limits.Elements, p.limits.Bytes
	if p.blanks(); p.peek() == end && !p.cut {
		return nil, p.pos, ErrEmpty
	}
	if t, err = p.term(1); err == nil {
		err = p.stop()
	}
	if err != nil {
		return nil, 0, err
	}
	return t, p.pos, nil
}

// parser reads terms within the limits.
type parser struct {
	scanner
	left   int // elements left of the limit
	octets int // octets of binaries left of the limit
	keys   int // depth of map keys around the current term
}

// claim takes n elements off the limit.
func (p *parser) claim(n int) error {
	if p.left -= n; p.left < 0 {
		return p.beyond("elements", p.limits.Elements)
	}
	return nil
}

func (p *parser) term(depth int) (etf.Term, error) {
	p.blanks()
	if depth > p.limits.Depth {
		return nil, p.beyond("levels of depth", p.limits.Depth)
	}
	c := p.peek()
	switch {
	case c == '{':
		p.next()
		ts, err := p.sequence("}", depth)
		return etf.Tuple(ts), err
	case c == '[':
		p.next()
		return p.list(depth)
	case c == '#':
		return p.hash(depth)
	case p.skip("<<"):
		return p.binary()
	case c == '"':
		return p.charlist()
	case c == '\'':
		return p.quotedAtom()
	case c == '$' || c == '-' || c == '+' || digit(c):
		return p.number()
	case lower(c):
		return p.bareAtom()
	case c == '_' || c >= 'A' && c <= 'Z':
		return nil, p.variable()
	}
	return nil, p.expected("a term")
}

// sequence reads terms up to closer, and closer itself.
func (p *parser) sequence(closer string, depth int) (ts []etf.Term, err error) {
	if p.blanks(); p.skip(closer) {
		return nil, nil
	}
	for {
		t, err := p.element(depth)
		if err != nil {
			return nil, err
		}
		ts = append(ts, t)
		p.blanks()
		switch {
		case p.skip(","):
		case p.skip(closer):
			return ts, nil
		default:
			return nil, p.expected(`"," or "` + closer + `"`)
		}
	}
}

func (p *parser) element(depth int) (etf.Term, error) {
	if err := p.claim(1); err != nil {
		return nil, err
	}
	return p.term(depth + 1)
}

// list reads a list after its "[".
func (p *parser) list(depth int) (etf.Term, error) {
	if p.blanks(); p.skip("]") {
		return etf.List{}, nil
	}
	var elems etf.List
	for {
		t, err := p.element(depth)
		if err != nil {
			return nil, err
		}
		elems = append(elems, t)
		p.blanks()
		switch {
		case p.skip(","):
		case p.skip("]"):
			return elems, nil
		case p.skip("|"):
			return p.tail(elems, depth)
		default:
			return nil, p.expected(`",", "|" or "]"`)
		}
	}
}

// charlist reads a string. Adjacent strings are one.
func (p *parser) charlist() (etf.Term, error) {
	l := etf.List{}
	for p.peek() == '"' {
		text, err := p.quoted('"')
		if err != nil {
			return nil, err
		}
		if err := p.claim(len(text)); err != nil {
			return nil, err
		}
		for _, c := range text {
			l = append(l, etf.Int(c))
		}
		p.blanks()
	}
	return l, nil
}

// tail reads a tail after its "|". A tail that is a list continues the same list.
func (p *parser) tail(elems etf.List, depth int) (etf.Term, error) {
	t, err := p.element(depth)
	if err != nil {
		return nil, err
	}
	if p.blanks(); !p.skip("]") {
		return nil, p.expected(`"]"`)
	}
	switch t := t.(type) {
	case etf.List:
		return append(elems, t...), nil
	case etf.Improper:
		return etf.Improper{Elems: append(elems, t.Elems...), Tail: t.Tail}, nil
	}
	return etf.Improper{Elems: elems, Tail: t}, nil
}

// hash reads a map or an opaque term, which begin with "#".
func (p *parser) hash(depth int) (etf.Term, error) {
	at := p.pos
	for name, kind := range opaqueNames {
		if p.skip("#" + name + "<") {
			return p.opaque(at, kind)
		}
	}
	if !p.skip("#{") {
		p.next()
		return nil, p.expected(`"{" of a map`)
	}
	m := etf.Map{}
	if p.blanks(); p.skip("}") {
		return m, nil
	}
	for {
		pair, err := p.pair(depth)
		if err != nil {
			return nil, err
		}
		m = append(m, pair)
		p.blanks()
		switch {
		case p.skip(","):
		case p.skip("}"):
			if p.keys == 0 && !sortKeys(m) { // maps inside keys are sorted with the outermost key
				return nil, p.wrong(at, "a map with the same key twice")
			}
			return m, nil
		default:
			return nil, p.expected(`"," or "}"`)
		}
	}
}

func (p *parser) pair(depth int) (pair etf.Pair, err error) {
	p.keys++
	pair.Key, err = p.element(depth)
	if p.keys--; err != nil {
		return pair, err
	}
	if p.blanks(); !p.skip("=>") {
		return pair, p.expected(`"=>"`)
	}
	pair.Value, err = p.element(depth)
	return pair, err
}

// sortKeys sorts maps inside keys, as etf.Decoder does, and reports whether all keys differ.
func sortKeys(m etf.Map) bool {
	keys := make(etf.Map, len(m))
	for i := range m {
		keys[i] = etf.Pair{Key: m[i].Key, Value: etf.Nil}
	}
	data, err := etf.Encode(keys)
	if err != nil {
		return false
	}
	t, _, err := everything.Decode(data)
	if err != nil {
		return false
	}
	for i, p := range t.(etf.Map) {
		m[i].Key = p.Key
	}
	return true
}

// everything decodes all terms of this package.
var everything = etf.Decoder{
	AnyAtom: true, Keep: etf.Pid | etf.Reference | etf.Port | etf.Fun,
	Limits: etf.Limits{Bytes: math.MaxInt, Depth: etf.MaxDepth, Elements: math.MaxInt},
}
