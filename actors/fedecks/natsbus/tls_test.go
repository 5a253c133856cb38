package natsbus_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/fedecks/natsbus"
	"github.com/hublink-go/hublink/actors/fedecks/server"
	"github.com/hublink-go/hublink/actors/fedecks/server/bustest"
)

// identity is a certificate for both roles, and the pool that trusts it.
func identity(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(
			1,
		), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{
		Certificates: []tls.Certificate{
			{Certificate: [][]byte{der}, PrivateKey: key},
		}, MinVersion: tls.VersionTLS12,
		RootCAs: pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}
}

func TestTLSBetweenEmbeddedServers(t *testing.T) {
	id := identity(t)
	first := open(t, natsbus.Config{Listen: "127.0.0.1:0", TLS: id})
	all := []*natsbus.Bus{first}
	for range 2 {
		all = append(
			all,
			open(t, natsbus.Config{Listen: "127.0.0.1:0", TLS: id, Routes: []string{first.Addr()}}),
		)
	}
	stranger := open(
		t,
		natsbus.Config{Listen: "127.0.0.1:0", TLS: identity(t), Routes: []string{first.Addr()}},
	)
	got := make(chan []byte, 100_000)
	leave, err := stranger.Join("stranger", func(data []byte) { got <- data })
	require.NoError(t, err)
	defer leave()
	bustest.Run(
		t,
		bustest.Options{
			Open:   func(_ *testing.T, node int) server.Bus { return all[node] },
			Max:    8 << 20,
			Within: within,
		},
	)
	require.Empty(t, got, "nothing goes to who has another certificate")
	_, err = natsbus.Open(
		t.Context(),
		natsbus.Config{Listen: ":0", TLS: &tls.Config{MinVersion: tls.VersionTLS12}},
	)
	require.ErrorContains(t, err, "verifies client certificates")
}

func TestTLSToAnExternalServer(t *testing.T) {
	id := identity(t)
	_, url := external(t, natsserver.Options{TLSConfig: id, TLSVerify: true, TLSTimeout: 5})
	bus := open(t, natsbus.Config{URL: url, TLS: id})
	bustest.Run(
		t,
		bustest.Options{
			Open:   func(*testing.T, int) server.Bus { return bus },
			Max:    1 << 20,
			Within: within,
		},
	)
}
