package auth

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hublink-go/hublink/protocol/etf"
)

// SharedSecret is a key pair of the hub (a product's, nhp_..., or a device's, nhd_...) and the
// device's identifier. Zero parameters mean those of the NervesHub client: sha256, 1000 iterations,
// a key of 32 bytes.
type SharedSecret struct {
	Key        string // as the hub displays it; sent in a header
	Secret     string // as the hub displays it; never sent
	Identifier string // of the device; a hub may create the device for a product's key

	Digest     Digest // zero: SHA256
	Iterations int    // of PBKDF2; zero: 1000
	KeyLength  int    // bytes; zero: 32
}

const (
	defaultIterations = 1000
	defaultKeyLength  = 32
	maxIdentifier     = 1024 // bytes; NervesHub limits a header to 10,000 bytes
	tokenMaxAge       = 24 * time.Hour
)

// Validate returns every reason for which signing or all connections would fail. The error contains
// no secret.
func (s SharedSecret) Validate() error {
	s = s.withDefaults()
	var errs []error
	for _, text := range []struct{ name, value string }{{"key", s.Key}, {"secret", s.Secret}} {
		switch {
		case text.value == "":
			errs = append(
				errs,
				fmt.Errorf(
					"shared secret: %s is empty: copy it from the hub's settings of the product or device",
					text.name,
				),
			)
		case strings.ContainsFunc(text.value, notPrintable):
			errs = append(
				errs,
				fmt.Errorf(
					"shared secret: %s contains white space or control characters: copy it without them",
					text.name,
				),
			)
		}
	}
	switch {
	case s.Identifier == "":
		errs = append(errs, errors.New("shared secret: device identifier is empty"))
	case len(s.Identifier) > maxIdentifier:
		errs = append(
			errs,
			fmt.Errorf(
				"shared secret: device identifier of %d bytes, at most %d fit",
				len(s.Identifier),
				maxIdentifier,
			),
		)
	case !utf8.ValidString(s.Identifier):
		errs = append(errs, errors.New("shared secret: device identifier is not UTF-8"))
	}
	if h := s.Digest.hash(); h == nil || s.Digest.lower() == sha1Name {
		errs = append(
			errs,
			fmt.Errorf("shared secret: digest %q: use sha224, sha256, sha384 or sha512", s.Digest),
		)
	}
	if s.Iterations < 1 || s.Iterations > MaxIterations {
		errs = append(
			errs,
			fmt.Errorf("shared secret: %d iterations: use 1 to %d", s.Iterations, MaxIterations),
		)
	}
	if s.KeyLength < 1 || s.KeyLength > MaxKeyLength {
		errs = append(
			errs,
			fmt.Errorf("shared secret: key length %d: use 1 to %d bytes", s.KeyLength, MaxKeyLength),
		)
	}
	return errors.Join(errs...)
}

// notPrintable reports whether r cannot be part of a key, which goes into a header and into a line
// of the salt.
func notPrintable(r rune) bool { return r <= ' ' || r >= 0x7f }

func (s SharedSecret) withDefaults() SharedSecret {
	if s.Digest == "" {
		s.Digest = SHA256
	}
	if s.Iterations == 0 {
		s.Iterations = defaultIterations
	}
	if s.KeyLength == 0 {
		s.KeyLength = defaultKeyLength
	}
	return s
}

// Sign returns the headers of one attempt to connect, at the time now (used to the second, since
// 1970). The hub accepts them for 90 seconds.
func (s SharedSecret) Sign(now time.Time) (Headers, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	seconds := now.Unix()
	if seconds < 0 {
		return nil, errors.New("sign: the time is before 1970: use Clock.Now")
	}
	s = s.withDefaults()
	alg := algorithm{digest: s.Digest, iterations: s.Iterations, keyLength: s.KeyLength}
	alg.text = fmt.Sprintf("%s%s-%d-%d", algPrefix, s.Digest, s.Iterations, s.KeyLength)
	at := strconv.FormatInt(seconds, 10)
	key, err := alg.derive(s.Secret, s.Key, at)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	payload, err := etf.Encode(
		etf.Tuple{etf.Binary(s.Identifier), etf.Int(seconds * 1000), etf.Int(tokenMaxAge / time.Second)},
	)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return Headers{
		{Name: HeaderAlg, Value: alg.text},
		{Name: HeaderKey, Value: s.Key},
		{Name: HeaderTime, Value: at},
		{Name: HeaderSignature, Value: seal(key, payload)},
	}, nil
}

// String omits the secret.
func (s SharedSecret) String() string {
	return fmt.Sprintf("shared secret with key %q for %q", s.Key, s.Identifier)
}

// GoString omits the secret from %#v.
func (s SharedSecret) GoString() string { return "auth.SharedSecret{" + s.String() + "}" }

// Format omits the secret for every verb.
func (s SharedSecret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText omits the secret from JSON, which loggers use for unknown types.
func (s SharedSecret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue omits the secret.
func (s SharedSecret) LogValue() slog.Value {
	return slog.GroupValue(slog.String("key", s.Key), slog.String("identifier", s.Identifier))
}
