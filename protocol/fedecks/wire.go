package fedecks

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/hublink-go/hublink/protocol/etf"
)

// ErrReserved means that a message has the shape of a message of the protocol, and the peer would
// take it as one.
var ErrReserved = errors.New(
	"message is reserved by the protocol: the charlist token_please and pairs tagged token, fedecks_token or fedecks_server_pong cannot be sent",
)

// tokenRequest asks the server for a token.
var tokenRequest = etf.Charlist("token_please")

const tokenTag = "token"

// Codec sets the atoms that a peer may send, see package etf. It refuses funs and ports and keeps
// pids and references as opaque terms.
type Codec struct {
	Atoms   etf.AtomSet
	AnyAtom bool
	Limits  etf.Limits
}

// Decode reads the term of a message. Like the original it ignores octets after the term.
func (c Codec) Decode(data []byte) (etf.Term, error) {
	t, _, err := etf.Decoder{
		Atoms:   c.Atoms,
		AnyAtom: c.AnyAtom,
		Keep:    etf.Pid | etf.Reference,
		Limits:  c.Limits,
	}.Decode(
		data,
	)
	return t, err
}

// Encode returns the octets of a message from a Go value or a term, as etf.Marshal does, or
// ErrReserved.
func Encode(v any) ([]byte, error) {
	t, ok := v.(etf.Term)
	if !ok {
		var err error
		if t, err = etf.From(v); err != nil {
			return nil, err
		}
	}
	if reserved(t) {
		return nil, ErrReserved
	}
	data, err := etf.Encode(t)
	if err != nil {
		return nil, err
	}
	return data, nil
}

// CheckRaw returns an error for octets that are a reserved message.
func CheckRaw(data []byte) error {
	if !looksEncoded(data) {
		return nil
	}
	t, err := Codec{AnyAtom: true}.Decode(data)
	if err == nil && reserved(t) {
		return ErrReserved
	}
	return nil
}

func looksEncoded(data []byte) bool { return len(data) > 0 && data[0] == 131 }

func reserved(t etf.Term) bool {
	if isTokenRequest(t) {
		return true
	}
	pair, ok := t.(etf.Tuple)
	if !ok || len(pair) != 2 {
		return false
	}
	return isCharlist(pair[0], tokenTag) || pair[0] == etf.Atom("fedecks_token") ||
		pair[0] == etf.Atom("fedecks_server_pong")
}

func isTokenRequest(t etf.Term) bool { return isCharlist(t, "token_please") }

func isCharlist(t etf.Term, text string) bool {
	l, ok := t.(etf.List)
	if !ok || len(l) != len(text) {
		return false
	}
	s, ok := l.Octets()
	return ok && s == text
}

// tokenMessage is the server's answer to a token request.
func tokenMessage(token string) ([]byte, error) {
	return etf.Encode(etf.Tuple{etf.Charlist(tokenTag), etf.Binary(token)})
}

// tokenOf returns the token in such an answer. isToken with an empty token means that the message
// has the shape but no binary in it.
func tokenOf(t etf.Term) (token string, isToken bool) {
	pair, ok := t.(etf.Tuple)
	if !ok || len(pair) != 2 || !isCharlist(pair[0], tokenTag) {
		return "", false
	}
	b, _ := pair[1].(etf.Binary)
	return string(b), true
}

// TokenFile returns the content of a token file: the term of the token, as the original writes it.
func TokenFile(token string) ([]byte, error) {
	data, err := etf.Encode(etf.Binary(token))
	if err != nil {
		return nil, fmt.Errorf("token file: %w", err)
	}
	return data, nil
}

// ErrDamagedFile means that a token file has other content.
var ErrDamagedFile = errors.New("token file is damaged")

// maxToken is longer than any token that fits the header.
const maxToken = 4096

// ReadTokenFile returns the token in a file, or "" for the atom nil, which the original writes for
// no token.
func ReadTokenFile(data []byte) (string, error) {
	t, used, err := etf.Decoder{Limits: etf.Limits{Bytes: maxToken}}.Decode(data)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrDamagedFile, err)
	}
	if t == etf.Nil {
		return "", nil
	}
	token, ok := t.(etf.Binary)
	switch {
	case !ok || len(token) == 0 || used != len(data):
		return "", fmt.Errorf("%w: not one binary", ErrDamagedFile)
	case bytes.IndexFunc(token, notTokenRune) >= 0:
		return "", fmt.Errorf("%w: characters that no token has", ErrDamagedFile)
	}
	return string(token), nil
}

func notTokenRune(r rune) bool { return r <= ' ' || r >= 0x7f }
