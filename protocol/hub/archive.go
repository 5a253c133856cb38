package hub

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/go-json-experiment/json/jsontext"
)

// Archive is the hub's offer of a file beside the firmware. The hub offers the same archive after
// every join, so the receiver compares the UUID.
type Archive struct {
	URL          SignedURL // valid for one hour at most
	UUID         string
	Size         int64 // bytes; 0 means not known
	Version      string
	Description  string
	Platform     string
	Architecture string
	UploadedAt   string // ISO 8601, usually without a zone
}

// String returns the archive's name and version.
func (a Archive) String() string { return fmt.Sprintf("archive %q version %q", a.UUID, a.Version) }

// LogValue omits the URL.
func (a Archive) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("uuid", a.UUID),
		slog.String("version", a.Version),
		slog.Int64("size", a.Size),
	)
}

// ParseArchive reads the payload of an archive event; url and uuid are required.
func ParseArchive(payload jsontext.Value) (Archive, error) {
	var raw map[string]jsontext.Value
	if payload.Kind() != '{' || !read(payload, &raw) {
		return Archive{}, errors.New("archive: payload is not an object")
	}
	var a Archive
	var err error
	if a.URL, err = signedURL(raw["url"]); err != nil {
		return Archive{}, fmt.Errorf("archive: url %w", err)
	}
	if a.Size, err = count(raw["size"]); err != nil {
		return Archive{}, fmt.Errorf("archive: size %w", err)
	}
	for name, field := range map[string]*string{
		"uuid": &a.UUID, "version": &a.Version, "description": &a.Description,
		"platform": &a.Platform, "architecture": &a.Architecture, "uploaded_at": &a.UploadedAt,
	} {
		t, ok := text(raw[name])
		if !ok {
			return Archive{}, fmt.Errorf("archive: %s is not a string", name)
		}
		*field = clean(t, metaTextMax)
	}
	if a.UUID == "" {
		return Archive{}, errors.New("archive: uuid is missing")
	}
	return a, nil
}
