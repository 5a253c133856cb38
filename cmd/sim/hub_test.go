package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol/auth"
	"github.com/hublink-go/hublink/protocol/transport"
)

func TestHubArguments(t *testing.T) {
	folder := t.TempDir()
	none, text := filepath.Join(folder, "none.pem"), filepath.Join(folder, "text.pem")
	require.NoError(t, os.WriteFile(text, []byte("no PEM"), 0o600))
	for _, row := range []struct{ name, args, want string }{
		{"unknown profile", "--profile 3.0", `no server "3.0": give one of [new snapshot 2.4.0]`},
		{"no port", "--listen localhost", `--listen "localhost": give host:port`},
		{"no operator's port", "--control 4002", `--control "4002": give host:port`},
		{"a device's key", "--key nhd_x", "begins with nhp_"},
		{"empty secret", "--secret=", "--secret is empty"},
		{"no time", "--idle 0s", "--idle 0s: must be positive"},
		{"no time to drain", "--drain-within -1s", "--drain-within -1s: must be positive"},
		{"negative period", "--health-every -1s", "must not be negative"},
		{"no batch", "--drain-batch 0", "--drain-batch must be positive"},
		{"negative rate", "--handshakes-per-s -1", "must not be negative"},
		{"certificate without TLS", "--tls-cert " + none, "need --tls"},
		{"half a pair", "--tls --tls-cert " + none, "go together"},
		{"no such certificate", "--tls --tls-cert " + none + " --tls-key " + none, "no such file"},
		{"no certificate", "--tls --tls-cert " + text + " --tls-key " + text, "--tls-cert, --tls-key:"},
		{"no such authority", "--tls --client-ca " + none, "no such file"},
		{"no authority", "--tls --client-ca " + text, "holds no certificate in PEM"},
		{"people have no certificates", "--tls --web --client-ca " + none, "asks for no certificates"},
		{"extension without a version", "--extension greeter", "give name@version"},
		{"extension of a wrong version", "--extension greeter@1", `"greeter@1": extension greeter, version`},
		{"a port to advertise", "--advertise board.lan:4001", `--advertise "board.lan:4001": give a host`},
		{"no port for downloads", "--downloads localhost", `--downloads "localhost": give host:port`},
		{"argument", "now", "unknown command"},
	} {
		t.Run(row.name, func(t *testing.T) {
			code, out, errOut := sim(t, append([]string{"hub"}, strings.Fields(row.args)...)...)
			require.Equal(t, exitUsage, code, errOut)
			require.Contains(t, errOut, row.want)
			require.Empty(t, out)
		})
	}
}

// An address that is taken is no wrong argument, but a run that failed, and it is said which one.
func TestAddressInUse(t *testing.T) {
	var d net.ListenConfig
	ln, err := d.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	taken := ln.Addr().String()
	for _, args := range [][]string{
		{"--listen", taken, "--control", "127.0.0.1:0"},
		{"--listen", "127.0.0.1:0", "--control", taken},
	} {
		code, _, errOut := sim(t, append([]string{"hub"}, args...)...)
		require.Equal(t, exitFailure, code)
		require.Contains(t, errOut, taken)
		require.Contains(t, errOut, "address already in use")
	}
}

// runHub runs sim hub and gives where it is. stop interrupts it and returns its exit code.
func runHub(t *testing.T, args ...string) (at hubAddress, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	var errOut strings.Builder
	code := make(chan int, 1)
	go func() {
		args := append(
			[]string{"hub", "--json", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"},
			args...)
		code <- run(ctx, args, strings.NewReader(""), in, &errOut)
		_ = in.Close()
	}()
	line, err := bufio.NewReader(out).ReadBytes('\n')
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(line, &at))
	stopped := false
	stop = func() int {
		stopped = true
		cancel()
		c := <-code
		require.Empty(t, errOut.String())
		return c
	}
	t.Cleanup(func() {
		if !stopped {
			require.Equal(t, exitOK, stop())
		}
	})
	return at, stop
}

