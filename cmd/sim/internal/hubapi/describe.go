package hubapi

import (
	"errors"
	"fmt"
	"io"
	"net/url"

	"github.com/Masterminds/semver/v3"

	"github.com/hublink-go/hublink/firmware/format"
	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

// field is a part of a description, by its name in queries.
type field struct{ name, value string }

func fields(m hubtest.Metadata) []field {
	return []field{
		{"uuid", m.UUID},
		{"product", m.Product},
		{"version", m.Version},
		{"platform", m.Platform},
		{"architecture", m.Architecture},
	}
}

// metadataOf returns how a firmware is described: an archive by its meta.conf, which must agree
// with the query, and another file by the query.
func metadataOf(q url.Values, c hubtest.Content) (hubtest.Metadata, error) {
	given := hubtest.Metadata{
		UUID: q.Get("uuid"), Product: q.Get("product"), Version: q.Get("version"),
		Platform: q.Get("platform"), Architecture: q.Get("architecture"),
	}
	head := make([]byte, min(format.Need, c.Size))
	if _, err := c.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return given, fmt.Errorf("add firmware: %w", err)
	}
	if format.Detect(head, c.Size) == format.Archive {
		return ofArchive(fields(given), c)
	}
	for _, f := range fields(given) {
		if f.value == "" {
			return given, fmt.Errorf("add firmware: %s is missing in the query, "+
				"and the file is no fwup archive, which would describe itself", f.name)
		}
	}
	return given, nil
}

// ofArchive reads the description of an archive. It verifies no signature: a hub has to serve what
// devices shall refuse, too.
func ofArchive(given []field, c hubtest.Content) (hubtest.Metadata, error) {
	r, err := fwfile.NewReader(io.NewSectionReader(c, 0, c.Size),
		fwfile.Options{AllowUnsigned: true})
	if err != nil {
		return hubtest.Metadata{}, fmt.Errorf("add firmware: %w", err)
	}
	m := r.Meta()
	meta := hubtest.Metadata{
		UUID: m.UUID, Product: m.Product, Version: m.Version, Platform: m.Platform,
		Architecture: m.Architecture,
	}
	for i, f := range fields(meta) {
		switch want := given[i].value; {
		case f.value == "":
			return meta, fmt.Errorf("add firmware: meta.conf has no meta-%s", f.name)
		case want != "" && want != f.value:
			return meta, fmt.Errorf("add firmware: the query says that %s is %q, "+
				"and meta.conf of the archive says %q", f.name, want, f.value)
		}
	}
	if _, err := semver.StrictNewVersion(meta.Version); err != nil {
		return meta, fmt.Errorf("add firmware: meta-version %q: %w: give major.minor.patch",
			meta.Version, err)
	}
	return meta, nil
}
