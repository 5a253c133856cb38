package fedecks

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/fedecks/natsbus"
	"github.com/hublink-go/hublink/actors/fedecks/server"
	"github.com/hublink-go/hublink/cmd/sim/internal/report"
	"github.com/hublink-go/hublink/protocol/etf"
	"github.com/hublink-go/hublink/protocol/etf/erltext"
	"github.com/hublink-go/hublink/protocol/fedecks"
)

// Path is where devices connect.
const Path = "/fedecks/websocket"

// stopWithin bounds the end of either command.
const stopWithin = 5 * time.Second

// ServerConfig configures Serve.
type ServerConfig struct {
	Listen             string
	TLS                *tls.Config     // nil: plain
	Username, Password string          // that devices log in with
	Server             server.Config   // its handler, codec and bus are this package's
	NATS               *natsbus.Config // nil: no other servers
	Input              Input
	Out, Err           *report.Printer // what happens, and what is wrong
}

// Serve runs a server until ctx ends, or a person has closed the input.
func Serve(ctx context.Context, cfg ServerConfig) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := console{out: cfg.Out}
	cfg.Server.Handler = c.handler(cfg.Username, cfg.Password)
	cfg.Server.Codec = fedecks.Codec{AnyAtom: true}
	if cfg.NATS != nil {
		bus, failed := natsbus.Open(ctx, *cfg.NATS)
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, bus.Close()) }() // when the server has stopped
		cfg.Server.Cluster.Bus = bus
		if addr := bus.Addr(); addr != "" {
			c.out.Line("other servers: --nats-routes %s", addr)
		}
	}
	srv, err := server.New(cfg.Server)
	if err != nil {
		return err
	}
	srv.WatchPresence(c.presence)
	if err := srv.Start(ctx); err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		err = errors.Join(err, srv.Stop(ctx))
	}()
	var listen net.ListenConfig
	ln, err := listen.Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", cfg.Listen, err)
	}
	scheme := "ws"
	if cfg.TLS != nil {
		scheme, ln = "wss", tls.NewListener(ln, cfg.TLS)
	}
	mux := http.NewServeMux()
	mux.Handle(Path, srv)
	web := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(httpLog{cfg.Server.Logger}, "", 0),
	}
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(ln) }() // until web.Close
	defer func() { _ = web.Close() }()
	c.out.Line("listening on %s://%s%s", scheme, ln.Addr(), Path)
	return c.push(ctx, srv, cfg, ended)
}

// push sends what is typed.
func (c console) push(
	ctx context.Context,
	srv *server.Server,
	cfg ServerConfig,
	ended <-chan error,
) error {
	input := cfg.Input.read(ctx, true)
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			return fmt.Errorf("--listen %s: %w", cfg.Listen, err)
		case t, more := <-input:
			switch {
			case !more && cfg.Input.Terminal:
				return nil
			case !more:
				input = nil
			default:
				deliver(srv, t, cfg.Err)
			}
		}
	}
}

func deliver(srv *server.Server, t typed, complain *report.Printer) {
	err := t.err
	switch {
	case t.hint != "":
		complain.Line("%s", t.hint)
		return
	case err != nil:
	case t.device != "":
		err = srv.Push(t.device, t.term)
	default:
		err = toAll(srv, t.term)
	}
	if err != nil {
		complain.Line("%v", err)
	}
}

// toAll pushes to every device that has been seen to connect. A topic would not do: a connection
// subscribes a moment after it is seen.
func toAll(srv *server.Server, t etf.Term) error {
	all := srv.Presence()
	if len(all) == 0 {
		return errors.New("no device is connected: the term was not sent")
	}
	var errs []error
	for _, p := range all {
		if err := srv.Push(p.Device, t); err != nil &&
			!errors.Is(err, server.ErrOffline) { // that has just gone
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// httpLog takes what the HTTP server says of strangers: that their handshake failed, for one.
type httpLog struct{ zerolog.Logger }

func (l httpLog) Write(line []byte) (int, error) {
	l.Debug().Str("err", strings.TrimSpace(string(line))).Msg("http")
	return len(line), nil
}

// console prints what devices do.
type console struct{ out *report.Printer }

func (c console) handler(username, password string) server.Handler {
	// Hashes have one length, so that comparing them says nothing about the length of what is right.
	digest := func(user, word string) [sha256.Size]byte {
		return sha256.Sum256(fmt.Appendf(nil, "%d %s %s", len(user), user, word))
	}
	want := digest(username, password)
	return server.Handler{
		Authenticate: func(_ context.Context, l server.Login) (bool, error) {
			user, _ := l.Credentials.Text("username")
			word, _ := l.Credentials.Text("password")
			got := digest(user, word)
			return subtle.ConstantTimeCompare(got[:], want[:]) == 1, nil
		},
		HandleIn: func(_ context.Context, s *server.Session, t etf.Term) (server.Answer, error) {
			c.out.Line("%s > %s", plain(s.Device()), erltext.Format(t))
			return server.Answer{}, nil
		},
		HandleRawIn: func(_ context.Context, s *server.Session, data []byte) (server.Answer, error) {
			c.out.Line("%s > no term: %s", plain(s.Device()), erltext.Format(etf.Binary(data)))
			return server.Answer{}, nil
		},
		SocketError: func(_ context.Context, e server.SocketError) {
			who := e.Addr
			if e.Device != "" {
				who = plain(e.Device)
			}
			c.out.Line("%s refused: %q", who, e.Err.Error())
		},
	}
}

func (c console) presence(e server.PresenceEvent) {
	if e.Missed > 0 {
		c.out.Line("%d devices came or went that are not shown", e.Missed)
	}
	what := "disconnected"
	if e.Joined {
		what = "connected"
	}
	if e.Node != "" {
		what += " at " + e.Node
	}
	c.out.Line("%s %s", plain(e.Device), what)
}

// plain is the id of a device as it can be typed, or quoted if it holds what could play with a
// terminal or be taken for more.
func plain(device string) string {
	if word, rest := address(device + " ok."); word == device && rest == "ok." && printable(device) {
		return device
	}
	return erltext.Format(etf.Charlist(device))
}