func dialHub(t *testing.T, at hubAddress, roots *x509.CertPool) transport.Conn {
	t.Helper()
	secret := auth.SharedSecret{Key: at.Key, Secret: at.Secret, Identifier: "dev-1"}
	headers, err := secret.Sign(time.Now())
	require.NoError(t, err)
	u, err := url.Parse(at.URL + "/device-socket/websocket?vsn=2.0.0")
	require.NoError(t, err)
	req := transport.Request{URL: u, Header: http.Header{}}
	for _, h := range headers {
		req.Header.Set(h.Name, h.Value)
	}
	d := &transport.WebSocket{TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	conn, err := d.Dial(t.Context(), req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Abort() })
	return conn
}

func askHub(t *testing.T, u string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u, nil)
	require.NoError(t, err)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(body)
}

func TestHubAsAServer(t *testing.T) {
	at, stop := runHub(t, "--key", "nhp_mine", "--secret", "s", "--profile", "snapshot")
	require.Equal(t, "nhp_mine", at.Key)
	conn := dialHub(t, at, nil)
	require.NoError(t, conn.WriteMessage(transport.Text, []byte(`["1","1","device","phx_join",{}]`)))
	_, answer, err := conn.ReadMessage(nil)
	require.NoError(t, err)
	require.Contains(t, string(answer), `"status":"ok"`)
	require.Contains(
		t,
		askHub(t, at.Control+"/v1/devices"),
		`"id":"dev-1","online":true,"connected":true`,
	)
	require.Contains(
		t,
		askHub(t, at.Control+"/v1/settings"),
		`"profile":"snapshot","handshakes_per_s":100`,
	)
	ended := make(chan error, 1)
	go func() {
		_, _, err := conn.ReadMessage(nil)
		ended <- err
	}()
	require.Equal(t, exitOK, stop())
	var end *transport.CloseError
	require.True(t, errors.As(<-ended, &end))
	require.Equal(t, 1012, end.Code, "as a hub that is being replaced")
}

// Reports are asked for from time to time, of the devices that have the extension attached.
func TestHubAsksForHealth(t *testing.T) {
	at, _ := runHub(t, "--health-every", "10ms")
	conn := dialHub(t, at, nil)
	for _, frame := range []string{
		`["1","1","extensions","phx_join",{"health":"0.0.1"}]`,
		`["1","2","extensions","health:attached",{}]`,
	} {
		require.NoError(t, conn.WriteMessage(transport.Text, []byte(frame)))
	}
	for asked := 0; asked < 3; {
		_, frame, err := conn.ReadMessage(nil)
		require.NoError(t, err)
		if strings.Contains(string(frame), "health:check") {
			asked++
		}
	}
}

// A certificate of one's own is shown to devices, and its authority is for the operator to know.
func TestHubWithACertificate(t *testing.T) {
	cert, key, roots := selfSigned(t)
	at, _ := runHub(t, "--tls", "--tls-cert", cert, "--tls-key", key, "--tls13", "--client-ca", cert)
	require.NotNil(t, dialHub(t, at, roots))
	require.Contains(t, askHub(t, at.Control+"/ca.pem"), "given to it")
}

func selfSigned(t *testing.T) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(
			1,
		), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	folder := t.TempDir()
	cert, key = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	require.NoError(t, os.WriteFile(cert, authority, 0o600))
	require.NoError(t,
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	roots = x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(authority))
	return cert, key, roots
}

// What the hub gives out has the host that devices reach it by, and the port of downloads may be
// chosen.
func TestAdvertise(t *testing.T) {
	at, _ := runHub(t, "--listen", "0.0.0.0:0", "--downloads", "0.0.0.0:0", "--advertise", "localhost",
		"--tls")
	for _, text := range []string{at.URL, at.Downloads} {
		u, err := url.Parse(text)
		require.NoError(t, err)
		require.Equal(t, "localhost", u.Hostname())
		require.NotEmpty(t, u.Port())
	}
	require.True(t, strings.HasPrefix(at.URL, "wss://"), at.URL)
	require.True(t, strings.HasPrefix(at.Downloads, "https://"), at.Downloads)
}
