package auth

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol/etf"
	"github.com/hublink-go/hublink/tests/golden"
)

// vectorFile is what the hub's own code (Plug.Crypto) did with these headers.
type vectorFile struct {
	Accept           []acceptVector
	AcceptedOddities []headerVector `json:"accepted_oddities"`
	Refuse           []headerVector
	Ages             []struct {
		OffsetSeconds int    `json:"offset_seconds"`
		Result        string `json:"result_with_max_age_90"`
	}
	HeaderTime []struct{ Name, Result string } `json:"header_time_vs_token_time"`
}

type acceptVector struct {
	Name          string
	Headers       map[string]string
	IdentifierHex string `json:"identifier_hex"`
	SecretBase64  string `json:"secret_base64"`
	Key           string
	Digest        Digest
	Iterations    int
	KeyLength     int    `json:"key_length"`
	DerivedKeyHex string `json:"derived_key_hex"`
	TermHex       string `json:"term_hex"`
	Time          int64
}

type headerVector struct {
	Name    string
	Headers map[string]string
	Result  string
}

// vectors gives every file of shared-secret vectors.
func vectors(t *testing.T) map[string]vectorFile {
	files := map[string]vectorFile{}
	for _, path := range golden.Files(t, "vectors/nerveshub/*.json", "testdata") {
		var f vectorFile
		if json.Unmarshal(golden.Read(t, path), &f) == nil &&
			len(f.Accept)+len(f.Refuse)+len(f.Ages) > 0 { // else another family's file
			files[path] = f
		}
	}
	require.NotEmpty(t, files, "no vectors found")
	return files
}

func headersOf(m map[string]string) Headers {
	request := map[string][]string{"X-Forwarded-For": {"10.0.0.1"}}
	for k, v := range m {
		request[strings.ToUpper(k)] = []string{v} // as a proxy may spell them
	}
	return HeadersOf(request)
}

func secrets(m map[string]string) func(string) (string, bool) {
	return func(key string) (string, bool) { s, ok := m[key]; return s, ok }
}

// notSigned are the vectors that a hub accepts but a device of ours does not make.
var notSigned = map[string]string{
	"identifier empty":                       "no hub has such a device",
	"sha (SHA-1)":                            "devices sign with SHA-2 only",
	"token signed_at differs from x-nh-time": "one signature has one time",
}

func TestAcceptedByTheRealHub(t *testing.T) {
	for path, file := range vectors(t) {
		for _, v := range file.Accept {
			t.Run(filepath.Base(path)+"/"+v.Name, func(t *testing.T) {
				secret, err := base64.StdEncoding.DecodeString(v.SecretBase64)
				require.NoError(t, err)
				identifier, err := hex.DecodeString(v.IdentifierHex)
				require.NoError(t, err)
				lookup := secrets(map[string]string{v.Key: string(secret)})

				got, err := Verify(headersOf(v.Headers), lookup, time.Unix(1_800_000_000, 0), AnyAge)
				require.NoError(t, err)
				require.Equal(t, string(identifier), got)

				alg, err := parseAlgorithm(headersOf(v.Headers))
				require.NoError(t, err)
				derived, err := alg.derive(string(secret), v.Key, strconv.FormatInt(v.Time, 10))
				require.NoError(t, err)
				require.Equal(t, v.DerivedKeyHex, hex.EncodeToString(derived))

				s := SharedSecret{
					Key: v.Key, Secret: string(secret), Identifier: string(identifier),
					Digest: v.Digest, Iterations: v.Iterations, KeyLength: v.KeyLength,
				}
				signed, err := s.Sign(time.Unix(v.Time, 999))
				if why, ok := notSigned[v.Name]; ok {
					same := err == nil && signed[3].Value == v.Headers[HeaderSignature]
					require.False(t, same, "listed as not signed because %s, but it was", why)
					return
				}
				require.NoError(t, err)
				require.Equal(t, v.Headers, map[string]string{
					HeaderAlg: signed[0].Value, HeaderKey: signed[1].Value, HeaderTime: signed[2].Value,
					HeaderSignature: signed[3].Value,
				}, "byte for byte what the real clients send")
			})
		}
	}
}

