package fedecks

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hublink-go/hublink/protocol/etf"
)

// Reasons for which a token is refused. Errors contain no token.
var (
	ErrTokenInvalid = errors.New("token is not one of ours")
	ErrTokenExpired = errors.New("token has expired")
)

const (
	keyRounds  = 1000
	keyLength  = 32
	legacyLife = 86_400 * time.Second // of payloads without a lifetime
)

// Keyring makes and opens tokens. It is immutable and safe for concurrent use.
type Keyring struct{ keys [][]byte }

// NewKeyring derives a key from each secret, which takes about half a millisecond. The first secret
// makes tokens, all of them open tokens. To rotate secrets, put the new one first, and remove the
// old one when its tokens have expired.
func NewKeyring(salt string, secrets ...string) (*Keyring, error) {
	if salt == "" || len(secrets) == 0 {
		return nil, errors.New("keyring: a salt and at least one secret are needed")
	}
	k := &Keyring{keys: make([][]byte, 0, len(secrets))}
	for i, secret := range secrets {
		if secret == "" {
			return nil, fmt.Errorf("keyring: secret %d is empty", i+1)
		}
		key, err := pbkdf2.Key(sha256.New, secret, []byte(salt), keyRounds, keyLength)
		if err != nil {
			return nil, fmt.Errorf("keyring: secret %d: %w", i+1, err)
		}
		k.keys = append(k.keys, key)
	}
	return k, nil
}

// Seal returns a token for device that expires life after now, in whole seconds. random must be
// crypto/rand.Reader outside of tests.
func (k *Keyring) Seal(
	random io.Reader,
	device string,
	now time.Time,
	life time.Duration,
) (string, error) {
	payload, err := etf.Encode(
		etf.Tuple{etf.Binary(device), etf.Int(now.UnixMilli()), etf.Int(life / time.Second)},
	)
	if err != nil {
		return "", fmt.Errorf("make token: %w", err)
	}
	return sealXCP(k.keys[0], payload, random)
}

// Token is the content of a token.
type Token struct {
	Device   string
	SignedAt time.Time // time of Seal, to the millisecond
}

// Open reads a token. Errors are ErrTokenInvalid and ErrTokenExpired. Open accepts a token from the
// future, because clocks differ.
func (k *Keyring) Open(token string, now time.Time) (Token, error) {
	data, signed, err := k.openTerm(token, now)
	if err != nil {
		return Token{}, err
	}
	id, ok := data.(etf.Binary)
	if !ok {
		return Token{}, ErrTokenInvalid
	}
	return Token{Device: string(id), SignedAt: time.UnixMilli(signed)}, nil
}

// openTerm is Open for a token of any term.
func (k *Keyring) openTerm(token string, now time.Time) (data etf.Term, signed int64, err error) {
	for _, key := range k.keys {
		if payload, err := open(key, token); err == nil {
			return judge(payload, now)
		}
	}
	return nil, 0, ErrTokenInvalid
}

// judge reads the payload of a token and applies its lifetime. Older forms are {data, ms} and
// %{data: data, signed: ms}.
func judge(payload []byte, now time.Time) (data etf.Term, signed int64, err error) {
	t, _, err := etf.Decoder{AnyAtom: true, Keep: etf.Pid | etf.Reference}.Decode(payload)
	if err != nil {
		return nil, 0, ErrTokenInvalid
	}
	data, at, life := parts(t)
	millis, isInt := at.(etf.Int)
	lifeMillis, endless, isLife := lifetime(life)
	switch {
	case !isInt || !isLife:
		return nil, 0, ErrTokenInvalid
	case !endless && (lifeMillis <= 0 || int64(millis) < now.UnixMilli()-lifeMillis):
		return nil, 0, ErrTokenExpired
	}
	return data, int64(millis), nil
}

func parts(t etf.Term) (data, signed, life etf.Term) {
	legacy := etf.Int(legacyLife / time.Second)
	switch t := t.(type) {
	case etf.Tuple:
		switch len(t) {
		case 3:
			return t[0], t[1], t[2]
		case 2:
			return t[0], t[1], legacy
		}
	case etf.Map:
		data, _ := t.Get(etf.Atom("data"))
		signed, _ := t.Get(etf.Atom("signed"))
		return data, signed, legacy
	}
	return nil, nil, nil
}

// maxLife keeps the arithmetic in 64 bits.
const maxLife = 1 << 50

// lifetime reads a lifetime in seconds and returns milliseconds without fraction.
func lifetime(t etf.Term) (millis int64, endless, ok bool) {
	switch t := t.(type) {
	case etf.Int:
		return int64(min(max(t, -1), maxLife)) * 1000, false, true
	case etf.Float:
		return int64(min(max(float64(t)*1000, -1), maxLife)), false, true
	case etf.Big:
		return maxLife * int64(t.Int.Sign()), false, true
	case etf.Atom:
		return 0, true, t == "infinity"
	}
	return 0, false, false
}
