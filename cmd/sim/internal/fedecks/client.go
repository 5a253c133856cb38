package fedecks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	client "github.com/hublink-go/hublink/actors/fedecks"
	"github.com/hublink-go/hublink/cmd/sim/internal/report"
	"github.com/hublink-go/hublink/protocol/etf/erltext"
	"github.com/hublink-go/hublink/protocol/fedecks"
)

// ClientConfig configures Connect.
type ClientConfig struct {
	Client      client.Config     // OnEvent, Codec and Queue are this package's
	Credentials map[string]string // nil: none
	Login       bool              // log in even with a token
	Input       Input
	Out, Err    *report.Printer // what happens, and what is wrong
}

// TokenFile is where the token of a device at a server is kept below dir.
func TokenFile(dir, device string, server *url.URL) string {
	return filepath.Join(dir, url.PathEscape(device)+"@"+url.PathEscape(server.Host)+".token")
}

// waiting is how many terms may wait until the device is connected.
const waiting = 100

// Connect runs a device until ctx ends, a person has closed the input, or there is no token and no
// login succeeds; the error says which of them.
func Connect(ctx context.Context, cfg ClientConfig) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events := make(chan client.Event)
	cfg.Client.Codec = fedecks.Codec{AnyAtom: true}
	cfg.Client.Queue = waiting
	cfg.Client.OnEvent = func(e client.Event) {
		select {
		case events <- e:
		case <-ctx.Done():
		}
	}
	c, err := client.New(cfg.Client)
	if err != nil {
		return err
	}
	if err := c.Start(ctx); err != nil {
		return err
	}
	defer func() {
		cancel() // callbacks wait no longer
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		err = errors.Join(err, c.Stop(ctx))
	}()
	d := device{cfg: cfg, client: c}
	if cfg.Login {
		if err := d.login(); err != nil {
			return err
		}
	}
	return d.run(ctx, events)
}

// device is one run of Connect.
type device struct {
	cfg    ClientConfig
	client *client.Client
	tried  bool  // a login since the last connection
	failed error // the last attempt, for this reason
}

func (d *device) run(ctx context.Context, events <-chan client.Event) error {
	input := d.cfg.Input.read(ctx, false)
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-events:
			if err := d.event(e); err != nil {
				return err
			}
		case t, more := <-input:
			switch {
			case !more && d.cfg.Input.Terminal:
				return nil
			case !more:
				input = nil
			case t.hint != "":
				d.cfg.Err.Line("%s", t.hint)
			case t.err != nil:
				d.cfg.Err.Line("%v", t.err)
			default:
				if err := d.client.Send(ctx, t.term); err != nil {
					d.cfg.Err.Line("%v", err)
				}
			}
		}
	}
}

// event prints what happened, and logs in where that is due.
func (d *device) event(e client.Event) error {
	switch e.Kind {
	case client.EventMessage:
		d.cfg.Out.Line("server > %s", erltext.Format(e.Term))
		return nil
	case client.EventConnectionScheduled:
		d.cfg.Out.Line("%v, within %v", e.Kind, time.Until(e.At).Round(100*time.Millisecond))
	case client.EventUpgradeFailed:
		d.cfg.Out.Line("%v: %s", e.Kind, status(e))
		d.failed = errors.New(status(e))
	case client.EventConnectionFailed:
		d.cfg.Out.Line("%v: %v", e.Kind, e.Reason)
		d.failed = e.Reason
	case client.EventConnected:
		d.cfg.Out.Line("%v", e.Kind)
		d.tried, d.failed = false, nil
	case client.EventUnregistered:
		d.cfg.Out.Line("%v", e.Kind)
		return d.unregistered()
	default:
		line := e.Kind.String()
		if e.Reason != nil {
			line += ": " + e.Reason.Error()
		}
		d.cfg.Out.Line("%s", line)
	}
	return nil
}

// unregistered is what to do without a token that the server takes.
func (d *device) unregistered() error {
	switch {
	case d.tried && d.failed != nil:
		return fmt.Errorf("log in as %s: %w", d.cfg.Client.DeviceID, d.failed)
	case d.tried:
		return nil // the login is under way
	case d.cfg.Credentials == nil && d.failed != nil:
		return fmt.Errorf("the token is not taken (%w): log in with --username and --password", d.failed)
	case d.cfg.Credentials == nil:
		return errors.New("there is no token: log in with --username and --password")
	}
	return d.login()
}

func (d *device) login() error {
	d.tried, d.failed = true, nil
	return d.client.Login(d.cfg.Credentials)
}

// status returns what the answer of a server means.
func status(e client.Event) string {
	switch e.Status {
	case 0:
		return fmt.Sprintf("the server did not answer as a WebSocket server: %v", e.Reason)
	case http.StatusForbidden:
		return "403, the server refuses the credentials or the token"
	case http.StatusNotFound:
		return "404, there is nothing at this path: Fedecks servers are usually at " + Path
	}
	return fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status))
}

func printable(s string) bool {
	return !strings.ContainsFunc(s,
		func(c rune) bool { return c == unicode.ReplacementChar || !unicode.IsPrint(c) })
}
