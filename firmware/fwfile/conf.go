package fwfile

import (
	"fmt"
	"strings"
)

// maxDepth is how deep sections may be nested. fwup uses three levels.
const maxDepth = 8

// section is one section of meta.conf, or meta.conf itself.
type section struct {
	kind   string
	title  string
	values map[string][]string
	subs   []*section
}

// parseConf reads text in libconfuse's syntax. It refuses what would let meta.conf reach outside
// of itself or mean two things: calls (include, define), bytes of value zero, sections that come
// twice.
func parseConf(text string, env func(string) (string, bool)) (*section, error) {
	if i := strings.IndexByte(text, 0); i >= 0 {
		return nil, fmt.Errorf("a zero byte at %d", i)
	}
	p := parser{lex: lexer{src: text, line: 1, env: env}}
	root := &section{}
	return root, p.body(root, 0)
}

type parser struct{ lex lexer }

// body reads the statements of s up to its closing brace, or to the end of the text at depth 0.
func (p *parser) body(s *section, depth int) error {
	for {
		t, err := p.lex.next()
		if err != nil {
			return err
		}
		switch {
		case t.kind == 0 && depth == 0, t.kind == '}' && depth > 0:
			return nil
		case t.kind == 0:
			return p.lex.errorf("section %.60q has no end", s.kind)
		case t.kind != tokenString:
			return p.lex.errorf("%q where a name should be", t.kind)
		}
		if err := p.statement(s, t.text, depth); err != nil {
			return err
		}
	}
}

// statement reads what follows a name: a value, a list, or a section.
func (p *parser) statement(s *section, name string, depth int) error {
	t, err := p.lex.next()
	if err != nil {
		return err
	}
	switch t.kind {
	case '=', '+':
		values, err := p.value()
		if err != nil {
			return err
		}
		s.set(name, values, t.kind == '+')
		return nil
	case '{':
		return p.section(s, &section{kind: name}, depth)
	case tokenString:
		open, err := p.lex.next()
		if err != nil {
			return err
		}
		if open.kind != '{' {
			return p.lex.errorf("%.60q %.60q is no section", name, t.text)
		}
		return p.section(s, &section{kind: name, title: t.text}, depth)
	case '(':
		return p.lex.errorf("the call %.60q(...): meta.conf of an archive must not have calls", name)
	default:
		return p.lex.errorf("%.60q is neither an option nor a section", name)
	}
}

func (p *parser) section(parent, s *section, depth int) error {
	if depth+1 > maxDepth {
		return p.lex.errorf("sections are nested deeper than %d", maxDepth)
	}
	if parent.sub(s.kind, s.title) != nil {
		return p.lex.errorf("section %.60q %.60q comes twice", s.kind, s.title)
	}
	parent.subs = append(parent.subs, s)
	return p.body(s, depth+1)
}

// value reads one string, or a list of strings in braces.
func (p *parser) value() ([]string, error) {
	t, err := p.lex.next()
	if err != nil {
		return nil, err
	}
	if t.kind == tokenString {
		return []string{t.text}, nil
	}
	if t.kind != '{' {
		return nil, p.lex.errorf("a value is missing")
	}
	values := []string{}
	for comma := true; ; {
		t, err := p.lex.next()
		if err != nil {
			return nil, err
		}
		switch {
		case t.kind == '}':
			return values, nil
		case t.kind == tokenString && comma:
			values, comma = append(values, t.text), false
		case t.kind == ',' && !comma:
			comma = true
		default:
			return nil, p.lex.errorf("a list has something else than strings and commas")
		}
	}
}

// set sets an option. The last value of an option counts, as in libconfuse.
func (s *section) set(name string, values []string, more bool) {
	if s.values == nil {
		s.values = map[string][]string{}
	}
	if more {
		values = append(s.values[name], values...)
	}
	s.values[name] = values
}

// sub returns the section of that kind and title, or nil.
func (s *section) sub(kind, title string) *section {
	for _, sub := range s.subs {
		if sub.kind == kind && sub.title == title {
			return sub
		}
	}
	return nil
}

// text returns an option with one value, or "".
func (s *section) text(name string) string {
	if v := s.values[name]; len(v) > 0 {
		return v[len(v)-1]
	}
	return ""
}
