package hubtest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Store holds the files that the hub offers and serves; see [Hub.Firmware].
type Store struct {
	hub *Hub
	key [32]byte // signs URLs

	mu    sync.Mutex
	files map[string]*Firmware // by file name
}

func (s *Store) init(h *Hub) {
	s.hub, s.files = h, make(map[string]*Firmware)
	_, _ = rand.Read(s.key[:]) // never fails
}

// Add makes a content known; it is read once, for the checksums. The UUID must be new.
func (s *Store) Add(meta Metadata, content Content) (*Firmware, error) {
	if meta.UUID == "" || content.ReaderAt == nil || content.Size < 0 {
		return nil, errors.New("add firmware: UUID and content are required")
	}
	f := &Firmware{
		Metadata: meta, Content: content, hub: s.hub, name: url.PathEscape(meta.UUID) + ".fw",
	}
	if err := f.sum(); err != nil {
		return nil, fmt.Errorf("add firmware %s: %w", meta.UUID, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files[f.name] != nil {
		return nil, fmt.Errorf("add firmware %s: this UUID is there already", meta.UUID)
	}
	s.files[f.name] = f
	return f, nil
}

// URL is the address that downloads begin with: scheme, host and port.
func (s *Store) URL() string { return s.hub.front.firmwareURL }

// OfferArchive pushes a file as an archive to all devices, now and whenever one joins. Each gets a
// URL that is good for an hour.
func (s *Store) OfferArchive(f *Firmware, description string) {
	now := s.hub.cfg.Now
	uploaded := now().UTC().Format("2006-01-02T15:04:05")
	payload := func() jsontext.Value {
		return object(
			"size", f.Content.Size, "uuid", f.UUID, "version", f.Version,
			"description", description, "platform", f.Platform, "architecture", f.Architecture,
			"uploaded_at", uploaded, "url", f.urlUntil(now().Add(archiveLife)),
		)
	}
	s.hub.registry.configure(func(to *settings) { to.archive = payload })
	for _, d := range s.hub.registry.list() {
		_ = d.step(func(to *session) bool { // those that are online
			return to.dev.takesArchive(now()) && to.broadcast(topicDevice, "archive", payload())
		})
	}
}

// WithdrawArchive ends the offers of an archive.
func (s *Store) WithdrawArchive() {
	s.hub.registry.configure(func(to *settings) { to.archive = nil })
}

// sign returns the signature of a URL.
func (s *Store) sign(name, expires string) string {
	mac := hmac.New(sha256.New, s.key[:])
	mac.Write([]byte(name + "\n" + expires))
	return hex.EncodeToString(mac.Sum(nil))
}

// find returns the firmware of a signed request. False means that the signature is wrong or the
// time is over.
func (s *Store) find(u *url.URL, now time.Time) (*Firmware, bool) {
	name := strings.TrimPrefix(u.EscapedPath(), "/firmware/")
	q := u.Query()
	expires, err := strconv.ParseInt(q.Get("Expires"), 10, 64)
	signed := hmac.Equal([]byte(q.Get("Signature")), []byte(s.sign(name, q.Get("Expires"))))
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[name]
	return f, f != nil && err == nil && signed && now.Unix() < expires
}
