package hub

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const keysMax = 1024

// ParsePublicKeys reads the payload of fwup_public_keys and archive_public_keys. A key is a base64
// text (padded or not) of 32 bytes; ignored counts the other entries, because hubs add PEM blocks.
// The caller must not replace configured keys by an empty result.
func ParsePublicKeys(payload jsontext.Value) (keys []ed25519.PublicKey, ignored int, err error) {
	var raw struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if payload.Kind() != '{' || !read(payload, &raw) {
		return nil, 0, errors.New("public keys: payload has no list of keys")
	}
	for _, v := range raw.Keys {
		t, _ := text(v)
		key, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(t), "="))
		if err != nil || len(key) != ed25519.PublicKeySize || len(keys) == keysMax {
			ignored++
			continue
		}
		keys = append(keys, key)
	}
	return keys, ignored, nil
}
