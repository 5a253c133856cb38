package fwdev

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"io"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/firmwaretest"
	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/firmware/slotdev"
)

// The disk of a bench: the U-Boot environment at 8 KiB, its second copy behind it, and two slots.
const (
	envBlock   = 16
	envBlocks  = 16
	slotBlocks = 2560 // 1.25 MiB
	slotA      = 512
	slotB      = slotA + slotBlocks
	benchSize  = (slotB + slotBlocks) * 512
	benchDisk  = "disk"
)

// bench is a device whose disk may lose its power: slotdev keeps the boot record on it and fwdev
// installs archives to it.
type bench struct {
	t      testing.TB
	disk   *firmwaretest.Disk
	slots  slotdev.Config
	copies int
	key    ed25519.PrivateKey
	change func(*Config)
	// onFinish returns more calls for the end of a task that makes a slot the next one.
	onFinish func(slot string) []fwfile.Call
	edit     func(*fwfile.Meta) // changes the archives
	stored   bool               // archives are not compressed
	applier  *Applier           // of the process that runs
}

var factory = firmware.Metadata{
	"uuid": "uuid-of-1.0.0", "product": "p", "architecture": "arm", "version": "1.0.0",
	"platform": "pi",
}

func newBench(t testing.TB, seed uint64, copies int) *bench {
	t.Helper()
	b := &bench{
		t: t, disk: firmwaretest.NewDisk(seed), copies: copies,
		key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize)),
	}
	t.Cleanup(b.exit)
	b.disk.Add(benchDisk, benchSize)
	b.slots = slotdev.Config{Storage: b.disk, BootID: "1"}
	size := int64(envBlocks * 512)
	for i := range copies {
		b.slots.Env = append(b.slots.Env, slotdev.Location{
			Path: benchDisk, Offset: envBlock*512 + int64(i)*size, Size: size,
		})
	}
	require.NoError(t, slotdev.Create(b.slots, factory, nil))
	f, err := b.disk.Open(benchDisk, true)
	require.NoError(t, err)
	_, err = f.WriteAt(bytes.Repeat([]byte("the factory's firmware "), 20_000), slotA*512)
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	return b
}

func (b *bench) open() (firmware.Slots, firmware.Applier) {
	b.t.Helper()
	b.exit()
	slots, err := slotdev.Open(b.slots)
	require.NoError(b.t, err)
	cfg := Config{
		Disk: benchDisk, Slots: slots, Mode: Native, Open: b.openDisk,
		Keys: func() fwfile.Options {
			return fwfile.Options{Keys: []fwfile.Key{fwfile.Key(b.key.Public().(ed25519.PublicKey))}}
		},
		InUse: func(string) ([]Range, error) { return nil, nil },
	}
	if b.change != nil {
		b.change(&cfg)
	}
	a, err := New(cfg)
	require.NoError(b.t, err)
	b.applier = a
	return slots, a
}

// exit is the end of the process: nothing runs on. What it had open is dead.
func (b *bench) exit() {
	if b.applier != nil {
		b.applier.Release()
	}
}

func (b *bench) openDisk(path string) (Disk, error) {
	f, err := b.disk.Open(path, true)
	if err != nil {
		return nil, err
	}
	return benchFile{f}, nil
}

// benchFile is a file of a firmwaretest.Disk as a block device.
type benchFile struct{ firmwaretest.File }

func (f benchFile) Size() (int64, bool, error) {
	n, err := f.File.Size()
	return n, true, err
}

func (b *bench) bytes(slot string, n int) []byte {
	at := map[string]int{"a": slotA, "b": slotB}[slot] * 512
	data := b.disk.Bytes(benchDisk)[at : at+slotBlocks*512]
	return data[:min(n, len(data))]
}

func (b *bench) boot() string {
	slot, err := slotdev.Boot(b.slots)
	require.NoError(b.t, err)
	return slot
}

