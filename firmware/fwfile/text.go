package fwfile

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Text returns m as the meta.conf that fwup writes: options in fwup's order, nothing that is at
// its default, strings in quotes where they have other characters than letters, digits, _ and .
func (m *Meta) Text() []byte {
	var p printer
	p.option("meta-product", m.Product)
	p.option("meta-description", m.Description)
	p.option("meta-version", m.Version)
	p.option("meta-author", m.Author)
	p.option("meta-platform", m.Platform)
	p.option("meta-architecture", m.Architecture)
	p.option("meta-vcs-identifier", m.VCS)
	p.option("meta-misc", m.Misc)
	p.option("require-fwup-version", m.Requires)
	for i := range m.Resources {
		p.resource(&m.Resources[i])
	}
	for i := range m.Partitions.MBRs {
		p.mbr(&m.Partitions.MBRs[i])
	}
	for i := range m.Partitions.GPTs {
		p.gpt(&m.Partitions.GPTs[i])
	}
	for i := range m.Tasks {
		p.task(&m.Tasks[i])
	}
	for _, e := range m.Partitions.Envs {
		p.open("uboot-environment", e.Name)
		p.option("block-offset", number64(e.Offset))
		p.option("block-count", number64(e.Count))
		if e.Redundant {
			p.option("block-offset-redund", number64(e.Second))
		}
		p.close()
	}
	return []byte(p.b.String())
}

type printer struct{ b strings.Builder }

// option writes an option, unless its value is empty.
func (p *printer) option(name, value string) {
	if value != "" {
		fmt.Fprintf(&p.b, "%s=%s\n", name, quote(value))
	}
}

func (p *printer) open(kind, title string) { fmt.Fprintf(&p.b, "%s \"%s\" {\n", kind, title) }

func (p *printer) close() { p.b.WriteString("}\n") }

func (p *printer) flag(name string, set bool) {
	if set {
		p.option(name, "true")
	}
}

func (p *printer) resource(r *Resource) {
	p.open("file-resource", r.Name)
	lengths := make([]string, len(r.Segments))
	for i, n := range r.Segments {
		lengths[i] = strconv.FormatInt(n, 10)
	}
	if len(lengths) == 1 {
		if lengths[0] != "0" {
			p.option("length", lengths[0])
		}
	} else {
		fmt.Fprintf(&p.b, "length={%s}\n", strings.Join(lengths, ","))
	}
	p.option("blake2b-256", hex.EncodeToString(r.Hash[:]))
	p.close()
}

func (p *printer) mbr(m *MBR) {
	p.open("mbr", m.Name)
	p.option("bootstrap-code", strings.ToUpper(hex.EncodeToString(m.Bootstrap)))
	if m.Signature != 0 {
		p.option("signature", fmt.Sprintf("0x%x", m.Signature))
	}
	for _, part := range m.Partitions {
		p.open("partition", strconv.Itoa(part.Index))
		p.option("block-offset", number64(part.Offset))
		p.option("block-count", number64(part.Count))
		p.option("type", strconv.Itoa(int(part.Type)))
		p.flag("boot", part.Boot)
		p.flag("expand", part.Expand)
		p.close()
	}
	p.close()
}

func (p *printer) gpt(g *GPT) {
	p.open("gpt", g.Name)
	p.option("guid", g.GUID)
	for _, part := range g.Partitions {
		p.open("partition", strconv.Itoa(part.Index))
		p.option("block-offset", number64(part.Offset))
		p.option("block-count", number64(part.Count))
		p.option("type", part.Type)
		p.option("guid", part.GUID)
		p.option("name", part.Name)
		if part.Flags != 0 {
			p.option("flags", fmt.Sprintf("0x%x", part.Flags))
		}
		p.flag("expand", part.Expand)
		p.close()
	}
	p.close()
}

func (p *printer) task(t *Task) {
	p.open("task", t.Name)
	p.calls("reqlist", t.Requirements)
	for _, event := range []struct {
		name  string
		calls []Call
	}{{"on-init", t.OnInit}, {"on-finish", t.OnFinish}, {"on-error", t.OnError}} {
		if len(event.calls) > 0 {
			fmt.Fprintf(&p.b, "%s {\n", event.name)
			p.calls("funlist", event.calls)
			p.close()
		}
	}
	for i := range t.OnResource {
		r := &t.OnResource[i]
		p.open("on-resource", r.Resource)
		switch {
		case r.Delta.Raw:
			p.option("delta-source-raw-offset", number64(r.Delta.Offset))
			p.option("delta-source-raw-count", number64(r.Delta.Count))
			p.option("delta-source-raw-options", r.Delta.Options)
		case r.Delta.FATPath != "":
			p.option("delta-source-fat-offset", number64(r.Delta.Offset))
			p.option("delta-source-fat-path", r.Delta.FATPath)
		}
		p.calls("funlist", r.Calls)
		p.close()
	}
	p.close()
}

func (p *printer) calls(name string, calls []Call) {
	if len(calls) == 0 {
		return
	}
	var words []string
	for _, c := range calls {
		words = append(words, strconv.Itoa(len(c)))
		for _, w := range c {
			words = append(words, quote(w))
		}
	}
	fmt.Fprintf(&p.b, "%s={%s}\n", name, strings.Join(words, ","))
}

// quote puts a string into double quotes if a reader could take it for something else.
func quote(s string) string {
	plain := s != ""
	for i := range len(s) {
		c := s[i]
		plain = plain && (c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' ||
			c == '_' || c == '.')
	}
	if plain {
		return s
	}
	return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(s) + `"`
}

func number64(n uint64) string { return strconv.FormatUint(n, 10) }
