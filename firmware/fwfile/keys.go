package fwfile

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
)

// Key is an Ed25519 public key that may sign archives.
type Key [ed25519.PublicKeySize]byte

// ErrPEM is returned by [ParseKey] for text in PEM form: keys of fwup have none, so the entry
// belongs to something else and a list of keys skips it.
var ErrPEM = errors.New("a PEM block is not a fwup key")

// ParseKey reads a key as fwup writes it: 32 bytes, or their base64 with or without padding and
// with white space around it.
func ParseKey(text []byte) (Key, error) {
	if len(text) == ed25519.PublicKeySize {
		return Key(text), nil
	}
	trimmed := bytes.TrimSpace(text)
	if bytes.HasPrefix(trimmed, []byte("-----BEGIN")) {
		return Key{}, ErrPEM
	}
	raw := bytes.TrimRight(trimmed, "=")
	var key [ed25519.PublicKeySize + 1]byte
	if base64.RawStdEncoding.DecodedLen(len(raw)) > len(key) {
		return Key{}, fmt.Errorf("a fwup key has 32 bytes or 44 characters of base64, not %d: "+
			"give the .pub file that fwup -g or nh key create wrote", len(trimmed))
	}
	n, err := base64.RawStdEncoding.Decode(key[:], raw)
	if err != nil || n != ed25519.PublicKeySize {
		return Key{}, fmt.Errorf("not the base64 of 32 bytes: " +
			"give the .pub file that fwup -g or nh key create wrote")
	}
	return Key(key[:n]), nil
}

// ID names the key in logs and in the history: the first 8 bytes of its SHA-256, in hexadecimal.
func (k Key) ID() string {
	sum := sha256.Sum256(k[:])
	return hex.EncodeToString(sum[:8])
}

// String returns the key in base64, as fwup writes it.
func (k Key) String() string { return base64.StdEncoding.EncodeToString(k[:]) }

// verify returns the first of keys that made sig over meta.
func verify(keys []Key, meta, sig []byte) (Key, bool) {
	for _, k := range keys {
		if ed25519.Verify(k[:], meta, sig) {
			return k, true
		}
	}
	return Key{}, false
}
