package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/hublink-go/hublink/cmd/sim/internal/bench"
	"github.com/hublink-go/hublink/cmd/sim/internal/report"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

// What sim hub accepts and sim machine has when nothing else is said.
const (
	defaultKey    = "nhp_bench"
	defaultSecret = "bench-secret"
)

// hubOptions are the flags of sim hub.
type hubOptions struct {
	listen, control string
	profile         string
	tls             bool
	cfg             hubtest.Config
	key, secret     string
}

// hubAddress is what a device and an operator have to know.
type hubAddress struct {
	URL     string `json:"url"`
	Key     string `json:"key"`
	Secret  string `json:"secret"`
	Control string `json:"control"`
}

func newHub() *cobra.Command {
	var o hubOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "hub",
		Short: "A simulated hub as a server, with an HTTP interface for its operator",
		Long: `Run a simulated hub until it is interrupted. Devices connect to --listen with the key and the secret that it prints; what an operator
does goes over HTTP to --control, which describes itself at /openapi.json.

It is for benches: the secret is no secret, and nobody is asked who they are. Listen on loopback addresses.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			if err := serveHub(cmd.Context(), o, printer(cmd, asJSON)); err != nil {
				return failure{error: err}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:4001", "address for devices")
	f.StringVar(&o.control, "control", "127.0.0.1:4002", "address for the operator")
	f.BoolVar(&o.tls, "tls", false, "TLS; devices find the authority at /ca.pem of the operator's address")
	f.StringVar(&o.profile, "profile", "new", "which server it is like: new, snapshot or 2.4.0")
	f.StringVar(&o.key, "key", defaultKey, "product key of the devices; begins with nhp_")
	f.StringVar(&o.secret, "secret", defaultSecret, "its secret")
	f.IntVar(&o.cfg.HandshakeRate, "handshakes-per-s", 100, "connections a second that are let in; 0: all")
	f.DurationVar(&o.cfg.Idle, "idle", 180*time.Second, "silence of a device after which its socket is closed")
	f.IntVar(&o.cfg.Record, "record", 1000, "messages that are kept of each device")
	f.BoolVar(&asJSON, "json", false, "print where it is as one JSON object")
	return cmd
}

func (o *hubOptions) check() error {
	profiles := []hubtest.Profile{hubtest.ProfileNew, hubtest.ProfileSnapshot, hubtest.ProfileOld}
	for _, p := range profiles {
		if p.String() == o.profile {
			o.cfg.Profile = p
		}
	}
	switch {
	case o.cfg.Profile.String() != o.profile:
		return fmt.Errorf("--profile: there is no server %q: give one of %v", o.profile, profiles)
	case len(o.key) < 5 || o.key[:4] != "nhp_":
		return fmt.Errorf("--key %q: a product's key begins with nhp_ and goes on", o.key)
	case o.secret == "":
		return errors.New("--secret is empty")
	case o.cfg.HandshakeRate < 0 || o.cfg.Idle <= 0 || o.cfg.Record < 0:
		return errors.New("--idle must be positive, --handshakes-per-s and --record must not be negative")
	}
	o.cfg.Listen = o.listen
	if o.tls {
		o.cfg.Mode = hubtest.TLS
	}
	o.cfg.Keys = []hubtest.Key{{Key: o.key, Secret: o.secret}}
	return nil
}

// serveHub runs hub and interface until ctx ends.
func serveHub(ctx context.Context, o hubOptions, p *report.Printer) error {
	dir, err := os.MkdirTemp("", "hublink-hub-*")
	if err != nil {
		return fmt.Errorf("make a folder for uploads: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	hub, err := hubtest.Start(o.cfg)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", o.listen, err)
	}
	api := bench.New(hub, dir, bench.Options{})
	defer func() { _ = api.Close() }() // the folder goes anyway
	defer hub.Close()
	var listen net.ListenConfig
	ln, err := listen.Listen(ctx, "tcp", o.control)
	if err != nil {
		return fmt.Errorf("--control %s: %w", o.control, err)
	}
	at := hubAddress{URL: hub.URL(), Key: o.key, Secret: o.secret, Control: "http://" + ln.Addr().String()}
	p.Line("devices   %s, key %s, secret %s", at.URL, at.Key, at.Secret)
	p.Line("operator  %s, described at %s/openapi.json", at.Control, at.Control)
	if err := p.Result(at); err != nil {
		return err
	}
	server := &http.Server{Handler: api, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ln) }()
	select {
	case err := <-ended:
		return fmt.Errorf("--control %s: %w", o.control, err)
	case <-ctx.Done():
		_ = server.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
}
