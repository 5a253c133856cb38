package archive

import (
	"crypto/ed25519"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

// The layout of a machine, in blocks of 512 bytes: a partition table, two copies of
// the U-Boot environment, two slots.
const (
	blockSize  = 512
	envName    = "uboot-env"
	envFirst   = 16
	envSecond  = 32
	envBlocks  = 16
	slotsBegin = 2048
	slotAlign  = 2048
	rootfs     = "rootfs.img"
	activeSlot = "nerves_fw_active"
)

// signingKey is the key of the archives that are made here. It is no secret and signs nothing else.
func signingKey() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte("the demo's key, which is no secret")[:ed25519.SeedSize])
}

// PublicKey is the key that verifies what Build makes.
func PublicKey() fwfile.Key { return fwfile.Key(signingKey().Public().(ed25519.PublicKey)) }

// Build writes a signed archive of a made-up root file system of that size, for slots of that many
// blocks. The same arguments give the same bytes. The UUID of meta is not used.
func Build(w io.Writer, meta hubtest.Metadata, size int64, slot uint64) error {
	image := hubtest.Generated(uint64(size), size)
	err := fwfile.Create(w, fwfile.Spec{
		Meta: layout(meta, slot), Key: signingKey(), Created: time.Unix(1767225600, 0),
		Open: func(string) (io.ReadCloser, error) {
			return io.NopCloser(io.NewSectionReader(image, 0, size)), nil
		},
	})
	if err != nil {
		return fmt.Errorf("make an archive: %w", err)
	}
	return nil
}

// SlotBlocks returns how many blocks a slot for size bytes has.
func SlotBlocks(size int64) uint64 {
	blocks := uint64(size+blockSize-1) / blockSize //nolint:gosec // a size is not negative
	return (blocks + slotAlign - 1) / slotAlign * slotAlign
}

// environment is where the boot record is.
func environment() fwfile.Env {
	return fwfile.Env{
		Name: envName, Offset: envFirst, Count: envBlocks, Redundant: true, Second: envSecond,
	}
}

// layout is the meta.conf of an archive.
func layout(meta hubtest.Metadata, slot uint64) fwfile.Meta {
	starts := [...]uint64{slotsBegin, slotsBegin + slot}
	m := fwfile.Meta{
		Product: meta.Product, Version: meta.Version, Platform: meta.Platform,
		Architecture: meta.Architecture, Description: "made up", Author: "sim",
		Resources: []fwfile.Resource{{Name: rootfs}},
		Tasks:     []fwfile.Task{complete(meta, starts[0])},
	}
	m.Partitions.Envs = []fwfile.Env{environment()}
	table := fwfile.MBR{Name: "mbr", Signature: 0x01020304}
	for i, at := range starts {
		table.Partitions = append(table.Partitions,
			fwfile.MBRPartition{Index: i, Offset: at, Count: slot, Type: 0x83})
		m.Tasks = append(m.Tasks, upgrade(meta, i, at, slot))
	}
	m.Partitions.MBRs = []fwfile.MBR{table}
	m.Tasks = append(m.Tasks, fwfile.Task{
		Name:   "upgrade.unexpected",
		OnInit: []fwfile.Call{{"error", "neither slot a nor slot b of this product is running"}},
	})
	return m
}

// complete is the task that makes a machine: slot a runs and is committed.
func complete(meta hubtest.Metadata, at uint64) fwfile.Task {
	init := []fwfile.Call{{"mbr_write", "mbr"}, {"uboot_clearenv", envName}}
	init = append(init, describing(meta, "a")...)
	return fwfile.Task{
		Name: "complete",
		OnInit: append(init, set(activeSlot, "a"), set("nerves_fw_validated", "1"),
			set("upgrade_available", "0"), set("bootcount", "0"), set("bootlimit", "1")),
		OnResource: []fwfile.OnResource{{
			Resource: rootfs, Calls: []fwfile.Call{{"raw_write", number(at)}},
		}},
	}
}

// upgrade is the task for one of the slots, which runs while the other one is active.
func upgrade(meta hubtest.Metadata, slot int, at, blocks uint64) fwfile.Task {
	name, other := "ab"[slot:slot+1], "ba"[slot:slot+1]
	finish := append(describing(meta, name), set(activeSlot, name), set("nerves_fw_validated", "0"),
		set("upgrade_available", "1"), set("bootcount", "0"))
	return fwfile.Task{
		Name: "upgrade." + name,
		Requirements: []fwfile.Call{
			{"require-partition-offset", strconv.Itoa(slot), number(at)},
			{"require-uboot-variable", envName, activeSlot, other},
			{"require-uboot-variable", envName, other + ".nerves_fw_platform", meta.Platform},
			{"require-uboot-variable", envName, other + ".nerves_fw_architecture", meta.Architecture},
		},
		OnInit: []fwfile.Call{
			{"info", "upgrading slot " + name},
			{"uboot_unsetenv", envName, name + ".nerves_fw_version"},
			{"uboot_unsetenv", envName, name + ".nerves_fw_uuid"},
			{"trim", number(at), number(blocks)},
		},
		OnResource: []fwfile.OnResource{{
			Resource: rootfs, Calls: []fwfile.Call{{"raw_write", number(at)}},
		}},
		OnFinish: finish,
	}
}

// describing sets what the boot record says of the firmware in a slot.
func describing(meta hubtest.Metadata, slot string) (calls []fwfile.Call) {
	for _, v := range [][2]string{
		{"product", meta.Product},
		{"version", meta.Version},
		{"platform", meta.Platform},
		{"architecture", meta.Architecture},
		{"uuid", "${FWUP_META_UUID}"},
	} {
		calls = append(calls, set(slot+".nerves_fw_"+v[0], v[1]))
	}
	return calls
}

func set(name, value string) fwfile.Call {
	return fwfile.Call{"uboot_setenv", envName, name, value}
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }
