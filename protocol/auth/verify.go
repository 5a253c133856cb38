package auth

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/hublink-go/hublink/protocol/etf"
)

// The outcomes of Verify other than success, for errors.Is.
var (
	// ErrRefused is the hub's answer 401.
	ErrRefused = errors.New("refused")
	// ErrExpired is an ErrRefused: the token is older than the greatest age.
	ErrExpired = fmt.Errorf("%w: the signature is too old", ErrRefused)
	// ErrFuture is an ErrRefused: the token was signed later than now.
	ErrFuture = fmt.Errorf("%w: the signature is from the future", ErrRefused)
	// ErrCrashed means that NervesHub raises an exception and answers 503.
	ErrCrashed = errors.New("crashed")
)

const (
	// DefaultMaxAge is the greatest age of a signature in the hub's default configuration.
	DefaultMaxAge = 90 * time.Second
	// AnyAge makes Verify accept every age, including times in the future.
	AnyAge time.Duration = math.MaxInt64

	// MaxIterations and MaxKeyLength bound the work for the headers of an unknown client. NervesHub
	// has no such bounds.
	MaxIterations = 100_000
	// MaxKeyLength is in bytes; see MaxIterations.
	MaxKeyLength = 128
)

// Verify checks the headers of a device as NervesHub does and returns the identifier that they were
// signed with. lookup returns the secret of a key. The caller compares the identifier with the
// device of the key, or finds or creates the product's device.
//
// Errors are ErrRefused (401) or ErrCrashed (503); they never contain a secret or a signature.
func Verify(
	headers Headers,
	lookup func(key string) (secret string, ok bool),
	now time.Time,
	maxAge time.Duration,
) (identifier string, err error) {
	alg, err := parseAlgorithm(headers)
	if err != nil {
		return "", err
	}
	at, err := parseTime(headers)
	if err != nil {
		return "", err
	}
	key, ok := headers.Get(HeaderKey)
	if !ok {
		return "", refuse("no header " + HeaderKey)
	}
	secret, ok := lookup(key)
	if !ok {
		return "", refuse("unknown key")
	}
	token, ok := headers.Get(HeaderSignature)
	if !ok {
		return "", refuse("no header " + HeaderSignature)
	}
	if alg.keyLength == 0 { // NervesHub: PBKDF2 raises no ArgumentError
		return "", fmt.Errorf("%w: key length 0", ErrCrashed)
	}
	derived, err := alg.derive(secret, key, at)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrRefused, err)
	}
	payload, ok := open(derived, token)
	if !ok {
		return "", refuse("wrong signature")
	}
	return judge(payload, now, maxAge)
}

func refuse(reason string) error { return fmt.Errorf("%w: %s", ErrRefused, reason) }

// judge checks a payload with a valid signature: {identifier, signed at in ms, greatest age in s}.
// NervesHub applies its own greatest age to the time in the token and ignores x-nh-time.
func judge(payload []byte, now time.Time, maxAge time.Duration) (string, error) {
	term, err := etf.Decode(payload)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrRefused, err)
	}
	tuple, ok := term.(etf.Tuple)
	if !ok || len(tuple) != 3 {
		return "", fmt.Errorf("%w: token is no tuple of three", ErrCrashed)
	}
	identifier, ok := tuple[0].(etf.Binary)
	signedAt, isInt := tuple[1].(etf.Int)
	if !ok || !isInt {
		return "", fmt.Errorf("%w: token without identifier or time", ErrCrashed)
	}
	if maxAge != AnyAge {
		switch age := now.Sub(time.UnixMilli(int64(signedAt))); {
		case maxAge <= 0 || age > maxAge:
			return "", ErrExpired
		case age < 0:
			return "", ErrFuture
		}
	}
	return string(identifier), nil
}

// parseAlgorithm reads x-nh-alg. The hub must know the digest; the numbers may have a plus sign.
func parseAlgorithm(headers Headers) (algorithm, error) {
	text, _ := headers.Get(HeaderAlg)
	rest, ok := strings.CutPrefix(text, algPrefix)
	fields := strings.Split(rest, "-")
	if !ok || len(fields) != 3 {
		return algorithm{}, refuse(HeaderAlg + " is not NH1-HMAC-digest-iterations-length")
	}
	a := algorithm{text: text, digest: Digest(fields[0])}
	if a.digest.hash() == nil {
		return algorithm{}, refuse(HeaderAlg + " with an unknown digest")
	}
	var err error
	if a.iterations, err = strconv.Atoi(fields[1]); err != nil || a.iterations < 1 ||
		a.iterations > MaxIterations {
		return algorithm{}, refuse(HeaderAlg + " with an impossible number of iterations")
	}
	if a.keyLength, err = strconv.Atoi(fields[2]); err != nil || a.keyLength > MaxKeyLength {
		return algorithm{}, refuse(HeaderAlg + " with an impossible key length")
	}
	return a, nil
}

// parseTime returns the number in x-nh-time as the hub prints it for the salt: without plus sign
// and leading zeros, of any length.
func parseTime(headers Headers) (string, error) {
	text, ok := headers.Get(HeaderTime)
	if !ok { // NervesHub: parsing nil raises an exception
		return "", fmt.Errorf("%w: no header %s", ErrCrashed, HeaderTime)
	}
	digits, sign := strings.TrimPrefix(text, "+"), ""
	if strings.HasPrefix(text, "-") {
		digits, sign = text[1:], "-"
	}
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return "", refuse(HeaderTime + " is not a number")
	}
	if digits = strings.TrimLeft(digits, "0"); digits == "" {
		return "0", nil
	}
	return sign + digits, nil
}
