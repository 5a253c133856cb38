package conformance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/tests/needs"
	"github.com/hublink-go/hublink/tests/output"
)

// nginx is a TLS proxy in front of a hub, in a folder of its own.
type nginx struct {
	t       *testing.T
	dir     string
	Address string // host:port
	Roots   *x509.CertPool
	cmd     *exec.Cmd
	log     *output.Text
}

// site is how people put NervesHub behind nginx, with nothing outside of the folder; each %s is a
// folder, an address, or more directives.
const site = `
daemon off;
user root;
worker_processes 1;
pid %[1]s/pid;
error_log stderr notice;
events { worker_connections 64; }
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server {
		listen %[2]s ssl;
		ssl_certificate %[1]s/cert.pem;
		ssl_certificate_key %[1]s/key.pem;
		location / {
			proxy_pass http://%[3]s;
			proxy_http_version 1.1;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection upgrade;
			proxy_set_header Host $host;
			%[4]s
		}
	}
}
`

// newNginx starts nginx in front of a hub's host:port.
func newNginx(t *testing.T, hub string, directives ...string) *nginx {
	t.Helper()
	needs.Program(t, "nginx", "the agent behind nginx")
	n := &nginx{t: t, dir: t.TempDir(), Address: freeAddress(t), log: &output.Text{}}
	lent := httptest.NewTLSServer(nil) // has a certificate for 127.0.0.1
	lent.Close()
	n.Roots = x509.NewCertPool()
	n.Roots.AddCert(lent.Certificate())
	key, err := x509.MarshalPKCS8PrivateKey(lent.TLS.Certificates[0].PrivateKey)
	require.NoError(t, err)
	n.write("cert.pem",
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: lent.Certificate().Raw}))
	n.write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	n.write("nginx.conf",
		fmt.Appendf(nil, site, n.dir, n.Address, hub, strings.Join(directives, "\n")))
	n.start()
	t.Cleanup(n.stop)
	return n
}

// freeAddress is one of the loopback interface where nothing listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	return ln.Addr().String()
}

func (n *nginx) write(name string, data []byte) {
	n.t.Helper()
	require.NoError(n.t, os.WriteFile(filepath.Join(n.dir, name), data, 0o600))
}

// start returns when it takes connections.
func (n *nginx) start() {
	n.t.Helper()
	n.cmd = exec.Command("nginx", "-p", n.dir, "-c", filepath.Join(n.dir, "nginx.conf"), "-e",
		"stderr")
	n.cmd.Stderr = n.log
	require.NoError(n.t, n.cmd.Start())
	soon, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()
	d := tls.Dialer{Config: &tls.Config{RootCAs: n.Roots, MinVersion: tls.VersionTLS12}}
	for {
		c, err := d.DialContext(soon, "tcp", n.Address)
		if err == nil {
			_ = c.Close()
			return
		}
		require.NoError(n.t, soon.Err(), "nginx does not start: %v\n%s", err, n.log)
	}
}

// stop ends it at once, as a restart of the machine it runs on does.
func (n *nginx) stop() {
	if n.cmd == nil {
		return
	}
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	_ = n.cmd.Wait()
	n.cmd = nil
	if n.t.Failed() {
		n.t.Logf("nginx:\n%s", n.log)
	}
}

// reload makes it read its configuration again, and returns when the workers of the old one have
// been told to go.
func (n *nginx) reload() {
	n.t.Helper()
	require.NoError(n.t, n.cmd.Process.Signal(syscall.SIGHUP))
	require.Eventually(n.t,
		func() bool { return strings.Contains(n.log.String(), "gracefully shutting down") }, patience,
		time.Millisecond)
}
