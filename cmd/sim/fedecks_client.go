package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	client "github.com/hublink-go/hublink/actors/fedecks"
	"github.com/hublink-go/hublink/cmd/sim/internal/fedecks"
	protocol "github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/protocol/transport"
)

// fedecksClientOptions are the flags of sim fedecks client.
type fedecksClientOptions struct {
	url, device        string
	username, password string
	credentials        map[string]string
	login              bool
	tokenDir           string
	ca                 string
	ping               time.Duration
	verbose            bool
}

func newFedecksClient() *cobra.Command {
	var o fedecksClientOptions
	cmd := &cobra.Command{
		Use:   "client",
		Short: "A Fedecks device that prints what the server sends and sends the terms that are typed",
		Long: `Run a device against a Fedecks server, in Go or in Elixir, until it is
interrupted. It logs in where it has no token, keeps the token that it gets in a
file, and from then on connects with that. What happens and what the server says
goes to standard output:

  connected
  server > [1,2,3]

A term that is typed, with its full stop, is sent: {temperature, 21.5}. It may
go on over several lines; an empty line discards it. Up to 100 terms wait for a
connection. Ctrl-D ends the device; input that is not a terminal may end without
that. The environment is asked for what no flag says: ` + envUsername + `,
` + envPassword + `.

Exit code 0 after an interrupt; 1 when the server takes neither a token nor the
login.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.config(cmd)
			if err != nil {
				return err
			}
			if err := fedecks.Connect(cmd.Context(), cfg); err != nil {
				return failure{error: err}
			}
			return nil
		},
	}
	o.flags(cmd.Flags())
	return cmd
}

func (o *fedecksClientOptions) flags(f *pflag.FlagSet) {
	f.StringVar(
		&o.url,
		"url",
		"",
		"of the server, such as ws://127.0.0.1:4000"+fedecks.Path+"; needed",
	)
	f.StringVar(&o.device, "device-id", "", "who this device is (default: the name of the host)")
	f.StringVar(&o.username, "username", "", "to log in with")
	f.StringVar(&o.password, "password", "", "to log in with")
	f.StringToStringVar(&o.credentials, "credential", nil,
		"key=value, for servers that ask for more or other things than username and password")
	f.BoolVar(&o.login, "login", false, "log in even if there is a token")
	f.StringVar(&o.tokenDir, "token-dir", "",
		"folder of the token (default: hublink/fedecks in the user's configuration folder)")
	f.StringVar(&o.ca, "ca", "", "PEM file with the authority of a wss server (default: the system's)")
	f.DurationVar(&o.ping, "ping", 19*time.Second, "time between two pings")
	verboseFlag(f, &o.verbose)
}

// config checks the flags and makes a configuration of them.
func (o *fedecksClientOptions) config(cmd *cobra.Command) (fedecks.ClientConfig, error) {
	cfg := fedecks.ClientConfig{
		Login: o.login,
		Input: terms(cmd),
		Out:   printer(cmd, false),
		Err:   complaints(cmd),
	}
	if err := fromEnv(cmd.Flags(), map[string]string{
		"username": envUsername,
		"password": envPassword,
	}); err != nil {
		return cfg, err
	}
	if o.username != "" || o.password != "" {
		cfg.Credentials = map[string]string{"username": o.username, "password": o.password}
	}
	if len(o.credentials) > 0 {
		if cfg.Credentials == nil {
			cfg.Credentials = map[string]string{}
		}
		maps.Copy(cfg.Credentials, o.credentials)
	}
	switch {
	case o.url == "":
		return cfg, errors.New("--url is needed, such as ws://127.0.0.1:4000" + fedecks.Path)
	case o.login && cfg.Credentials == nil:
		return cfg, errors.New("--login needs --username and --password")
	case o.ping <= 0:
		return cfg, errors.New("--ping must be positive")
	}
	server, err := protocol.ParseURL(o.url)
	if err != nil {
		return cfg, fmt.Errorf("--url: %w", err)
	}
	if o.device == "" {
		if o.device, err = os.Hostname(); err != nil {
			return cfg, fmt.Errorf("--device-id is not given, and the host has no name: %w", err)
		}
	}
	if err := protocol.CheckDeviceID(o.device); err != nil {
		return cfg, fmt.Errorf("--device-id: %w", err)
	}
	if o.tokenDir == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return cfg, fmt.Errorf("--token-dir is not given: %w", err)
		}
		o.tokenDir = filepath.Join(dir, "hublink", "fedecks")
	}
	cfg.Client = client.Config{
		URL: o.url, DeviceID: o.device, TokenFile: fedecks.TokenFile(o.tokenDir, o.device, server),
		Times: client.Times{
			ConnectDelay: time.Millisecond,
			Ping:         o.ping,
		}, Logger: logger(cmd.ErrOrStderr(), o.verbose),
	}
	cfg.Client.Dialer, err = o.dialer()
	return cfg, err
}

// maxMessage is what the server takes too.
const maxMessage = 16 << 20

func (o *fedecksClientOptions) dialer() (transport.Dialer, error) {
	d := &transport.WebSocket{
		Proxy: func(target *url.URL) (*url.URL,
			error,
		) {
			return http.ProxyFromEnvironment(&http.Request{URL: target})
		},
		Limits: transport.Limits{Message: maxMessage},
	}
	if o.ca == "" {
		return d, nil
	}
	text, err := os.ReadFile(o.ca)
	if err != nil {
		return nil, fmt.Errorf("--ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("--ca: %s holds no certificate", o.ca)
	}
	d.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return d, nil
}