func TestOdditiesAndRefusals(t *testing.T) {
	for path, file := range vectors(t) {
		first := file.Accept[0]
		secret, err := base64.StdEncoding.DecodeString(first.SecretBase64)
		require.NoError(t, err)
		lookup := secrets(
			map[string]string{first.Key: string(secret), "nhd_rig_device_key": "another secret"},
		)
		for _, v := range append(file.AcceptedOddities, file.Refuse...) {
			t.Run(filepath.Base(path)+"/"+v.Name, func(t *testing.T) {
				got, err := Verify(headersOf(v.Headers), lookup, time.Unix(first.Time, 0), AnyAge)
				checkResult(t, v.Result, got, err)
				if err != nil {
					require.NotContains(t, err.Error(), string(secret))
				}
			})
		}
	}
}

// checkResult compares with the printed result of the real hub.
func checkResult(t *testing.T, want, got string, err error) {
	t.Helper()
	if identifier, ok := strings.CutPrefix(want, "{:ok, "); ok {
		require.NoError(t, err)
		require.Equal(t, strings.TrimSuffix(identifier, "}"), strconv.Quote(got))
		return
	}
	require.Empty(t, got)
	crashed := strings.HasPrefix(want, "{:crash")
	require.Equal(t, crashed, errors.Is(err, ErrCrashed), "503 or not: %s, got %v", want, err)
	require.Equal(t, !crashed, errors.Is(err, ErrRefused), "401 or not: %s, got %v", want, err)
	require.Equal(t, want == "{:error, :expired}", errors.Is(err, ErrExpired), "%s, got %v", want, err)
}

func TestAges(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	for path, file := range vectors(t) {
		for _, v := range file.Ages {
			t.Run(filepath.Base(path)+"/"+strconv.Itoa(v.OffsetSeconds), func(t *testing.T) {
				s := SharedSecret{Key: "nhp_x", Secret: "s", Identifier: "device-1"}
				headers, err := s.Sign(now.Add(time.Duration(v.OffsetSeconds) * time.Second))
				require.NoError(t, err)
				got, err := Verify(headers, secrets(map[string]string{"nhp_x": "s"}), now, DefaultMaxAge)
				checkResult(t, v.Result, got, err)
				require.Equal(t, v.OffsetSeconds > 0, errors.Is(err, ErrFuture))
			})
		}
	}
}

// The time in the header only goes into the salt; the token's own time is judged.
func TestHeaderTimeVersusTokenTime(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	shape := regexp.MustCompile(`^x-nh-time (now|long ago), token signed (now|(\d+) s ago)$`)
	for path, file := range vectors(t) {
		for _, v := range file.HeaderTime {
			t.Run(filepath.Base(path)+"/"+v.Name, func(t *testing.T) {
				m := shape.FindStringSubmatch(v.Name)
				require.NotNil(t, m, "a vector that this test cannot build")
				headerTime, tokenTime := now, now
				if m[1] == "long ago" {
					headerTime = time.Unix(1000, 0)
				}
				if m[3] != "" {
					ago, err := time.ParseDuration(m[3] + "s")
					require.NoError(t, err)
					tokenTime = now.Add(-ago)
				}
				headers := forge(t, headerTime, tokenOf(t, tokenTime.UnixMilli()))
				got, err := Verify(headers, secrets(map[string]string{"nhp_x": "s"}), now, DefaultMaxAge)
				checkResult(t, v.Result, got, err)
			})
		}
	}
}

// forge signs any payload with the right secret.
func forge(t *testing.T, headerTime time.Time, payload []byte) Headers {
	t.Helper()
	hs := Headers{
		{HeaderAlg, "NH1-HMAC-sha256-1000-32"},
		{HeaderKey, "nhp_x"},
		{HeaderTime, strconv.FormatInt(headerTime.Unix(), 10)},
	}
	alg, err := parseAlgorithm(hs)
	require.NoError(t, err)
	key, err := alg.derive("s", hs[1].Value, hs[2].Value)
	require.NoError(t, err)
	return append(hs, Header{HeaderSignature, seal(key, payload)})
}

func tokenOf(t *testing.T, ms int64) []byte {
	t.Helper()
	b, err := etf.Encode(etf.Tuple{etf.Binary("device-1"), etf.Int(ms), etf.Int(86400)})
	require.NoError(t, err)
	return b
}
