package agent

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/cmd/device/internal/config"
	"github.com/hublink-go/hublink/firmware/fetch"
	"github.com/hublink-go/hublink/protocol/auth"
)

// sharedSecret reads the shared secret; nil when there is none.
func sharedSecret(hub *config.Hub, identity string) (*auth.SharedSecret, error) {
	if hub.Secret == nil {
		return nil, nil //nolint:nilnil // no shared secret is a valid configuration
	}
	secret, err := hub.Secret.Read()
	if err != nil {
		return nil, err
	}
	return &auth.SharedSecret{Key: hub.Secret.Key, Secret: secret, Identifier: identity}, nil
}

// certificate returns what reads the client certificate, which it does once to see that it can; nil
// when there is none. Files are read again at every dial, so that a renewed certificate is used
// without a restart.
func certificate(hub *config.Hub) (func() (*tls.Certificate, error), error) {
	if hub.Certificate == nil {
		return nil, nil
	}
	files := *hub.Certificate
	load := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(files.CertFile, files.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("hub.certificate: cert_file %s with key_file %s: %w", files.CertFile,
				files.KeyFile, err)
		}
		return &pair, nil
	}
	_, err := load()
	return load, err
}

// proxy chooses the proxy: that of the configuration, or else what HTTPS_PROXY, HTTP_PROXY and
// NO_PROXY say.
func proxy(hub *config.Hub) actors.ProxyFunc {
	switch u, err := hub.ProxyURL(); {
	case err != nil || hub.Proxy == config.NoProxy: // the file has been checked
		return nil
	case u == nil:
		return func(target *url.URL) (*url.URL,
			error,
		) {
			return http.ProxyFromEnvironment(&http.Request{URL: target})
		}
	default:
		return func(*url.URL) (*url.URL, error) { return u, nil }
	}
}

// downloads returns the client for a download by hand. It trusts what the socket trusts.
func downloads(file *config.File, security *tls.Config) *http.Client {
	security = security.Clone()
	security.ServerName = "" // firmware may come from another host
	through := proxy(&file.Hub)
	return &http.Client{Transport: fetch.NewTransport(security,
		func(r *http.Request) (*url.URL, error) {
			if through == nil {
				return nil, nil //nolint:nilnil // no proxy
			}
			return through(r.URL)
		})}
}

// network is how the first dial sees that there is a network; nil: it does not look.
func network(hub *config.Hub) actors.NetworkProbe {
	if hub.WaitForNetwork != nil && !*hub.WaitForNetwork {
		return nil
	}
	return actors.HasRoute
}

// trust is whom the device believes to be the hub.
func trust(hub *config.Hub) (*tls.Config, error) {
	cfg := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         hub.ServerName,
		InsecureSkipVerify: hub.InsecureSkipVerify, //nolint:gosec // for a bench, as its key says
	}
	if hub.CAFile == "" {
		return cfg, nil
	}
	pem, err := os.ReadFile(hub.CAFile)
	if err != nil {
		return nil, fmt.Errorf("hub.ca_file: %w", err)
	}
	cfg.RootCAs = x509.NewCertPool()
	if !cfg.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("hub.ca_file %s: there is no certificate in it: give a PEM file",
			hub.CAFile)
	}
	return cfg, nil
}
