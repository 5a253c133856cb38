package natsbus

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"
)

// startWithin bounds the start of an embedded server. The number is ours.
const startWithin = 10 * time.Second

// routeUser is the user name that goes with the secret of embedded servers.
const routeUser = "hublink"

// embed starts a server inside this process and returns it with the token that its clients need.
func embed(
	ctx context.Context,
	cfg Config,
	log zerolog.Logger,
) (srv *natsserver.Server, token string, err error) {
	token = rand.Text()
	opts := &natsserver.Options{
		DontListen: true, NoSigs: true, Authorization: token,
		MaxPayload: int32(cfg.MaxMessage), //nolint:gosec // Config bounds it
		// the port for clients, which NATS opens only together with the one for servers
		Host: "127.0.0.1", Port: natsserver.RANDOM_PORT,
	}
	if cfg.Listen != "" {
		opts.DontListen = false // NATS opens the port for servers only together with the one for clients
		if err := cluster(opts, cfg); err != nil {
			return nil, "", err
		}
	}
	srv, err = natsserver.NewServer(opts)
	if err != nil {
		return nil, "", err
	}
	l := &logger{log: log, secrets: []string{token}}
	if cfg.Secret != "" {
		l.secrets = append(l.secrets, cfg.Secret, url.QueryEscape(cfg.Secret), url.PathEscape(cfg.Secret))
	}
	srv.SetLoggerV2(l, false, false, false)
	srv.Start()
	wait := startWithin
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline))
	}
	if !ready(srv, l, wait) {
		srv.Shutdown()
		srv.WaitForShutdown()
		return nil, "", errors.New(cmp.Or(l.failure(), fmt.Sprintf("has not started within %s", wait)))
	}
	return srv, token, nil
}

// ready reports whether srv accepts connections within wait. It waits in steps, because
// ReadyForConnections does not return early when srv fails to open its port.
func ready(srv *natsserver.Server, l *logger, wait time.Duration) bool {
	for end := time.Now().Add(wait); time.Now().Before(end) && l.failure() == ""; {
		if srv.ReadyForConnections(100 * time.Millisecond) {
			return true
		}
	}
	return false
}

// cluster sets the options with which embedded servers find each other.
func cluster(opts *natsserver.Options, cfg Config) error {
	host, port, err := hostPort(cfg.Listen)
	if err != nil {
		return err
	}
	if port == 0 {
		port = natsserver.RANDOM_PORT
	}
	opts.Cluster = natsserver.ClusterOpts{
		Name:      cfg.Name,
		Host:      cmp.Or(host, "0.0.0.0"),
		Port:      port,
		TLSConfig: cfg.TLS,
	}
	if cfg.TLS != nil {
		opts.Cluster.TLSTimeout = 5
	}
	var user *url.Userinfo
	if cfg.Secret != "" {
		opts.Cluster.Username, opts.Cluster.Password = routeUser, cfg.Secret
		user = url.UserPassword(routeUser, cfg.Secret)
	}
	for _, r := range cfg.Routes {
		opts.Routes = append(opts.Routes, &url.URL{Scheme: "nats-route", Host: r, User: user})
	}
	return nil
}

// logger writes the log of the embedded server to log, without secrets.
type logger struct {
	log     zerolog.Logger
	secrets []string

	mu    sync.Mutex
	fatal string
}

func (l *logger) failure() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}

func (l *logger) write(level zerolog.Level, format string, args []any) string {
	text := fmt.Sprintf(format, args...)
	for _, s := range l.secrets {
		text = strings.ReplaceAll(text, s, "***")
	}
	l.log.WithLevel(level).Str("said", text).Msg("embedded NATS server")
	return text
}

// Noticef, Warnf, Errorf, Fatalf, Debugf and Tracef implement the logger of the NATS server. Errors
// are logged as warnings: they tell of other servers that come and go.
func (l *logger) Noticef(format string, args ...any) { l.write(zerolog.DebugLevel, format, args) }
func (l *logger) Warnf(format string, args ...any)   { l.write(zerolog.WarnLevel, format, args) }
func (l *logger) Errorf(format string, args ...any)  { l.write(zerolog.WarnLevel, format, args) }
func (l *logger) Debugf(format string, args ...any)  { l.write(zerolog.DebugLevel, format, args) }
func (l *logger) Tracef(format string, args ...any)  { l.write(zerolog.TraceLevel, format, args) }
func (l *logger) Fatalf(format string, args ...any) {
	text := l.write(zerolog.ErrorLevel, format, args)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fatal = cmp.Or(l.fatal, text)
}
