package slotdev_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/slotdev"
)

func Example() {
	dir, err := os.MkdirTemp("", "slots")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	env := filepath.Join(dir, "uboot.env")
	cfg := slotdev.Config{
		A: filepath.Join(dir, "a"), B: filepath.Join(dir, "b"), Size: 1 << 20,
		Env: []slotdev.Location{{Path: env, Size: 0x2000}, {Path: env, Offset: 0x2000, Size: 0x2000}},
	}
	running := firmware.Metadata{
		"uuid":         "1",
		"product":      "p",
		"platform":     "pi",
		"architecture": "arm",
		"version":      "1.0.0",
	}
	if err := slotdev.Create(cfg, running, strings.NewReader("firmware one")); err != nil {
		fmt.Println(err)
		return
	}
	dev, err := slotdev.Open(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}

	ctx := context.Background()
	target := firmware.Target{UUID: "2", Meta: firmware.Metadata{"version": "2.0.0"}}
	staging, err := dev.Begin(ctx, target)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = staging.WriteAt([]byte("firmware two"), 0)
	fmt.Println(err, staging.Finish(ctx), dev.Flip(ctx, target))

	slot, err := slotdev.Boot(cfg)
	state, _ := dev.State(ctx)
	fmt.Println(slot, err, state.Meta["version"], state.Validated, dev.Commit(ctx))
	// Output:
	// <nil> <nil> <nil>
	// b <nil> 2.0.0 false <nil>
}
