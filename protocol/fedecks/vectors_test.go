package fedecks

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol/etf"
	"github.com/hublink-go/hublink/tests/golden"
)

type hexBytes []byte

func (h *hexBytes) UnmarshalJSON(data []byte) error {
	var text string
	err := json.Unmarshal(data, &text)
	if err == nil {
		*h, err = hex.DecodeString(text)
	}
	return err
}

// verdict is what the real library said.
type verdict struct {
	OK    bool
	Error string
	Data  hexBytes `json:"data_etf_hex"`
}

// vectorFile has what the three files of this package's family hold; each has some of it.
type vectorFile struct {
	Meta struct {
		MadeAt int64 `json:"made_at_s"`
	}
	Keys []struct {
		Digest     string
		Iterations int
		Length     int
		Key        hexBytes `json:"key_hex"`
		Salt       hexBytes `json:"salt_hex"`
		Secret     hexBytes `json:"secret_hex"`
	} `json:"key_generator"`
	Legacy []struct {
		Name, Token string
		Verify      verdict
	} `json:"legacy_payloads"`
	Boxes    []box `json:"message_encryptor"`
	BadBoxes []box `json:"message_encryptor_bad"`
	Old      []struct {
		Salt, Secret, Token string
		Verdict             verdict `json:"decrypt_by_2_1_1"`
	} `json:"v1_encrypted_tokens"`
	Phoenix []struct {
		Salt      string
		Secret    string `json:"secret_key_base"`
		Encrypted string
		Decrypt   verdict
	} `json:"phoenix_token"`
	Tokens []tokenVector
	Cases  []struct {
		URL, Host, Path, Scheme string
		OK                      bool
		Port                    any
	}
}

type box struct {
	Name, Token, AAD string
	Key              hexBytes `json:"key_hex"`
	Message          hexBytes `json:"message_hex"`
	Nonce            hexBytes `json:"nonce24_hex"`
	Decrypt, Result  verdict
}

type tokenVector struct {
	Salt, Secret, Token string
	Device              *string  `json:"device_id"`
	DeviceTerm          hexBytes `json:"device_id_etf_hex"`
	Expiry              int64    `json:"expiry_secs"`
	Key                 hexBytes `json:"key_hex"`
	Nonce               hexBytes `json:"nonce24_hex"`
	Plain               hexBytes `json:"plaintext_etf_hex"`
	SignedAt            int64    `json:"signed_at_ms"`
	VerifyAt            []struct {
		AtMS   int64 `json:"at_ms"`
		Result string
	} `json:"verify_at"`
}

// vectors reads every vector file of the family.
func vectors(t *testing.T) (all []vectorFile) {
	for _, path := range golden.Files(t, "vectors/fedecks/*.json", "testdata") {
		data := golden.Read(t, path)
		if bytes.Contains(data, []byte("binary_to_term_safe")) ||
			bytes.Contains(data, []byte("compressed_minor2")) {
			continue // terms, which package etf tests
		}
		var f vectorFile
		require.NoError(t, json.Unmarshal(data, &f), path)
		all = append(all, f)
	}
	require.NotEmpty(t, all)
	return all
}

func TestKeysAsPlugCrypto(t *testing.T) {
	n := 0
	for _, f := range vectors(t) {
		for _, v := range f.Keys {
			if v.Digest != "sha256" || v.Iterations != keyRounds || v.Length != keyLength ||
				len(v.Salt) == 0 ||
				len(v.Secret) == 0 {
				continue // Fedecks never derives such ones
			}
			k, err := NewKeyring(string(v.Salt), string(v.Secret))
			require.NoError(t, err)
			require.Equal(t, []byte(v.Key), k.keys[0])
			n++
		}
	}
	require.NotZero(t, n)
}

func TestBoxesAsPlugCrypto(t *testing.T) {
	n := 0
	for _, f := range vectors(t) {
		for _, v := range f.Boxes {
			plain, err := openXCPWith(v.Key, strings.TrimPrefix(v.Token, prefixXCP), []byte(v.AAD))
			require.NoError(t, err)
			require.True(t, bytes.Equal(v.Message, plain))
			_, err = openXCPWith(v.Key, strings.TrimPrefix(v.Token, prefixXCP), []byte(v.AAD+"x"))
			require.ErrorIs(t, err, ErrTokenInvalid, "other additional data")
			if v.AAD == string(aad) {
				token, err := sealXCP(v.Key, v.Message, bytes.NewReader(v.Nonce))
				require.NoError(t, err)
				require.Equal(t, v.Token, token)
			}
			n++
		}
		for _, v := range f.BadBoxes {
			plain, err := open(v.Key, v.Token)
			require.Equal(t, v.Result.OK, err == nil, v.Name)
			if v.Result.OK {
				data, err := etf.Encode(etf.Binary(plain))
				require.NoError(t, err)
				require.Equal(t, []byte(v.Result.Data), data, v.Name)
			}
			n++
		}
	}
	require.NotZero(t, n)
}

// requireVerdict compares what Open gave with what the real library said.
func requireVerdict(t *testing.T, want verdict, got etf.Term, err error) {
	t.Helper()
	switch {
	case want.OK:
		require.NoError(t, err)
		data, err := etf.Encode(got)
		require.NoError(t, err)
		again, _, err := etf.Decoder{AnyAtom: true}.Decode(want.Data)
		require.NoError(t, err)
		wanted, err := etf.Encode(again)
		require.NoError(t, err)
		require.Equal(t, wanted, data)
	case want.Error == "expired":
		require.ErrorIs(t, err, ErrTokenExpired)
	default: // the original raises for some
		require.ErrorIs(t, err, ErrTokenInvalid)
	}
}

