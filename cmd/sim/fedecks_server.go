package main

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hublink-go/hublink/actors/fedecks/natsbus"
	"github.com/hublink-go/hublink/actors/fedecks/server"
	"github.com/hublink-go/hublink/cmd/sim/internal/fedecks"
)

// fedecksServerOptions are the flags of sim fedecks server.
type fedecksServerOptions struct {
	listen             string
	username, password string
	secrets            []string
	salt               string
	refresh, expiry    time.Duration
	cert, key          string
	nats               natsbus.Config
	node               string
	verbose            bool
}

func newFedecksServer() *cobra.Command {
	var o fedecksServerOptions
	cmd := &cobra.Command{
		Use:   "server",
		Short: "A Fedecks server that prints what devices send and pushes the terms that are typed",
		Long: `Run a Fedecks server at ` + fedecks.Path + ` until it is interrupted. What devices
do and say goes to standard output, a line each:

  device-1 connected
  device-1 > {temperature,21.5}

A term that is typed, with its full stop, is pushed to all devices, or to the
one whose id stands before it:

  {ok, <<"x">>}.
  device-1 {ok, <<"x">>}.

Servers on several machines are one with --nats-...: a device at one is reached
from all, its newest connection wins, and what is printed of devices that
connect and disconnect is that of all. Either each has a NATS server in it and
is told where another one is, or all are told the URL of one that runs
elsewhere. --secret, --salt, --username and --password have to be the same at
all. On the first and the second machine:

  --node a --nats-listen 10.0.0.1:6222 --nats-secret S
  --node b --nats-listen 10.0.0.2:6222 --nats-secret S --nats-routes 10.0.0.1:6222

A term may go on over several lines; an empty line discards it. Ctrl-D ends the
server; input that is not a terminal may end without that. The environment is
asked for what no flag says: ` + envUsername + `, ` + envPassword + `,
` + envSecret + `, ` + envSalt + `,
` + envNATSURL + `, ` + envNATSSecret + `.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.config(cmd)
			if err != nil {
				return err
			}
			if err := fedecks.Serve(cmd.Context(), cfg); err != nil {
				return failure{error: err}
			}
			return nil
		},
	}
	o.flags(cmd.Flags())
	return cmd
}

func (o *fedecksServerOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.listen, "listen", "127.0.0.1:4000", "address for devices")
	f.StringVar(&o.username, "username", "", "that devices log in with; needed")
	f.StringVar(&o.password, "password", "", "that devices log in with; needed")
	f.StringArrayVar(&o.secrets, "secret", nil,
		"of the tokens; given again: older ones, whose tokens are still taken (default: a random one)")
	f.StringVar(&o.salt, "salt", "hublink", "of the tokens")
	f.DurationVar(&o.refresh, "token-refresh", 3*time.Hour, "how often a device gets a new token")
	f.DurationVar(&o.expiry, "token-expiry", 28*24*time.Hour, "how long a token is good")
	f.StringVar(&o.cert, "tls-cert", "",
		"PEM file with the server's certificate; with --tls-key: wss instead of ws")
	f.StringVar(&o.key, "tls-key", "", "PEM file with its key")
	f.StringVar(&o.nats.URL, "nats-url", "",
		"of the NATS servers over which several Fedecks servers are one")
	f.StringVar(&o.nats.Listen, "nats-listen", "",
		"address for other Fedecks servers: a NATS server in each of them")
	f.StringSliceVar(&o.nats.Routes, "nats-routes", nil,
		"what one or more of the others have as --nats-listen")
	f.StringVar(&o.nats.Secret, "nats-secret", "",
		"that they show each other; needed where --nats-listen is not on loopback")
	f.StringVar(&o.node, "node", "", "name of this one among them (default: a random one)")
	verboseFlag(f, &o.verbose)
}

// config checks the flags and makes a configuration of them.
func (o *fedecksServerOptions) config(cmd *cobra.Command) (fedecks.ServerConfig, error) {
	cfg := fedecks.ServerConfig{Input: terms(cmd), Out: printer(cmd, false), Err: complaints(cmd)}
	err := fromEnv(cmd.Flags(), map[string]string{
		"username": envUsername, "password": envPassword, "secret": envSecret, "salt": envSalt,
		"nats-url": envNATSURL, "nats-secret": envNATSSecret,
	})
	switch {
	case err != nil:
		return cfg, err
	case o.username == "" || o.password == "":
		return cfg, fmt.Errorf("--username and --password are needed, or %s and %s in the environment",
			envUsername, envPassword)
	case o.refresh <= 0 || o.expiry < time.Second:
		return cfg, errors.New("--token-refresh must be positive, --token-expiry a second at least")
	case (o.cert == "") != (o.key == ""):
		return cfg, errors.New("--tls-cert and --tls-key go together")
	}
	if o.cert != "" {
		pair, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return cfg, fmt.Errorf("--tls-cert, --tls-key: %w", err)
		}
		cfg.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	switch many := o.nats.URL != "" || o.nats.Listen != "" || len(o.nats.Routes) > 0; {
	case many && len(o.secrets) == 0:
		return cfg, errors.New(
			"several servers need the same --secret, or a token of one is worth nothing at the others",
		)
	case o.node != "" && !server.ValidNode(o.node):
		return cfg, fmt.Errorf("--node: %w", server.ErrNodeName)
	case many && o.nats.Validate() != nil:
		return cfg, fmt.Errorf("--nats-...: %w", o.nats.Validate())
	case many:
		o.nats.Logger = logger(cmd.ErrOrStderr(), o.verbose)
		cfg.NATS = &o.nats
	case o.node != "":
		return cfg, errors.New("--node is a name among several servers: " +
			"give --nats-listen or --nats-url too")
	}
	if len(o.secrets) == 0 {
		o.secrets = []string{rand.Text()}
		cfg.Err.Line("a random --secret: its tokens end with this server, " +
			"and devices have to log in again")
	}
	cfg.Listen, cfg.Username, cfg.Password = o.listen, o.username, o.password
	cfg.Server = server.Config{
		Secrets: o.secrets, Salt: o.salt, Refresh: o.refresh, Life: o.expiry,
		Logger:  logger(cmd.ErrOrStderr(), o.verbose),
		Cluster: server.Cluster{Node: o.node},
	}
	return cfg, nil
}