// pack makes an archive with one resource and the tasks complete, upgrade.a and upgrade.b.
func (b *bench) pack(target firmware.Target, payload []byte) []byte {
	spec := fwfile.Spec{
		Meta: fwfile.Meta{
			Product: target.Meta["product"], Version: target.Meta["version"],
			Platform: target.Meta["platform"], Architecture: target.Meta["architecture"],
			Resources: []fwfile.Resource{{Name: "rootfs"}},
			Tasks: []fwfile.Task{
				{Name: "complete", OnResource: writeTo(slotA)},
				b.upgrade("a", target.Meta),
				b.upgrade("b", target.Meta),
			},
		},
		Open: func(string) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(payload)), nil
		},
		Key: b.key, Stored: b.stored,
	}
	env := fwfile.Env{Name: "env", Offset: envBlock, Count: envBlocks}
	if b.copies == 2 {
		env.Redundant, env.Second = true, envBlock+envBlocks
	}
	spec.Meta.Partitions.Envs = []fwfile.Env{env}
	if b.edit != nil {
		b.edit(&spec.Meta)
	}
	var file bytes.Buffer
	require.NoError(b.t, fwfile.Create(&file, spec))
	return file.Bytes()
}

func writeTo(block int) []fwfile.OnResource {
	return []fwfile.OnResource{{
		Resource: "rootfs", Calls: []fwfile.Call{{"raw_write", strconv.Itoa(block)}},
	}}
}

// upgrade is the task for a slot, as the fwup.conf of a Nerves system has it.
func (b *bench) upgrade(slot string, meta firmware.Metadata) fwfile.Task {
	block, running := slotA, "b"
	if slot == "b" {
		block, running = slotB, "a"
	}
	set := func(name, value string) fwfile.Call {
		return fwfile.Call{"uboot_setenv", "env", name, value}
	}
	t := fwfile.Task{
		Name:         "upgrade." + slot,
		Requirements: []fwfile.Call{{"require-uboot-variable", "env", "nerves_fw_active", running}},
		OnInit: []fwfile.Call{
			{"uboot_unsetenv", "env", slot + ".nerves_fw_version"},
			{"uboot_unsetenv", "env", slot + ".nerves_fw_uuid"},
		},
		OnResource: writeTo(block),
	}
	for _, k := range []string{"product", "version", "platform", "architecture"} {
		t.OnFinish = append(t.OnFinish, set(slot+".nerves_fw_"+k, meta[k]))
	}
	t.OnFinish = append(t.OnFinish,
		set(slot+".nerves_fw_uuid", "${FWUP_META_UUID}"), set("nerves_fw_active", slot),
		set("nerves_fw_validated", "0"), set("upgrade_available", "1"), set("bootcount", "0"))
	if b.onFinish != nil {
		t.OnFinish = append(t.OnFinish, b.onFinish(slot)...)
	}
	return t
}

func (b *bench) uuid(file []byte) string {
	r, err := fwfile.NewReader(bytes.NewReader(file), fwfile.Options{AllowUnsigned: true})
	require.NoError(b.t, err)
	return r.Meta().UUID
}

func (b *bench) rig() firmwaretest.Rig {
	slots, applier := b.open()
	return firmwaretest.Rig{
		Slots: slots, Applier: applier, Boot: b.boot, Reopen: b.open, Bytes: b.bytes,
		Kind: firmwaretest.Archive, Pack: b.pack, UUID: b.uuid, Disk: b.disk,
	}
}

// A power cut in any act of an update leaves a device that boots a whole firmware, whose running
// slot is untouched, and whose update ends; it flips once.
func TestPowerCuts(t *testing.T) {
	for copies := 1; copies <= 2; copies++ {
		t.Run(fmt.Sprint(copies, " copies of the boot record"), func(t *testing.T) {
			firmwaretest.TestPowerCuts(t, func(t *testing.T, seed uint64) firmwaretest.Rig {
				return newBench(t, seed, copies).rig()
			})
		})
	}
}

// The contract of appliers.
func TestApplier(t *testing.T) {
	firmwaretest.TestApplier(t, func(t *testing.T) firmwaretest.Rig {
		b := newBench(t, 1, 2)
		b.stored = true // as long as the contract's pieces need it
		return b.rig()
	})
}
