package fleet

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"

	"github.com/hublink-go/hublink/protocol/hubtest"
)

// HubConfig says what the hub of a fleet is like.
type HubConfig struct {
	Devices    int  // that will come, for the limit of open files
	TLS        bool // else plain TCP
	Handshakes int  // connections a second, more are cut; zero: no limit
}

// hello is the hub's first line: where it is and how to get in. It carries a secret and goes through a pipe only.
type hello struct {
	URL    string `json:"url"`
	Root   []byte `json:"root,omitempty"` // certificate of its authority, DER
	Key    string `json:"key"`
	Secret string `json:"secret"`
}

// askStats is what the hub is asked with; it answers with a line of hubtest.Stats.
const askStats = "stats"

// ServeHub is the hub's process: it says where the hub is, answers questions, and ends when in does.
func ServeHub(cfg HubConfig, in io.Reader, out io.Writer) error {
	if err := openFiles(cfg.Devices); err != nil {
		return err
	}
	mode := hubtest.Plain
	if cfg.TLS {
		mode = hubtest.TLS
	}
	hub, err := hubtest.Start(hubtest.Config{Mode: mode, HandshakeRate: cfg.Handshakes})
	if err != nil {
		return err
	}
	defer hub.Close()
	secret := hub.Secret("any")
	first := hello{URL: hub.URL(), Key: secret.Key, Secret: secret.Secret}
	if cfg.TLS {
		if first.Root, err = rootOf(hub); err != nil {
			return err
		}
	}
	answer := json.NewEncoder(out)
	if err := answer.Encode(first); err != nil {
		return fmt.Errorf("say where the hub is: %w", err)
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if lines.Text() == askStats {
			if err := answer.Encode(hub.Stats()); err != nil {
				return fmt.Errorf("answer: %w", err)
			}
		}
	}
	return lines.Err()
}

// rootOf finds out whom the hub's certificate is signed by, as a client does.
func rootOf(hub *hubtest.Hub) ([]byte, error) {
	u, err := url.Parse(hub.URL())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), helloWithin)
	defer cancel()
	d := tls.Dialer{Config: &tls.Config{RootCAs: hub.RootCAs(), MinVersion: tls.VersionTLS12}}
	conn, err := d.DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, fmt.Errorf("ask the hub for its certificate: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if secure, ok := conn.(*tls.Conn); ok {
		for _, chain := range secure.ConnectionState().VerifiedChains {
			return chain[len(chain)-1].Raw, nil
		}
	}
	return nil, errors.New("ask the hub for its certificate: it has none")
}
