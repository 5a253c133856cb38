package demo

import (
	"bytes"
	"fmt"
	"path/filepath"

	"github.com/hublink-go/hublink/cmd/sim/internal/archive"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/format"
	"github.com/hublink-go/hublink/firmware/fwdev"
	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/firmware/slotdev"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

const (
	archiveSize = 16 << 20 // bytes of the root file system that is offered
	baseSize    = 1 << 20  // of the one that the machine has
)

// kit is what a demo is played with: what the hub offers, and a machine that runs something else.
type kit struct {
	said    hubtest.Metadata // what the hub says of the offer
	content hubtest.Content
	slots   slotdev.Config
	// applier installs what is offered, on the machine that dev keeps the boot record of
	applier func(dev *slotdev.Device) (firmware.Applier, error)
	policy  firmware.Policy
	keys    []fwfile.Key // of an archive's demo
}

// newKit makes the machine in a folder. What it notices of archives goes to w.
func newKit(o *Options, folder string, w *watch) (k *kit, err error) {
	if o.Raw {
		k, err = o.images(folder)
	} else {
		k, err = o.archives(folder, w)
	}
	if err != nil {
		return nil, fmt.Errorf("make the machine: %w", err)
	}
	return k, nil
}

// images is a machine with two slot files, which takes whatever comes as the image of a slot.
func (o *Options) images(folder string) (*kit, error) {
	k := &kit{said: metadata(newVersion), content: hubtest.Generated(1, defaultSize)}
	if o.Firmware != nil {
		k.content = *o.Firmware
	}
	running, env := description(oldVersion), filepath.Join(folder, "env")
	k.slots = slotdev.Config{
		A: filepath.Join(folder, "slot-a"), B: filepath.Join(folder, "slot-b"),
		Size: max(k.content.Size, smallestSlot),
		Env: []slotdev.Location{
			{Path: env, Offset: 0, Size: recordSize}, {Path: env, Offset: recordSize, Size: recordSize},
		},
		Metadata: running,
	}
	k.applier = func(dev *slotdev.Device) (firmware.Applier, error) { return dev, nil }
	return k, slotdev.Create(k.slots, running, nil)
}

// archives is a machine with one disk, which takes archives that are signed by one of its keys.
func (o *Options) archives(folder string, w *watch) (*kit, error) {
	path := filepath.Join(folder, "disk")
	k := &kit{keys: o.Keys}
	if err := k.offer(o); err != nil {
		return nil, err
	}
	if err := k.disk(o, path); err != nil {
		return nil, err
	}
	// what is installed will have been verified with a key, so it may be older
	k.policy.AllowDowngrade = len(k.keys) > 0
	options := fwfile.Options{Keys: k.keys}
	k.applier = func(dev *slotdev.Device) (firmware.Applier, error) {
		a, err := fwdev.New(fwdev.Config{
			Disk: path, Slots: dev, Mode: fwdev.Native, SpoolDir: folder, OnArchive: w.archive,
			Keys: func() fwfile.Options { return options },
		})
		if err != nil {
			return nil, err
		}
		return format.New(format.Config{Archive: a, Slots: dev}), nil
	}
	return k, nil
}

// size returns the size of the root file system in the archive that is made.
func (o *Options) size() int64 {
	if o.Size == 0 {
		return archiveSize
	}
	return o.Size
}

// offer sets what is offered: the file, or an archive that is made and signed now.
func (k *kit) offer(o *Options) (err error) {
	if o.Firmware != nil {
		k.content = *o.Firmware
		return nil
	}
	k.keys = []fwfile.Key{archive.PublicKey()}
	k.content, err = build(metadata(newVersion), o.size(), archive.SlotBlocks(o.size()))
	return err
}

// disk makes the machine's disk: by the base, or by the layout of the archive that is offered, or
// as the demo's own machine where the archive has none.
func (k *kit) disk(o *Options, path string) (err error) {
	var meta *fwfile.Meta
	meta, k.said = readMeta(k.content)
	switch {
	case o.Base != nil:
		k.slots.Env, err = archive.NewDisk(path, *o.Base, true)
		if err != nil {
			return fmt.Errorf("the base: %w", err)
		}
		return nil
	case o.Firmware != nil && archive.HasLayout(meta):
		k.slots.Env, err = archive.NewDisk(path, k.content, false)
		if err != nil {
			return fmt.Errorf("the layout of the archive: %w; give a base", err)
		}
		return nil
	}
	said := k.said
	said.Version = oldVersion
	base, err := build(said, baseSize, archive.SlotBlocks(o.size()))
	if err == nil {
		k.slots.Env, err = archive.NewDisk(path, base, true)
	}
	return err
}

// build makes an archive in memory.
func build(meta hubtest.Metadata, size int64, slot uint64) (hubtest.Content, error) {
	var b bytes.Buffer
	err := archive.Build(&b, meta, size, slot)
	return hubtest.Content{ReaderAt: bytes.NewReader(b.Bytes()), Size: int64(b.Len())}, err
}
