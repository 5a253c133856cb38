package demo

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/extensions"
	"github.com/hublink-go/hublink/extensions/health"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/slotdev"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

const (
	identity     = "demo-device"
	stall        = 2 * time.Second
	stopWithin   = 5 * time.Second
	recordSize   = 16 << 10
	smallestSlot = 1 << 20
)

// machine is the device: its slots, a boot loader, and the agent that runs at the moment. It
// belongs to one goroutine.
type machine struct {
	hub   *hubtest.Hub
	kit   *kit
	slots slotdev.Config // with the number of the boot
	state string         // folder of the journal
	watch *watch
	boots int
	http  *http.Client
	agent *actors.Device // nil: the machine is off

	downloaded int64 // bytes, by all agents that have run
}

func newMachine(hub *hubtest.Hub, folder string, k *kit, w *watch) *machine {
	return &machine{
		hub: hub, kit: k, slots: k.slots, state: folder, watch: w,
		http: &http.Client{Transport: hub.RoundTripper()},
	}
}

// boot starts the machine: first the boot loader, then the agent on what the boot record says.
func (m *machine) boot(ctx context.Context) error {
	if m.boots > 0 { // the slots were made as a boot loader leaves them
		if _, err := slotdev.Boot(m.slots); err != nil {
			return fmt.Errorf("boot: %w", err)
		}
	}
	m.boots++
	m.slots.BootID = "boot-" + strconv.Itoa(m.boots)
	dev, err := slotdev.Open(m.slots)
	if err != nil {
		return fmt.Errorf("open the slots: %w", err)
	}
	applier, err := m.kit.applier(dev)
	if err != nil {
		return err
	}
	secret := m.hub.Secret(identity)
	m.watch.booted()
	agent, err := actors.New(actors.Config{
		Identity: identity,
		Hub: actors.Hub{
			URL:    m.hub.URL(),
			Secret: &secret,
			TLS:    &tls.Config{RootCAs: m.hub.RootCAs(), MinVersion: tls.VersionTLS12},
		},
		Firmware: actors.Firmware{
			Slots: dev, Applier: applier, Policy: m.kit.policy,
			Journal: actors.FileJournal{Path: filepath.Join(m.state, "journal")},
			HTTP:    m.http, Stall: stall, RetryDelay: time.Second,
		},
		Client:     actors.Client{Progress: m.watch.progress},
		Extensions: []extensions.Factory{health.New(health.Options{Disk: m.state})},
		OnEvent:    m.watch.event,
	})
	if err != nil {
		return err
	}
	if err := agent.Start(ctx); err != nil {
		return err
	}
	m.agent = agent
	return nil
}

// off stops the agent, if it runs.
func (m *machine) off() error {
	if m.agent == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	err := m.agent.Stop(ctx)
	m.downloaded += int64(m.agent.Status().Counters.Downloads) //nolint:gosec // no file is that long
	m.agent = nil
	return err
}

// record reads the boot record.
func (m *machine) record(ctx context.Context) (firmware.BootState, error) {
	dev, err := slotdev.Open(m.slots)
	if err != nil {
		return firmware.BootState{}, err
	}
	return dev.State(ctx)
}
