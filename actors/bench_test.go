package actors_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/firmware/slotdev"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

// BenchmarkUpdate is a whole update over loopback into slot files: offer, download, hash, write,
// sync, flip, report. MB/s counts the bytes of the firmware.
func BenchmarkUpdate(b *testing.B) {
	const size = 64 << 20
	hub := hubtest.Run(b, hubtest.Config{})
	fw, err := hub.Firmware().Add(newer, hubtest.Generated(1, size))
	if err != nil {
		b.Fatal(err)
	}
	secret := hub.Secret(identity)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		dir := b.TempDir()
		slots, err := newSlots(dir, size)
		if err != nil {
			b.Fatal(err)
		}
		dev, err := actors.New(actors.Config{
			Identity: identity,
			Hub:      actors.Hub{URL: hub.URL(), Secret: &secret},
			Firmware: actors.Firmware{
				Slots:   slots,
				Applier: slots,
				Journal: actors.FileJournal{Path: filepath.Join(dir, "journal")},
			},
		})
		if err != nil {
			b.Fatal(err)
		}
		joins := hub.Device(identity).Snapshot().Joins
		ended := make(chan error, 1)
		go func() { ended <- dev.Run(context.Background()) }()
		err = hub.Device(identity).
			Wait(b.Context(), func(s hubtest.Snapshot) bool { return s.Online && s.Joins > joins })
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := hub.Device(identity).Update().Offer(fw); err != nil {
			b.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, actors.ErrReboot) {
			b.Fatal(err)
		}
	}
}

// newSlots makes a pair of slot files whose slot a runs.
func newSlots(dir string, size int64) (*slotdev.Device, error) {
	cfg := slotdev.Config{
		A: filepath.Join(dir, "a"), B: filepath.Join(dir, "b"), Size: size,
		Env: []slotdev.Location{
			{Path: filepath.Join(dir, "env"), Size: 8192},
			{Path: filepath.Join(dir, "env"), Offset: 8192, Size: 8192},
		},
	}
	if err := slotdev.Create(cfg, running, nil); err != nil {
		return nil, err
	}
	return slotdev.Open(cfg)
}
