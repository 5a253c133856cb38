package fwfile

import (
	"encoding/hex"
	"fmt"
	"hash"
	"math"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/blake2b"
)

// Meta is what meta.conf says of an archive.
type Meta struct {
	UUID         string // computed, see [UUID]
	Product      string
	Description  string
	Version      string
	Author       string
	Platform     string
	Architecture string
	VCS          string
	Misc         string
	Requires     string // the oldest fwup that can apply the archive; empty: any
	Resources    []Resource
	Tasks        []Task
	Partitions   Partitions
}

// Partitions are the layouts that the functions of tasks refer to by name.
type Partitions struct {
	MBRs []MBR
	GPTs []GPT
	Envs []Env
}

// Resource is one file of an archive.
type Resource struct {
	Name string
	// Segments are lengths in bytes: data, hole, data, hole and so on. A file without holes has one.
	Segments []int64
	// Hash is the BLAKE2b-256 of the data, without the holes.
	Hash [32]byte
}

// Size returns the number of bytes of data: the length of the entry of a resource that is no delta.
func (r *Resource) Size() int64 {
	var n int64
	for i := 0; i < len(r.Segments); i += 2 {
		n += r.Segments[i]
	}
	return n
}

// Length returns the length of the file with its holes.
func (r *Resource) Length() int64 {
	var n int64
	for _, s := range r.Segments {
		n += s
	}
	return n
}

// NewHash returns a hash whose sum over the data of the resource is Hash.
func (*Resource) NewHash() hash.Hash {
	h, _ := blake2b.New256(nil) // fails for long keys only
	return h
}

// Resource returns the resource of that name, or nil.
func (m *Meta) Resource(name string) *Resource {
	for i := range m.Resources {
		if m.Resources[i].Name == name {
			return &m.Resources[i]
		}
	}
	return nil
}

// parseMeta reads meta.conf.
func parseMeta(text []byte) (*Meta, error) {
	m := &Meta{UUID: UUID(text)}
	root, err := parseConf(string(text), func(name string) (string, bool) {
		return m.UUID, name == "FWUP_META_UUID"
	})
	if err != nil {
		return nil, err
	}
	if u := root.text("meta-uuid"); u != "" && u != m.UUID {
		return nil, fmt.Errorf("meta-uuid is %.60q, and the archive's is %s", u, m.UUID)
	}
	for name, field := range map[string]*string{
		"meta-product": &m.Product, "meta-description": &m.Description, "meta-version": &m.Version,
		"meta-author": &m.Author, "meta-platform": &m.Platform, "meta-misc": &m.Misc,
		"meta-architecture": &m.Architecture, "meta-vcs-identifier": &m.VCS,
		"require-fwup-version": &m.Requires,
	} {
		*field = root.text(name)
	}
	for _, s := range root.subs {
		if err := m.add(s); err != nil {
			return nil, fmt.Errorf("%s %.60q: %w", s.kind, s.title, err)
		}
	}
	return m, nil
}

// add adds what a section at the top of meta.conf describes. Kinds that it does not know are left
// out, as by fwup: later versions may have more.
func (m *Meta) add(s *section) (err error) {
	switch s.kind {
	case "file-resource":
		var r Resource
		r, err = parseResource(s)
		m.Resources = append(m.Resources, r)
	case "task":
		var t Task
		t, err = parseTask(s)
		m.Tasks = append(m.Tasks, t)
	case "mbr":
		var t MBR
		t, err = parseMBR(s)
		m.Partitions.MBRs = append(m.Partitions.MBRs, t)
	case "gpt":
		var t GPT
		t, err = parseGPT(s)
		m.Partitions.GPTs = append(m.Partitions.GPTs, t)
	case "uboot-environment":
		var e Env
		e, err = parseEnv(s)
		m.Partitions.Envs = append(m.Partitions.Envs, e)
	}
	return err
}

func parseResource(s *section) (Resource, error) {
	r := Resource{Name: s.title}
	if err := checkResourceName(s.title); err != nil {
		return r, err
	}
	lengths := s.values["length"]
	if len(lengths) == 0 {
		lengths = []string{"0"}
	}
	var total int64
	for _, text := range lengths {
		n, err := strconv.ParseInt(text, 0, 64)
		if err != nil || n < 0 || n > math.MaxInt64-total {
			return r, fmt.Errorf("length %.40q is not a number of bytes", text)
		}
		total += n
		r.Segments = append(r.Segments, n)
	}
	sum := s.text("blake2b-256")
	if n, err := hex.Decode(r.Hash[:], []byte(sum[:min(len(sum), 64)])); err != nil || n != 32 ||
		len(sum) != 64 {
		return r, fmt.Errorf("blake2b-256 %.80q is not the hexadecimal form of 32 bytes", sum)
	}
	return r, nil
}

// checkResourceName refuses names that fwup would not write and names that lead somewhere else.
func checkResourceName(name string) error {
	switch {
	case name == "" || len(name) > maxName:
		return fmt.Errorf("a resource's name has 1 to %d bytes", maxName)
	case strings.HasSuffix(name, "/"), slices.Contains(strings.Split(name, "/"), ".."):
		return fmt.Errorf("a resource's name must not end in / or have .. in it")
	case name == "/meta.conf", name == "/meta.conf.ed25519", name == "/data",
		strings.HasPrefix(name, "/data/"):
		return fmt.Errorf("this name is not for resources")
	}
	for i := range len(name) {
		if name[i] < ' ' || name[i] == 0x7f || name[i] == '\\' {
			return fmt.Errorf("a resource's name must not have control characters or backslashes")
		}
	}
	return nil
}