func TestOldTokensAsPlugCrypto(t *testing.T) {
	n := 0
	for _, f := range vectors(t) {
		now := time.Unix(f.Meta.MadeAt, 0)
		for _, v := range f.Old {
			k, err := NewKeyring(v.Salt, "another secret", v.Secret)
			require.NoError(t, err)
			got, _, err := k.openTerm(v.Token, now)
			requireVerdict(t, v.Verdict, got, err)
			_, _, err = k.openTerm(v.Token[:len(v.Token)-2]+"AA", now)
			require.ErrorIs(t, err, ErrTokenInvalid, "forged")
			n++
		}
		for _, v := range f.Phoenix {
			k, err := NewKeyring(v.Salt, v.Secret)
			require.NoError(t, err)
			got, _, err := k.openTerm(v.Encrypted, time.UnixMilli(1684152877_000+1))
			requireVerdict(t, v.Decrypt, got, err)
			n++
		}
		for _, v := range f.Legacy {
			payload, err := base64.RawURLEncoding.DecodeString(strings.Split(v.Token, ".")[1])
			require.NoError(t, err)
			got, _, err := judge(payload, now)
			requireVerdict(t, v.Verify, got, err)
			n++
		}
	}
	require.NotZero(t, n)
}

func TestTokensAsFedecks(t *testing.T) {
	n := 0
	for _, f := range vectors(t) {
		for _, v := range f.Tokens {
			k, err := NewKeyring(v.Salt, v.Secret)
			require.NoError(t, err)
			require.Equal(t, []byte(v.Key), k.keys[0])
			for _, at := range v.VerifyAt {
				got, _, err := k.openTerm(v.Token, time.UnixMilli(at.AtMS))
				want := verdict{OK: at.Result == "ok", Error: at.Result, Data: v.DeviceTerm}
				requireVerdict(t, want, got, err)
			}
			if v.Device != nil {
				token, err := k.Seal(
					bytes.NewReader(v.Nonce),
					*v.Device,
					time.UnixMilli(v.SignedAt),
					time.Duration(v.Expiry)*time.Second,
				)
				require.NoError(t, err)
				require.Equal(t, v.Token, token)
			}
			for _, foreign := range [][2]string{{v.Salt + "x", v.Secret}, {v.Salt, v.Secret + "x"}} {
				other, err := NewKeyring(foreign[0], foreign[1])
				require.NoError(t, err)
				_, _, err = other.openTerm(v.Token, time.UnixMilli(v.SignedAt))
				require.ErrorIs(t, err, ErrTokenInvalid)
			}
			n++
		}
	}
	require.NotZero(t, n)
}

// urlDifferences are the addresses that the original takes and this package refuses.
var urlDifferences = map[string]string{
	"ws:foo":    "no host",
	"ws://h:/p": "a colon without a port",
}

func TestURLsAsFedecks(t *testing.T) {
	n := 0
	for _, f := range vectors(t) {
		for _, v := range f.Cases {
			u, err := ParseURL(v.URL)
			n++
			if why, ok := urlDifferences[v.URL]; ok {
				require.Error(t, err, why)
				continue
			}
			require.Equal(t, v.OK, err == nil, "%s: %v", v.URL, err)
			if err != nil {
				continue
			}
			require.Equal(t, v.Host, u.Hostname())
			require.Equal(t, v.Path, u.EscapedPath())
			require.Equal(t, v.Scheme, u.Scheme)
			require.Equal(t, json.Number(u.Port()).String(), jsonNumber(v.Port), v.URL)
		}
	}
	require.NotZero(t, n)
}

func jsonNumber(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func TestRotation(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	random := func() *bytes.Reader { return bytes.NewReader(make([]byte, 24)) }
	before, err := NewKeyring("salt", "old")
	require.NoError(t, err)
	during, err := NewKeyring("salt", "new", "old")
	require.NoError(t, err)
	after, err := NewKeyring("salt", "new")
	require.NoError(t, err)

	token, err := before.Seal(random(), "dev", now, time.Hour)
	require.NoError(t, err)
	old, err := during.Open(token, now)
	require.NoError(t, err)
	require.Equal(t, Token{Device: "dev", SignedAt: now}, old, "the old secret still opens")
	fresh, err := during.Seal(random(), "dev", now, time.Hour)
	require.NoError(t, err)
	_, err = after.Open(fresh, now)
	require.NoError(t, err, "the new secret already seals")
	_, err = after.Open(token, now)
	require.ErrorIs(t, err, ErrTokenInvalid)
	_, err = after.Open(fresh, now.Add(time.Hour+time.Millisecond))
	require.ErrorIs(t, err, ErrTokenExpired)
	_, err = after.Open(fresh, now.Add(time.Hour))
	require.NoError(t, err, "good until the last millisecond")
	_, err = during.Seal(bytes.NewReader(nil), "dev", now, time.Hour)
	require.Error(t, err, "no random bytes, no token")
	for _, secrets := range [][]string{nil, {""}} {
		_, err := NewKeyring("salt", secrets...)
		require.Error(t, err)
	}
}
