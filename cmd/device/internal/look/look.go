// Package look describes firmware files without changing anything: [Read] reads a file once, judges
// its signature and its content, and [File.Text] and [File.JSON] print what it found. The memory
// that it takes is bounded, whatever the file holds, and no control character of a file is printed.
package look

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/hublink-go/hublink/firmware/format"
	"github.com/hublink-go/hublink/firmware/fwfile"
)

// File is what is known of a firmware file.
type File struct {
	Name    string   `json:"file"`
	Kind    string   `json:"kind"`
	Size    int64    `json:"size"`
	SHA256  string   `json:"sha256"`
	Archive *Archive `json:"archive,omitempty"` // nil: no fwup archive
	Device  *Device  `json:"device,omitempty"`  // nil: not judged, because there is no configuration

	kind format.Kind
	meta *fwfile.Meta
}

// Archive is what is known of a fwup archive.
type Archive struct {
	Signature Signature  `json:"signature"`
	Problem   string     `json:"problem,omitempty"` // why its content cannot be trusted; empty: none
	Meta      []Field    `json:"meta,omitempty"`
	Tasks     []Task     `json:"tasks,omitempty"`
	Resources []Resource `json:"resources,omitempty"`
}

// Signature is the verdict on an archive's signature.
type Signature struct {
	Signed  bool   `json:"signed"`
	Key     string `json:"key,omitempty"`     // id of the key that made it; empty: not verified
	Problem string `json:"problem,omitempty"` // why it is not verified
}

// Field is one line of the description of an archive.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Task is one way to apply an archive.
type Task struct {
	Name      string   `json:"name"`
	Resources []string `json:"resources,omitempty"` // that it uses
}

// Resource is one file of an archive.
type Resource struct {
	Name   string `json:"name"`
	Length int64  `json:"length"`
	// Verified, Delta, Missing or NotRead
	State string `json:"state"`
	Delta int64  `json:"delta,omitempty"` // bytes of the difference; of a delta
}

// States of a resource.
const (
	Verified = "verified" // it is in the archive and has its hash
	Delta    = "delta"    // only its application tells whether it is right
	Missing  = "missing"  // it is not in the archive
	NotRead  = "not read" // something before it could not be read
)

// Device reports whether the device of the configuration takes the file, or why not.
type Device struct {
	Takes bool   `json:"takes"`
	Why   string `json:"why"`
}

// Format returns what the file is.
func (f *File) Format() format.Kind { return f.kind }

// Meta returns what meta.conf says; nil: it could not be read, or the file is no archive. Signature
// and Problem say whether it can be trusted.
func (f *File) Meta() *fwfile.Meta { return f.meta }

// Uses returns the resources that a task of the archive uses.
func (f *File) Uses(task string) (used []Resource) {
	if f.Archive == nil {
		return nil
	}
	for _, t := range f.Archive.Tasks {
		if t.Name != task {
			continue
		}
		for _, r := range f.Archive.Resources {
			if slices.Contains(t.Resources, r.Name) {
				used = append(used, r)
			}
		}
	}
	return used
}

// Head describes an archive of which only the head is known, and the size.
func Head(m *fwfile.Meta, size int64) *File {
	return &File{Kind: format.Archive.String(), Size: size, kind: format.Archive, meta: m}
}

// Read reads the file at path. keys are those that may have signed it. The error is one of reading;
// what is wrong with the file is in the result.
func Read(ctx context.Context, path string, keys []fwfile.Key) (*File, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file: give a firmware file", path)
	}
	head := make([]byte, format.Need)
	n, err := in.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	f := &File{Name: path, kind: format.Detect(head[:n], info.Size())}
	f.Kind = f.kind.String()
	sum := sha256.New()
	all := &counted{ctx: ctx, in: io.TeeReader(in, sum)}
	if f.kind == format.Archive {
		f.Archive = &Archive{Signature: signature(io.NewSectionReader(in, 0, info.Size()), keys)}
		f.content(all)
	}
	if _, err := io.Copy(io.Discard, all); err != nil {
		return nil, err
	}
	f.Size, f.SHA256 = all.n, hex.EncodeToString(sum.Sum(nil))
	return f, nil
}

// counted counts bytes and ends with its context.
type counted struct {
	ctx context.Context //nolint:containedctx // of one Read
	in  io.Reader
	n   int64
}

func (c *counted) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.in.Read(p)
	c.n += int64(n)
	return n, err
}

// signature finds the key that signed the archive.
func signature(in io.Reader, keys []fwfile.Key) Signature {
	opts := fwfile.Options{Keys: keys}
	if len(keys) == 0 {
		opts.Keys = make([]fwfile.Key, 1) // which tells signed archives from others
	}
	r, err := fwfile.NewReader(in, opts)
	signed := err == nil || errors.Is(err, fwfile.ErrSignature)
	switch {
	case signed && len(keys) == 0:
		return Signature{Signed: true, Problem: "there is no key to verify it with"}
	case err == nil:
		return Signature{Signed: true, Key: r.Signer().ID()}
	case errors.Is(err, fwfile.ErrUnsigned), errors.Is(err, fwfile.ErrSignature):
		return Signature{Signed: signed, Problem: err.Error()}
	default:
		return Signature{Problem: "it cannot be read: " + err.Error()}
	}
}

// content reads the whole archive, whatever its signature is.
func (f *File) content(in io.Reader) {
	a := f.Archive
	r, err := fwfile.NewReader(in, fwfile.Options{AllowUnsigned: true})
	if err != nil {
		a.Problem = err.Error()
		return
	}
	f.meta = r.Meta()
	a.describe(f.meta)
	states := map[string]*Resource{}
	for i := range a.Resources {
		states[a.Resources[i].Name] = &a.Resources[i]
	}
	var last *Resource
	for {
		e, err := r.Next()
		if last != nil && (err == nil || errors.Is(err, io.EOF)) {
			last.State = Verified
			if last.Delta > 0 {
				last.State = Delta
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			a.Problem = err.Error()
			return
		}
		last = states[e.Resource.Name]
		if e.Delta {
			last.Delta = e.Size
		}
	}
	for _, s := range states {
		if s.State == NotRead {
			s.State = Missing
		}
	}
}

// describe puts what meta.conf says into the words of a report.
func (a *Archive) describe(m *fwfile.Meta) {
	for _, field := range []Field{
		{"product", m.Product},
		{"version", m.Version},
		{"uuid", m.UUID},
		{"platform", m.Platform},
		{"architecture", m.Architecture},
		{"description", m.Description},
		{"author", m.Author},
		{"vcs", m.VCS},
		{"misc", m.Misc},
		{"needs fwup", m.Requires},
	} {
		if field.Value != "" {
			a.Meta = append(a.Meta, field)
		}
	}
	for i := range m.Tasks {
		t := Task{Name: m.Tasks[i].Name}
		for _, on := range m.Tasks[i].OnResource {
			t.Resources = append(t.Resources, on.Resource)
		}
		a.Tasks = append(a.Tasks, t)
	}
	for i := range m.Resources {
		r := &m.Resources[i]
		a.Resources = append(a.Resources, Resource{Name: r.Name, Length: r.Length(), State: NotRead})
	}
}
