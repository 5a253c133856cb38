package auth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

var secret = SharedSecret{Key: "nhp_abc123", Secret: "s3cret-value", Identifier: "my-device"}

// The protocol description's own vectors, computed apart from the hub's code.
func TestSign(t *testing.T) {
	const payload = "SFMyNTY.g2gDbQAAAAlteS1kZXZpY2VuBgAQ9bMYoAFiAAFRgA."
	for digest, mac := range map[Digest]string{
		"": "Kzk1TAVMDm7D7CWWnFSR2AIxgZNLWPjSKtTJmuDLnBA",
		// the ESP32 client writes it so, and the case is part of the salt
		"SHA256": "9qXfZC7_ENQyT5_LZc6LsXd_uEoUB2V-IZDqcmNd7gQ",
	} {
		s := secret
		s.Digest = digest
		headers, err := s.Sign(time.Unix(1787120842, 0))
		require.NoError(t, err)
		got, _ := headers.Get("X-NH-Signature")
		require.Equal(t, payload+mac, got)
	}
}

func TestSignRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*SharedSecret)
		at     int64
		want   string
	}{
		"unset clock":          {func(*SharedSecret) {}, -1, "Clock.Now"},
		"no key":               {func(s *SharedSecret) { s.Key = "" }, 1, "key is empty"},
		"key with a line feed": {func(s *SharedSecret) { s.Key += "\nx" }, 1, "white space"},
		"secret copied with it": {
			func(s *SharedSecret) { s.Secret += "\n" }, 1,
			"secret contains white space",
		},
		"no identifier": {func(s *SharedSecret) { s.Identifier = "" }, 1, "identifier is empty"},
		"endless identifier": {
			func(s *SharedSecret) { s.Identifier = strings.Repeat("x", 1025) }, 1,
			"at most 1024",
		},
		"identifier in Latin-1": {func(s *SharedSecret) { s.Identifier = "\xe9" }, 1, "UTF-8"},
		"SHA-1":                 {func(s *SharedSecret) { s.Digest = "sha" }, 1, "use sha224"},
		"unknown digest":        {func(s *SharedSecret) { s.Digest = "md5" }, 1, "use sha224"},
		"iterations":            {func(s *SharedSecret) { s.Iterations = -1 }, 1, "iterations"},
		"too many iterations": {
			func(s *SharedSecret) { s.Iterations = MaxIterations + 1 }, 1,
			"iterations",
		},
		"key length": {
			func(s *SharedSecret) { s.KeyLength = MaxKeyLength + 1 }, 1,
			"key length",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := secret
			tc.change(&s)
			_, err := s.Sign(time.Unix(tc.at, 0))
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), secret.Secret)
		})
	}
}

func TestVerifyHostile(t *testing.T) {
	lookup := secrets(map[string]string{"nhp_x": "s"})
	now := time.Unix(1_790_000_000, 0)
	good := forge(t, now, tokenOf(t, now.UnixMilli()))
	with := func(name, value string) Headers {
		hs := append(Headers{}, good...)
		for i := range hs {
			if hs[i].Name == name {
				hs[i].Value = value
			}
		}
		return hs
	}
	for name, tc := range map[string]struct {
		headers Headers
		want    error
	}{
		"nothing":            {nil, ErrRefused},
		"no signature":       {good[:3], ErrRefused},
		"endless iterations": {with(HeaderAlg, "NH1-HMAC-sha256-4000000000-32"), ErrRefused},
		"iterations beyond an int": {
			with(HeaderAlg, "NH1-HMAC-sha256-99999999999999999999-32"),
			ErrRefused,
		},
		"no iterations":               {with(HeaderAlg, "NH1-HMAC-sha256-0-32"), ErrRefused},
		"endless key":                 {with(HeaderAlg, "NH1-HMAC-sha256-1-4294967295"), ErrRefused},
		"minus nothing":               {with(HeaderTime, "-"), ErrRefused},
		"line break in the signature": {with(HeaderSignature, good[3].Value+"\n"), ErrRefused},
		"payload is no term":          {forge(t, now, []byte("junk")), ErrRefused},
		"payload with a fun": {
			forge(t, now, []byte("\x83q\x77\x01a\x77\x01ba\x00")),
			ErrRefused,
		},
		"signed by the owner, other form": {forge(t, now, []byte{131, 97, 1}), ErrCrashed},
		"identifier is a number": {
			forge(t, now, []byte("\x83h\x03a\x01a\x01a\x01")),
			ErrCrashed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Verify(tc.headers, lookup, now, DefaultMaxAge)
			require.ErrorIs(t, err, tc.want)
			require.Empty(t, got)
		})
	}
	_, err := Verify(good, lookup, now, 0)
	require.ErrorIs(t, err, ErrExpired, "as Plug.Crypto: a greatest age of nothing is always over")
}

