package fedecks

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// The two forms of Plug.Crypto.MessageEncryptor: plug_crypto 2.x makes the first and reads both.
const (
	prefixXCP = "XCP."
	prefixGCM = "QTEyOEdDTQ." // base64url of A128GCM
	tagSize   = 16
	gcmNonce  = 12
)

// aad is the additional data that Plug.Crypto.encrypt authenticates in both forms.
var aad = []byte("A128GCM")

var strict64 = base64.RawURLEncoding.Strict()

// sealXCP returns base64url(nonce24 | tag16 | text): XChaCha20-Poly1305 with the tag in front, as
// plug_crypto writes it.
func sealXCP(key, text []byte, random io.Reader) (string, error) {
	box, err := chacha20poly1305.NewX(key)
	if err != nil {
		return "", fmt.Errorf("make token: %w", err)
	}
	var nonce [chacha20poly1305.NonceSizeX]byte
	if _, err := io.ReadFull(random, nonce[:]); err != nil {
		return "", fmt.Errorf("make token: random bytes: %w", err)
	}
	sealed := box.Seal(nil, nonce[:], text, aad)
	cut := len(sealed) - tagSize
	return prefixXCP + strict64.EncodeToString(
		slices.Concat(nonce[:], sealed[cut:], sealed[:cut]),
	), nil
}

// open decrypts a token of either form. The error is always ErrTokenInvalid.
func open(key []byte, token string) ([]byte, error) {
	if body, ok := strings.CutPrefix(token, prefixXCP); ok {
		return openXCP(key, body)
	}
	if body, ok := strings.CutPrefix(token, prefixGCM); ok {
		return openGCM(key, body)
	}
	return nil, ErrTokenInvalid
}

func openXCP(key []byte, body string) ([]byte, error) {
	return openXCPWith(key, body, aad)
}

func openXCPWith(key []byte, body string, extra []byte) ([]byte, error) {
	raw, err := decode64(body)
	if err != nil || len(raw) < chacha20poly1305.NonceSizeX+tagSize {
		return nil, ErrTokenInvalid
	}
	box, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, ErrTokenInvalid
	}
	nonce, rest := raw[:chacha20poly1305.NonceSizeX], raw[chacha20poly1305.NonceSizeX:]
	return unsealed(box, nonce, rest[tagSize:], rest[:tagSize], extra)
}

// openGCM reads wrappedkey.iv.text.tag: a random key of 16 octets encrypts the text, and the
// derived key encrypts that key.
func openGCM(key []byte, body string) ([]byte, error) {
	var part [4][]byte
	fields := strings.Split(body, ".")
	if len(fields) != len(part) {
		return nil, ErrTokenInvalid
	}
	for i, field := range fields {
		var err error
		if part[i], err = decode64(field); err != nil {
			return nil, ErrTokenInvalid
		}
	}
	wrapped, iv, text, tag := part[0], part[1], part[2], part[3]
	if len(wrapped) != 16+tagSize+gcmNonce || len(iv) != gcmNonce || len(tag) != tagSize {
		return nil, ErrTokenInvalid
	}
	outer, err := newGCM(key)
	if err != nil {
		return nil, ErrTokenInvalid
	}
	inner, err := unsealed(outer, wrapped[16+tagSize:], wrapped[:16], wrapped[16:16+tagSize], nil)
	if err != nil {
		return nil, err
	}
	box, err := newGCM(inner)
	if err != nil {
		return nil, ErrTokenInvalid
	}
	return unsealed(box, iv, text, tag, aad)
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func unsealed(box cipher.AEAD, nonce, text, tag, extra []byte) ([]byte, error) {
	plain, err := box.Open(nil, nonce, slices.Concat(text, tag), extra)
	if err != nil {
		return nil, ErrTokenInvalid
	}
	return plain, nil
}

// decode64 decodes base64url without padding. It refuses line ends, which Go's decoder skips.
func decode64(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, ErrTokenInvalid
	}
	return strict64.DecodeString(s)
}
