package natsbus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/fedecks/server"
)

// Bus is a connection to NATS, and the embedded server if there is one. All methods may be called
// from any goroutine.
type Bus struct {
	subject string
	nc      *nats.Conn
	srv     *natsserver.Server // nil: an external one
	log     zerolog.Logger
}

var _ server.Bus = (*Bus)(nil)

// Open starts the embedded server, unless cfg has a URL, and connects. An external server that
// cannot be reached is no error: the bus tries it until Close.
func Open(ctx context.Context, cfg Config) (*Bus, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	b := &Bus{
		subject: "hublink.fedecks." + cfg.Name + ".",
		log:     cfg.Logger.With().Str("actor", "natsbus").Logger(),
	}
	opts := []nats.Option{
		nats.Name("hublink fedecks"), nats.MaxReconnects(-1), nats.ReconnectWait(time.Second),
		nats.RetryOnFailedConnect(true),
		nats.ReconnectBufSize(-1), // a message that cannot be sent now is never sent
		nats.PingInterval(10 * time.Second), nats.MaxPingsOutstanding(2),
		nats.ConnectHandler(func(*nats.Conn) { b.log.Info().Msg("connected to NATS") }),
		nats.ReconnectHandler(func(*nats.Conn) { b.log.Info().Msg("connected to NATS again") }),
		nats.DisconnectErrHandler(func(nc *nats.Conn, err error) {
			if !nc.IsClosed() {
				b.log.Warn().Err(err).
					Msg("connection to NATS is lost, other nodes cannot be reached; connecting again")
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			b.log.Warn().Err(err).Msg("NATS dropped or refused messages")
		}),
	}
	url := cfg.URL
	if url == "" {
		var token string
		b.srv, token, err = embed(ctx, cfg, b.log)
		if err != nil {
			return nil, fmt.Errorf("nats bus: embedded server: %w", err)
		}
		opts = append(opts, nats.InProcessServer(b.srv), nats.Token(token))
	} else {
		if cfg.TLS != nil {
			opts = append(opts, nats.Secure(cfg.TLS))
		}
		if cfg.Credentials != "" {
			opts = append(opts, nats.UserCredentials(cfg.Credentials))
		}
	}
	b.nc, err = nats.Connect(url, opts...)
	if err != nil {
		b.stop()
		return nil, fmt.Errorf("nats bus: connect: %w", err)
	}
	if !b.nc.IsConnected() {
		b.log.Warn().Err(b.nc.LastError()).
			Msg("NATS cannot be reached, trying again every second; check URL and network")
	}
	return b, nil
}

// Close leaves NATS and stops the embedded server. It is idempotent.
func (b *Bus) Close() error {
	b.nc.Close()
	b.stop()
	return nil
}

func (b *Bus) stop() {
	if b.srv != nil {
		b.srv.Shutdown()
		b.srv.WaitForShutdown()
	}
}

// Addr returns the host:port at which the embedded server listens for others, "" without one.
func (b *Bus) Addr() string {
	if b.srv != nil {
		if addr := b.srv.ClusterAddr(); addr != nil {
			return addr.String()
		}
	}
	return ""
}

// Subjects below the subject of the cluster.
const (
	toAll  = "all"
	toNode = "node."
)

// Publish sends data to a node, or to all when to is empty. It returns server.ErrTooLarge,
// server.ErrBusDown, or an error of NATS.
func (b *Bus) Publish(to string, data []byte) error {
	subject := b.subject + toAll
	if to != "" {
		if !server.ValidNode(to) {
			return fmt.Errorf("publish to %q: %w", to, server.ErrNodeName)
		}
		subject = b.subject + toNode + to
	}
	if !b.nc.IsConnected() {
		return fmt.Errorf("publish: %w to NATS", server.ErrBusDown)
	}
	err := b.nc.Publish(subject, data)
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("publish %d bytes: %w: %d", len(data), server.ErrTooLarge, b.nc.MaxPayload())
	case errors.Is(err, nats.ErrReconnectBufExceeded),
		errors.Is(err, nats.ErrConnectionClosed),
		errors.Is(err, nats.ErrDisconnected):
		return fmt.Errorf("publish: %w to NATS", server.ErrBusDown)
	case err != nil:
		return fmt.Errorf("publish to NATS: %w", err)
	}
	return nil
}

// Join subscribes to the messages for all nodes and for node.
func (b *Bus) Join(node string, receive func(data []byte)) (leave func(), err error) {
	if !server.ValidNode(node) {
		return nil, fmt.Errorf("join as %q: %w", node, server.ErrNodeName)
	}
	mine := toNode + node
	sub, err := b.nc.Subscribe(b.subject+">", func(m *nats.Msg) {
		if rest := strings.TrimPrefix(m.Subject, b.subject); rest == toAll || rest == mine {
			receive(m.Data)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("join as %q: %w", node, err)
	}
	return func() {
		_ = sub.Unsubscribe() // fails when the connection is closed, and the subscription with it
	}, nil
}
