package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/hublink-go/hublink/cmd/sim/internal/hubapi"
	"github.com/hublink-go/hublink/cmd/sim/internal/report"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

// hubAddress is what a device and an operator have to know.
type hubAddress struct {
	URL     string `json:"url"`
	Key     string `json:"key"`
	Secret  string `json:"secret"`
	Control string `json:"control"`
	// where firmware is downloaded from
	Downloads string `json:"downloads"`
}

func newHub() *cobra.Command {
	var o hubOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "hub",
		Short: "A simulated hub as a server, with an HTTP interface for its operator",
		Long: `Run a simulated hub until it is interrupted; then it closes all sockets with
1012, as a hub that is being replaced. Devices connect to --listen with the key
and the secret that it prints; what an operator does goes over HTTP to
--control, which describes itself at /openapi.json:

  curl 127.0.0.1:4002/v1/devices
  curl 127.0.0.1:4002/v1/firmware --data-binary @app.fw
  curl 127.0.0.1:4002/v1/devices/ID/push -d '{"event":"identify"}'
  curl 127.0.0.1:4002/v1/devices/ID/script -d '{"text":"uptime"}'
  curl 127.0.0.1:4002/v1/refuse -d '{"status":503,"reason":"later","times":3}'
  curl -X PATCH 127.0.0.1:4002/v1/settings -d '{"handshakes_per_s":5}'

Limits that an operator of NervesHub can set are flags, with NervesHub's
defaults. It is for benches: the secret is public, and the operator's interface
asks for no credentials. Listen on loopback addresses, or in a network of the
bench for boards, containers and virtual machines:

  sim hub --listen 0.0.0.0:4001 --downloads 0.0.0.0:4003 --advertise 192.168.7.1

The address of the operator stays on loopback then.`,
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
	o.register(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print where it is as one JSON object")
	return cmd
}

// ask asks all devices for reports from time to time; zero: never. The result ends it.
func (o *hubOptions) ask(hub *hubtest.Hub) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var asking sync.WaitGroup
	for extension, period := range map[string]time.Duration{
		"health": o.healthEvery,
		"geo":    o.geoEvery,
	} {
		if period == 0 {
			continue
		}
		asking.Go(func() { // ends with ctx
			ticker := time.NewTicker(period)
			defer ticker.Stop()
			for {
				select {
				case <-ticker.C:
				case <-ctx.Done():
					return
				}
				for _, d := range hub.Devices() {
					_ = d.Extensions().Ask(extension) // those that have it
				}
			}
		})
	}
	return func() {
		cancel()
		asking.Wait()
	}
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
	api := hubapi.New(hub, dir, o.drain)
	defer func() { _ = api.Close() }() // the folder goes anyway
	defer hub.Stop(protocol.CloseServiceRestart)
	var listen net.ListenConfig
	ln, err := listen.Listen(ctx, "tcp", o.control)
	if err != nil {
		return fmt.Errorf("--control %s: %w", o.control, err)
	}
	at := hubAddress{
		URL:     hub.URL(),
		Key:     o.key,
		Secret:  o.secret,
		Control: "http://" + ln.Addr().String(),

		Downloads: hub.Firmware().URL(),
	}
	p.Line("devices   %s, key %s, secret %s", at.URL, at.Key, at.Secret)
	p.Line("downloads %s", at.Downloads)
	p.Line("operator  %s, described at %s/openapi.json", at.Control, at.Control)
	if err := p.Result(at); err != nil {
		return err
	}
	stopAsking := o.ask(hub)
	defer stopAsking()
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
