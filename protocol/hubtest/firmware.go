package hubtest

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/url"
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

// store has the firmware by file name, and the key that signs URLs.
type store struct {
	key [32]byte

	mu    sync.Mutex
	files map[string]*Firmware
}

func (s *store) init() {
	_, _ = rand.Read(s.key[:]) // never fails
	s.files = make(map[string]*Firmware)
}

// AddFirmware makes a content known; it is read once, for the checksums. The UUID must be new.
func (h *Hub) AddFirmware(meta Metadata, content Content) (*Firmware, error) {
	if meta.UUID == "" || content.ReaderAt == nil || content.Size < 0 {
		return nil, errors.New("add firmware: UUID and content are required")
	}
	f := &Firmware{Metadata: meta, Content: content, hub: h, name: url.PathEscape(meta.UUID) + ".fw"}
	if err := f.sum(); err != nil {
		return nil, fmt.Errorf("add firmware %s: %w", meta.UUID, err)
	}
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	if h.store.files[f.name] != nil {
		return nil, fmt.Errorf("add firmware %s: this UUID is there already", meta.UUID)
	}
	h.store.files[f.name] = f
	return f, nil
}

// sum reads the content once.
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

// URL makes an address that is good for a day from now. It carries a credential.
func (f *Firmware) URL() string { return f.urlUntil(f.hub.cfg.Now().Add(urlLife)) }

// ExpiredURL makes an address that is good no more.
func (f *Firmware) ExpiredURL() string { return f.urlUntil(f.hub.cfg.Now().Add(-time.Second)) }

func (f *Firmware) urlUntil(t time.Time) string {
	expires := strconv.FormatInt(t.Unix(), 10)
	return f.hub.front.firmwareURL + "/firmware/" + f.name + "?Expires=" + expires + "&Signature=" +
		f.hub.store.sign(
			f.name,
			expires,
		)
}

func (s *store) sign(name, expires string) string {
	mac := hmac.New(sha256.New, s.key[:])
	mac.Write([]byte(name + "\n" + expires))
	return hex.EncodeToString(mac.Sum(nil))
}

// find gives the firmware of a signed request. False: the signature is wrong or the time is over.
func (s *store) find(u *url.URL, now time.Time) (*Firmware, bool) {
	name := strings.TrimPrefix(u.EscapedPath(), "/firmware/")
	q := u.Query()
	expires, err := strconv.ParseInt(q.Get("Expires"), 10, 64)
	signed := hmac.Equal([]byte(q.Get("Signature")), []byte(s.sign(name, q.Get("Expires"))))
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[name]
	return f, f != nil && err == nil && signed && now.Unix() < expires
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
		Architecture: orNil(
			m.Architecture,
		), Platform: orNil(m.Platform), Product: orNil(m.Product), UUID: orNil(m.UUID),
		Version: orNil(m.Version),
	}
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Offer is the payload of an update event for this firmware, in the hub's profile. deployment is
// null when it is zero. It may be changed and sent with Device.Push.
func (f *Firmware) Offer(deployment int) jsontext.Value {
	var id *int
	if deployment != 0 {
		id = &deployment
	}
	pairs := []any{"update_available", true, "firmware_url", f.URL(), "firmware_meta", f.meta()}
	if f.hub.rules.fullOffer {
		pairs = append(
			pairs,
			"size",
			f.Content.Size,
			"checksum",
			f.Checksum,
			"partials_checksums",
			f.Partials,
		)
	}
	return object(append(pairs, "deployment_id", id)...)
}

// OfferArchive pushes a file as an archive to all devices, now and whenever one joins. Each gets a
// URL that is good for an hour.
func (h *Hub) OfferArchive(f *Firmware, description string) {
	uploaded := h.cfg.Now().UTC().Format("2006-01-02T15:04:05")
	h.offerArchive(func() jsontext.Value {
		return object(
			"size",
			f.Content.Size,
			"uuid",
			f.UUID,
			"version",
			f.Version,
			"description",
			description,
			"platform",
			f.Platform,
			"architecture",
			f.Architecture,
			"uploaded_at",
			uploaded,
			"url",
			f.urlUntil(h.cfg.Now().Add(archiveLife)),
		)
	})
}

// WithdrawArchive offers no archive any more.
func (h *Hub) WithdrawArchive() { h.configure(func(s *settings) { s.archive = nil }) }

func (h *Hub) offerArchive(payload func() jsontext.Value) {
	h.configure(func(s *settings) { s.archive = payload })
	for _, d := range h.Devices() {
		_ = d.step(func(s *session) bool { // those that are online
			return s.dev.takesArchive(h.cfg.Now()) && s.broadcast(topicDevice, "archive", payload())
		})
	}
}
