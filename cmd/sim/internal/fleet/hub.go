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

	"github.com/hublink-go/hublink/cmd/sim/internal/report"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

// HubConfig configures the hub of a fleet.
type HubConfig struct {
	Devices    int    // that will come, for the limit of open files
	TLS        bool   // else plain TCP
	Handshakes int    // connections a second, more are cut; zero: no limit
	Listen     string // host:port; empty: any port of 127.0.0.1
}

// hello is the hub's first line: where it is and how to get in. It carries a secret and goes
// through a pipe only.
type hello struct {
	URL    string `json:"url"`
	Root   []byte `json:"root,omitempty"` // certificate of its authority, DER
	Key    string `json:"key"`
	Secret string `json:"secret"`
	Held   int64  `json:"held"` // before there is a device
}

// What the hub is asked with. It answers with a line of answer.
const (
	askStats   = "stats"
	askHeld    = "held"
	askRestart = "restart" // the answer comes when all sockets are closed with 1012, and is the last
)

// answer of the hub's process.
type answer struct {
	hubtest.Stats
	Busiest int   // most upgrade requests within a second
	Held    int64 // bytes of heap and stacks; asked for with askHeld
}

// ServeHub is the hub's process: it says where the hub is, answers questions, and ends when in does
// or a restart is asked for.
func ServeHub(cfg HubConfig, in io.Reader, out io.Writer) error {
	if err := openFiles(cfg.Devices); err != nil {
		return err
	}
	mode := hubtest.Plain
	if cfg.TLS {
		mode = hubtest.TLS
	}
	hub, err := hubtest.Start(
		hubtest.Config{
			Mode: mode, Listen: cfg.Listen,
			Limits: hubtest.Limits{HandshakeRate: cfg.Handshakes},
		},
	)
	if err != nil {
		return err
	}
	defer hub.Close()
	secret := hub.Secret("any")
	first := hello{URL: hub.URL(), Key: secret.Key, Secret: secret.Secret, Held: report.Held()}
	if cfg.TLS {
		if first.Root, err = rootOf(hub); err != nil {
			return err
		}
	}
	if err := json.NewEncoder(out).Encode(first); err != nil {
		return fmt.Errorf("say where the hub is: %w", err)
	}
	return answerQuestions(hub, in, out)
}

func answerQuestions(hub *hubtest.Hub, in io.Reader, out io.Writer) error {
	var upgrades rush
	done := make(chan struct{})
	defer close(done)
	go upgrades.watch(func() int { return requests(hub.Stats()) }, done)
	answers := json.NewEncoder(out)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		a := answer{}
		switch lines.Text() {
		case askStats:
		case askHeld:
			a.Held = report.Held()
		case askRestart:
			hub.Stop(protocol.CloseServiceRestart)
		default:
			continue
		}
		a.Stats, a.Busiest = hub.Stats(), upgrades.busiest()
		if err := answers.Encode(a); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
		if lines.Text() == askRestart {
			return nil
		}
	}
	return lines.Err()
}

// requests counts the upgrade requests that a hub has seen.
func requests(s hubtest.Stats) int { return s.Upgrades + s.Refused }

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
