package fedecks

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/hublink-go/hublink/protocol/etf"
)

// HeaderAuth is the header of the upgrade request with the device's id and its token or
// credentials.
const HeaderAuth = "X-Fedecks-Auth"

// Keys of the map in that header.
const (
	keyDevice = "fedecks-device-id"
	keyToken  = "fedecks-token"
)

const (
	maxHeader   = 1024 // bytes; a longer header is refused
	maxDeviceID = 125  // bytes; the id is the payload of a ping (RFC 6455 section 5.5)
)

// CheckDeviceID returns an error for an id that a device cannot use.
func CheckDeviceID(id string) error {
	if id == "" || len(id) > maxDeviceID {
		return fmt.Errorf(
			"device id of %d octets: it must have 1 to %d, or it could not be pinged with",
			len(id),
			maxDeviceID,
		)
	}
	return nil
}

// LoginHeader returns the header of a login: the credentials and the device's id, which replaces
// one in the credentials.
func LoginHeader(device string, credentials etf.Map) (string, error) {
	all := etf.Map{{Key: etf.Binary(keyDevice), Value: etf.Binary(device)}}
	for _, p := range credentials {
		if key, ok := p.Key.(etf.Binary); ok && (string(key) == keyDevice || string(key) == keyToken) {
			continue
		}
		all = append(all, p)
	}
	return authHeader(all)
}

// TokenHeader returns the header of a device that has a token.
func TokenHeader(device, token string) (string, error) {
	return authHeader(etf.Map{
		{Key: etf.Binary(keyDevice), Value: etf.Binary(device)},
		{Key: etf.Binary(keyToken), Value: etf.Binary(token)},
	})
}

func authHeader(m etf.Map) (string, error) {
	data, err := etf.Encode(m)
	if err != nil {
		return "", fmt.Errorf("credentials: %w", err)
	}
	text := base64.StdEncoding.EncodeToString(data)
	if len(text) >= maxHeader {
		return "", fmt.Errorf(
			"credentials: the header would have %d characters, more than %d; shorten them",
			len(text),
			maxHeader-4,
		)
	}
	return text, nil
}

// Kinds of refusals, named as in the original server.
var (
	ErrAuthHeader     = errors.New("invalid_auth_header")
	ErrAuthentication = errors.New("authentication_failed")
	ErrToken          = errors.New("invalid_token")
)

// Refusal is the reason why a server refuses a device. The device receives the status 403 only.
type Refusal struct {
	Kind   error  // ErrAuthHeader, ErrAuthentication or ErrToken
	Device string // "" means not known
	Info   string // for the log, without secrets
}

func (r *Refusal) Error() string {
	if r.Info == "" {
		return r.Kind.Error()
	}
	return fmt.Sprintf("%v: %s", r.Kind, r.Info)
}

// Unwrap returns the kind.
func (r *Refusal) Unwrap() error { return r.Kind }

// Auth is the content of a header. HasToken decides whether Token or Credentials counts.
type Auth struct {
	Device      string
	HasToken    bool
	Token       string
	Credentials etf.Map // the whole received map
}

// headerLimits bound the cost of an unauthenticated header: compressed, its octets can hold a
// thousand times as much.
var headerLimits = etf.Limits{Inflated: 16 << 10, Elements: 4096, Depth: 64}

// ParseAuth reads the header's values, of which there must be one. The error is a *Refusal of the
// kind ErrAuthHeader, or ErrToken for a token that is not a binary; with ErrToken the Auth has the
// device.
func ParseAuth(values []string, codec Codec) (Auth, error) {
	bad := func(info string) (Auth, error) { return Auth{}, &Refusal{Kind: ErrAuthHeader, Info: info} }
	switch {
	case len(values) == 0:
		return bad("missing")
	case len(values) > 1:
		return bad("more than one header")
	case len(values[0]) >= maxHeader:
		return bad("too long")
	case strings.ContainsAny(values[0], "\r\n"):
		return bad("not base64")
	}
	data, err := base64.StdEncoding.DecodeString(values[0])
	if err != nil {
		return bad("not base64")
	}
	codec.Limits = headerLimits
	t, err := codec.Decode(data)
	if err != nil {
		return bad("encoded binary auth was invalid or unsafe")
	}
	m, ok := t.(etf.Map)
	if !ok {
		return bad("not a map")
	}
	id, ok := m.Get(etf.Binary(keyDevice))
	if !ok {
		return bad("no device id")
	}
	device, _ := id.(etf.Binary)
	if CheckDeviceID(string(device)) != nil {
		return bad("device id is not a string of 1 to 125 octets")
	}
	a := Auth{Device: string(device), Credentials: m}
	if token, ok := m.Get(etf.Binary(keyToken)); ok {
		text, isBinary := token.(etf.Binary)
		if !isBinary {
			return Auth{Device: a.Device}, &Refusal{Kind: ErrToken, Device: a.Device, Info: "not a binary"}
		}
		a.HasToken, a.Token = true, string(text)
	}
	return a, nil
}
