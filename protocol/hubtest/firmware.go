package hubtest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	partSize    = 1 << 20        // NervesHub: of partials_checksums
	urlLife     = 24 * time.Hour // of a signed URL
	archiveLife = time.Hour      // of an archive's
)

// Firmware is a file that the hub offers and serves.
type Firmware struct {
	Metadata
	Content  Content
	Checksum string   // SHA-256 in upper-case hex
	Partials []string // the same of each MiB

	hub  *Hub
	name string
	log  serveLog

	mu     sync.Mutex
	faults []*Fault
}

// sum reads the content once and sets the checksums.
func (f *Firmware) sum() error {
	whole, part := sha256.New(), sha256.New()
	buf := make([]byte, min(partSize, max(1, f.Content.Size)))
	for off := int64(0); off < f.Content.Size; off += partSize {
		p := buf[:min(partSize, f.Content.Size-off)]
		if n, err := f.Content.ReadAt(p, off); n < len(p) {
			return fmt.Errorf("read at %d: %w", off, cmp.Or(err, io.ErrUnexpectedEOF))
		}
		whole.Write(p)
		part.Reset()
		part.Write(p)
		f.Partials = append(f.Partials, upperHex(part))
	}
	f.Checksum = upperHex(whole)
	return nil
}

func upperHex(h hash.Hash) string { return strings.ToUpper(hex.EncodeToString(h.Sum(nil))) }

// URL returns an address that is valid for a day from now. It carries a credential.
func (f *Firmware) URL() string { return f.urlUntil(f.hub.cfg.Now().Add(urlLife)) }

// ExpiredURL returns an address that has expired.
func (f *Firmware) ExpiredURL() string { return f.urlUntil(f.hub.cfg.Now().Add(-time.Second)) }

func (f *Firmware) urlUntil(t time.Time) string {
	expires := strconv.FormatInt(t.Unix(), 10)
	return f.hub.front.firmwareURL + "/firmware/" + f.name + "?Expires=" + expires +
		"&Signature=" + f.hub.store.sign(f.name, expires)
}

type firmwareMeta struct {
	Architecture  *string `json:"architecture"`
	Author        *string `json:"author"`
	Description   *string `json:"description"`
	FwupVersion   *string `json:"fwup_version"`
	Misc          *string `json:"misc"`
	Platform      *string `json:"platform"`
	Product       *string `json:"product"`
	UUID          *string `json:"uuid"`
	VCSIdentifier *string `json:"vcs_identifier"`
	Version       *string `json:"version"`
}

func (f *Firmware) meta() firmwareMeta {
	m := f.Metadata
	return firmwareMeta{
		Architecture: orNil(m.Architecture), Platform: orNil(m.Platform),
		Product: orNil(m.Product), UUID: orNil(m.UUID), Version: orNil(m.Version),
	}
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Offer returns the payload of an update event for this firmware, in the hub's profile. deployment
// is null when it is zero. A test may change it and send it with [Channel.Push].
func (f *Firmware) Offer(deployment int) jsontext.Value {
	var id *int
	if deployment != 0 {
		id = &deployment
	}
	pairs := []any{"update_available", true, "firmware_url", f.URL(), "firmware_meta", f.meta()}
	if f.hub.rules.fullOffer {
		pairs = append(pairs,
			"size", f.Content.Size, "checksum", f.Checksum, "partials_checksums", f.Partials)
	}
	return object(append(pairs, "deployment_id", id)...)
}
