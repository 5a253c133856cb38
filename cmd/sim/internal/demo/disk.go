package demo

import (
	"cmp"
	"errors"
	"io"
	"os"

	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/firmware/slotdev"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

// whole reads a content from its beginning.
func whole(c hubtest.Content) io.Reader { return io.NewSectionReader(c, 0, c.Size) }

// bootRecord reads the bytes of all copies.
func bootRecord(at []slotdev.Location) ([]byte, error) {
	var all []byte
	for _, l := range at {
		f, err := os.Open(l.Path)
		if err != nil {
			return nil, err
		}
		b := make([]byte, l.Size)
		n, err := f.ReadAt(b, l.Offset)
		if errors.Is(err, io.EOF) {
			err = nil
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		all = append(all, b[:n]...)
	}
	return all, nil
}

// readMeta returns what the hub says of an archive. What cannot be read is said to be a demo's.
func readMeta(c hubtest.Content) (meta *fwfile.Meta, said hubtest.Metadata) {
	said = metadata(newVersion)
	r, err := fwfile.NewReader(whole(c), fwfile.Options{AllowUnsigned: true})
	if err != nil {
		return nil, said
	}
	m := r.Meta()
	return m, hubtest.Metadata{
		UUID: m.UUID, Product: cmp.Or(m.Product, said.Product), Version: cmp.Or(m.Version, said.Version),
		Platform:     cmp.Or(m.Platform, said.Platform),
		Architecture: cmp.Or(m.Architecture, said.Architecture),
	}
}

// verdict reads an archive to its end, as the device's reader does, and returns what is wrong with
// it, or nil.
func verdict(c hubtest.Content, keys []fwfile.Key) error {
	r, err := fwfile.NewReader(whole(c), fwfile.Options{Keys: keys})
	for err == nil {
		_, err = r.Next()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
