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

// machine is the device: slot files, a boot loader, and the agent that runs at the moment. It
// belongs to one goroutine.
type machine struct {
	hub   *hubtest.Hub
	slots slotdev.Config
	state string // folder of the journal
	watch *watch
	boots int
	http  *http.Client
	agent *actors.Device // nil: the machine is off

	downloaded int64 // bytes, by all agents that have run
}

// newMachine makes slots that take size bytes, with the metadata of 1.0.0 in the running one.
func newMachine(
	hub *hubtest.Hub,
	folder string,
	size int64,
	running firmware.Metadata,
	w *watch,
) (*machine, error) {
	m := &machine{
		hub: hub, state: folder, watch: w,
		http: &http.Client{Transport: hub.RoundTripper()},
		slots: slotdev.Config{
			A: filepath.Join(folder,
				"slot-a"), B: filepath.Join(folder, "slot-b"), Size: max(size, smallestSlot),
			Env: []slotdev.Location{
				{Path: filepath.Join(folder, "env"), Offset: 0, Size: recordSize},
				{Path: filepath.Join(folder, "env"), Offset: recordSize, Size: recordSize},
			},
			Metadata: running,
		},
	}
	if err := slotdev.Create(m.slots, running, nil); err != nil {
		return nil, fmt.Errorf("make the slots: %w", err)
	}
	return m, nil
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
			Slots: dev, Applier: dev, Journal: actors.FileJournal{Path: filepath.Join(m.state, "journal")},
			HTTP: m.http, Stall: stall, RetryDelay: time.Second,
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