func TestNothingPrintsTheSecret(t *testing.T) {
	headers, err := secret.Sign(time.Unix(1787120842, 0))
	require.NoError(t, err)
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+verb+verb+verb, secret, &secret, headers, struct{ S SharedSecret }{secret})
	}
	for _, v := range []any{secret, &secret, headers, map[string]any{"s": secret}} {
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		l := zerolog.New(&out)
		l.Info().Interface("v", v).Msg("x")
		require.NoError(t, json.NewEncoder(&out).Encode(v))
	}
	require.Contains(t, out.String(), secret.Key, "something was printed")
	require.NotContains(t, out.String(), secret.Secret)
	require.NotContains(t, out.String(), fmt.Sprintf("%x", secret.Secret))
	require.NotContains(t, out.String(), strings.SplitN(headers[3].Value, ".", 3)[2])
}

func FuzzVerify(f *testing.F) {
	f.Add(
		"NH1-HMAC-sha256-1-32",
		"1",
		"SFMyNTY.g2gDbQAAAAhkZXZpY2UtMW4GAABo5c-LAWIAAVGA.w79voEEj5CDgqRV2cNwXyPUAqlhZXyOuo37pTPBLWQo",
	)
	f.Add("NH1-HMAC-SHA-+1-0", "+00", "..")
	f.Fuzz(func(t *testing.T, alg, at, signature string) {
		if a, err := parseAlgorithm(Headers{{HeaderAlg, alg}}); err == nil && a.iterations > 10 {
			t.Skip("only slow")
		}
		hs := Headers{{HeaderAlg, alg}, {HeaderKey, "k"}, {HeaderTime, at}, {HeaderSignature, signature}}
		if id, err := Verify(hs, secrets(map[string]string{"k": "not guessed by a fuzzer"}),
			time.Unix(1, 0), AnyAge); err == nil {
			t.Fatalf("a forged signature was taken for %q", id)
		}
	})
}

// Nearly all of it is PBKDF2 (see BenchmarkDerive), which the protocol asks for at every attempt to
// connect.
func BenchmarkSign(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := secret.Sign(time.Unix(1787120842, 0)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDerive(b *testing.B) {
	b.ReportAllocs()
	alg := algorithm{text: "NH1-HMAC-sha256-1000-32", digest: SHA256, iterations: 1000, keyLength: 32}
	for b.Loop() {
		if _, err := alg.derive(secret.Secret, secret.Key, "1787120842"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	headers, err := secret.Sign(time.Unix(1787120842, 0))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Verify(headers, secrets(map[string]string{secret.Key: secret.Secret}),
			time.Unix(1787120842, 0), DefaultMaxAge); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleSharedSecret_Sign() {
	s := SharedSecret{Key: "nhp_abc123", Secret: "s3cret-value", Identifier: "my-device"}
	headers, err := s.Sign(
		time.Unix(1787120842, 0),
	) // clock.Now(time.Now()), at the moment of dialling
	for _, h := range headers {
		fmt.Println(h) // what is sent is h.Name and h.Value
	}
	fmt.Println(err)
	// Output:
	// x-nh-alg: NH1-HMAC-sha256-1000-32
	// x-nh-key: nhp_abc123
	// x-nh-time: 1787120842
	// x-nh-signature: [signature]
	// <nil>
}
