package main

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/slotdev"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

const (
	identity   = "measured"
	joinWithin = 30 * time.Second
	updateRate = 8 * mib // bytes a second below which an update is stopped
)

// agent is a running agent with its hub and its machine.
type agent struct {
	hub *hubtest.Hub
	dir string
	cmd *exec.Cmd
}

// startAgent runs the agent with slots of size bytes and waits until it has joined. The caller must
// close it, also after an error.
func startAgent(ctx context.Context, device string, size int64) (*agent, error) {
	a := &agent{}
	var err error
	if a.hub, err = hubtest.Start(hubtest.Config{Mode: hubtest.TLS}); err != nil {
		return a, err
	}
	if a.dir, err = os.MkdirTemp("", "measure"); err != nil {
		return a, err
	}
	if err := errors.Join(a.makeSlots(size), a.configure(ctx)); err != nil {
		return a, err
	}
	a.cmd = exec.CommandContext(ctx, device, "run", "-c",
		a.path("device.toml")) //nolint:gosec // what is measured
	a.cmd.Stderr = os.Stderr
	if err = a.cmd.Start(); err != nil {
		a.cmd = nil
		return a, err
	}
	ctx, cancel := context.WithTimeout(ctx, joinWithin)
	defer cancel()
	if err = a.hub.Device(identity).WaitJoined(ctx); err != nil {
		return a, fmt.Errorf("the agent does not join: %w", err)
	}
	return a, nil
}

func (a *agent) close() {
	if a.cmd != nil {
		_ = a.cmd.Process.Kill()
		_ = a.cmd.Wait() // it was killed
	}
	if a.hub != nil {
		a.hub.Close()
	}
	if a.dir != "" {
		_ = os.RemoveAll(a.dir)
	}
}

func (a *agent) path(name string) string { return filepath.Join(a.dir, name) }

func (a *agent) makeSlots(size int64) error {
	// the slot that takes the update is the large one
	for name, n := range map[string]int64{"a": mib, "b": size} {
		f, err := os.Create(a.path(name))
		if err != nil {
			return err
		}
		if err := errors.Join(f.Truncate(n), f.Close()); err != nil {
			return err
		}
	}
	return slotdev.Create(slotdev.Config{
		A: a.path("a"), B: a.path("b"), Env: []slotdev.Location{{Path: a.path("env"), Size: 0x2000}},
	}, firmware.Metadata{
		"uuid": "fw-1", "product": "product", "version": "1.0.0", "platform": "bench",
		"architecture": "any",
	}, nil)
}

// configure writes the configuration: the defaults, but that the agent stays after an update, to be
// looked at.
func (a *agent) configure(ctx context.Context) error {
	ca, err := a.certificate(ctx)
	if err != nil {
		return err
	}
	s := a.hub.Secret(identity)
	text := fmt.Sprintf(`
identity = {value = %q}
slots = {a = %q, b = %q, env = [{path = %q, size = 0x2000}]}
firmware = {state_dir = %q, allow_unsigned = true}
control = {socket = %q}
reboot = {mode = "command", command = ["true"]}
[hub]
url = %q
ca_file = %q
shared_secret = {key = %q, secret = %q}
`, identity, a.path("a"), a.path("b"), a.path("env"), a.path("state"), a.path("s"), a.hub.URL(), a.path("ca.pem"), s.Key, s.Secret)
	return errors.Join(os.WriteFile(a.path("ca.pem"), ca, 0o600),
		os.WriteFile(a.path("device.toml"), []byte(text), 0o600))
}

// certificate is the hub's own, as what to trust it by.
func (a *agent) certificate(ctx context.Context) ([]byte, error) {
	u, err := url.Parse(a.hub.URL())
	if err != nil {
		return nil, err
	}
	d := tls.Dialer{Config: &tls.Config{RootCAs: a.hub.RootCAs(), MinVersion: tls.VersionTLS12}}
	conn, err := d.DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	certs := conn.(*tls.Conn).ConnectionState().PeerCertificates //nolint:forcetypeassert // tls.Dialer says so
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certs[0].Raw}), nil
}

// memory reads the sizes of /proc/PID/status, in bytes.
func (a *agent) memory() (map[string]int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.cmd.Process.Pid))
	if err != nil {
		return nil, err
	}
	out := map[string]int64{}
	for line := range strings.Lines(string(data)) {
		name, rest, _ := strings.Cut(line, ":")
		if number, ok := strings.CutSuffix(strings.TrimSpace(rest), " kB"); ok {
			n, err := strconv.ParseInt(number, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			out[name] = n * kib
		}
	}
	if out["VmRSS"] == 0 {
		return nil, errors.New("the agent has ended")
	}
	return out, nil
}

func measureIdle(ctx context.Context, device string, idle time.Duration) (map[string]int64, error) {
	a, err := startAgent(ctx, device, mib)
	defer a.close()
	if err != nil {
		return nil, err
	}
	select {
	case <-time.After(idle):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if !a.hub.Device(identity).Online() {
		return nil, errors.New("the agent is not connected any more")
	}
	return a.memory()
}

// measureUpdate returns the peak of the memory of an agent that has taken one update.
func measureUpdate(ctx context.Context, device string, size int64) (int64, error) {
	a, err := startAgent(ctx, device, size)
	defer a.close()
	if err != nil {
		return 0, err
	}
	offer, err := a.hub.Firmware().Add(hubtest.Metadata{
		UUID: "fw-2", Product: "product", Version: "2.0.0", Platform: "bench", Architecture: "any",
	}, hubtest.Generated(1, size))
	if err != nil {
		return 0, err
	}
	dev := a.hub.Device(identity)
	if err := dev.Update().Offer(offer); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, joinWithin+time.Duration(size/updateRate)*time.Second)
	defer cancel()
	err = dev.Wait(ctx, func(s hubtest.Snapshot) bool {
		return slices.Contains(s.Statuses, "completed") || slices.Contains(s.Statuses, "failed")
	})
	if err != nil {
		return 0, fmt.Errorf(
			"the update does not complete: %w; statuses: %v", err, dev.Update().Statuses())
	}
	if slices.Contains(dev.Update().Statuses(), "failed") {
		return 0, fmt.Errorf("the update failed; statuses: %v", dev.Update().Statuses())
	}
	mem, err := a.memory()
	return mem["VmHWM"], err
}
