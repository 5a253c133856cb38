package look

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text returns the report for people.
func (f *File) Text() string {
	var b strings.Builder
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-14s%s\n", name, Printable(fmt.Sprintf(format, args...)))
	}
	row("file", "%s", f.Name)
	row("kind", "%s, %d bytes", f.Kind, f.Size)
	row("sha256", "%s", f.SHA256)
	if a := f.Archive; a != nil {
		for _, field := range a.Meta {
			row(field.Name, "%s", field.Value)
		}
		row("signature", "%s", a.Signature.text())
		row("content", "%s", a.content())
		for _, t := range a.Tasks {
			row("task", "%s", strings.TrimSuffix(t.Name+": "+strings.Join(t.Resources, ", "), ": "))
		}
		for _, r := range a.Resources {
			row("resource", "%s", r.text())
		}
	}
	if d := f.Device; d != nil {
		takes := map[bool]string{true: "takes it", false: "refuses it"}[d.Takes]
		row("this device", "%s: %s", takes, d.Why)
	}
	return b.String()
}

func (s *Signature) text() string {
	switch {
	case s.Key != "":
		return "verified with the key " + s.Key
	case s.Signed:
		return "signed, not verified: " + s.Problem
	default:
		return "none: " + s.Problem
	}
}

func (a *Archive) content() string {
	if a.Problem != "" {
		return "not to be trusted: " + a.Problem
	}
	for _, r := range a.Resources {
		if r.State != Verified {
			return "whole; what meta.conf cannot vouch for yet is marked below"
		}
	}
	return "whole, and every resource has the hash that meta.conf says"
}

func (r *Resource) text() string {
	if r.State == Delta {
		return fmt.Sprintf("%s, %d bytes, a delta of %d bytes: judged when it is applied",
			r.Name, r.Length, r.Delta)
	}
	return fmt.Sprintf("%s, %d bytes, %s", r.Name, r.Length, r.State)
}

// JSON returns the report for programs.
func (f *File) JSON() string { return JSON(f) }

// JSON returns v as JSON in which every character that is not printable is escaped, so that a
// terminal can show it.
func JSON(v any) string {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Sprintf("{\"error\": %q}\n", err)
	}
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		for _, r := range line { // not printable: in a string only
			switch {
			case unicode.IsPrint(r):
				b.WriteRune(r)
			case r > 0xffff:
				hi, lo := (r-0x10000)>>10+0xd800, (r-0x10000)&0x3ff+0xdc00
				fmt.Fprintf(&b, `\u%04x\u%04x`, hi, lo)
			default:
				fmt.Fprintf(&b, `\u%04x`, r)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Printable returns text with every character escaped that a terminal would act on.
func Printable(text string) string {
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == utf8.RuneError:
			_, n := utf8.DecodeRuneInString(text[i:])
			fmt.Fprintf(&b, `\x%x`, text[i:i+n])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
	}
	return b.String()
}
