package auth

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"strings"
)

// Digest is the name of the hash of PBKDF2 in x-nh-alg. The hub ignores its case but puts it into
// the salt unchanged.
type Digest string

// The digests that a device may sign with.
const (
	SHA224 Digest = "sha224"
	SHA256 Digest = "sha256"
	SHA384 Digest = "sha384"
	SHA512 Digest = "sha512"
)

// sha1Name is a digest that the hub accepts; SharedSecret does not sign with it.
const sha1Name Digest = "sha"

func (d Digest) lower() Digest { return Digest(strings.ToLower(string(d))) }

// hash returns the hash, or nil.
func (d Digest) hash() func() hash.Hash {
	switch d.lower() {
	case sha1Name:
		return sha1.New
	case SHA224:
		return sha256.New224
	case SHA256:
		return sha256.New
	case SHA384:
		return sha512.New384
	case SHA512:
		return sha512.New
	}
	return nil
}

const algPrefix = "NH1-HMAC-"

// algorithm is a parsed x-nh-alg: NH1-HMAC-<digest>-<iterations>-<key length>.
type algorithm struct {
	text       string // unchanged, for the salt
	digest     Digest
	iterations int
	keyLength  int
}

// derive returns the key of the token's HMAC. The salt of NervesHub has five lines, each with a
// line feed; at is the number of x-nh-time in decimal.
func (a algorithm) derive(secret, key, at string) ([]byte, error) {
	salt := "NH1:device-socket:shared-secret:connect\n\n" +
		HeaderAlg + "=" + a.text + "\n" +
		HeaderKey + "=" + key + "\n" +
		HeaderTime + "=" + at + "\n"
	derived, err := pbkdf2.Key(a.digest.hash(), secret, []byte(salt), a.iterations, a.keyLength)
	if err != nil {
		return nil, fmt.Errorf("derive key for %s: %w", a.text, err)
	}
	return derived, nil
}

// macs are the first parts of a token (base64url of HS256, HS384, HS512) and their hashes.
// Plug.Crypto.MessageVerifier signs with HS256 for every digest of the key.
var macs = map[string]func() hash.Hash{
	protected: sha256.New,
	"SFMzODQ": sha512.New384,
	"SFM1MTI": sha512.New,
}

const protected = "SFMyNTY"

// seal returns the token of a payload.
func seal(key, payload []byte) string {
	signed := protected + "." + base64.RawURLEncoding.EncodeToString(payload)
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac(sha256.New, key, signed))
}

// open returns the payload of a token that this key sealed.
func open(key []byte, token string) ([]byte, bool) {
	signed, signature, payload, ok := split(token)
	if !ok {
		return nil, false
	}
	h, ok := macs[strings.TrimRight(token[:strings.IndexByte(token, '.')], "=")]
	if !ok || !hmac.Equal(signature, mac(h, key, signed)) {
		return nil, false
	}
	return payload, true
}

// split returns the first two parts of a token as text, and the decoded third and second part.
func split(token string) (signed string, signature, payload []byte, ok bool) {
	parts := strings.SplitN(token, ".", 3)
	if len(parts) != 3 {
		return "", nil, nil, false
	}
	payload, ok = decode64(parts[1])
	if !ok {
		return "", nil, nil, false
	}
	signature, ok = decode64(parts[2])
	return parts[0] + "." + parts[1], signature, payload, ok
}

// decode64 decodes base64url with or without padding, as Elixir's Base does with padding: false. It
// refuses line breaks, which Go's decoder skips.
func decode64(text string) ([]byte, bool) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	encoding := base64.RawURLEncoding
	if strings.HasSuffix(text, "=") {
		encoding = base64.URLEncoding
	}
	b, err := encoding.DecodeString(text)
	return b, err == nil
}

func mac(h func() hash.Hash, key []byte, text string) []byte {
	m := hmac.New(h, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}
