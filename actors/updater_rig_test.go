package actors_test

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/firmware/firmwaretest"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

type bench struct {
	*rig
	slots *firmwaretest.Device
	fw    *hubtest.Firmware
}

const firmwareSize = 2<<20 + 300<<10

func updating(t *testing.T, change func(*bench), test func(*bench)) {
	t.Helper()
	b := &bench{slots: firmwaretest.NewDevice(running, 4<<20)}
	inVirtualTime(t, func(r *rig) {
		b.rig = r
		r.cfg.Firmware.Slots, r.cfg.Firmware.Applier = b.slots, b.slots
		if change != nil {
			change(b)
		}
	}, func(*rig) {
		b.settle(5 * time.Second) // until it has learnt the hub's time
		require.Equal(t, actors.Connected, b.dev.Status().Connection)
		test(b)
	})
}

func (b *bench) add(size int64, faults ...hubtest.Fault) {
	b.t.Helper()
	fw, err := b.hub.Firmware().Add(newer, hubtest.Generated(1, size))
	require.NoError(b.t, err)
	fw.Inject(faults...)
	b.fw = fw
}

func (b *bench) push() {
	b.t.Helper()
	require.NoError(b.t, b.seen.Update().Offer(b.fw))
}

func (b *bench) reboot() {
	b.t.Helper()
	waitReboot(b.rig)
	b.slots.Boot()
	b.start()
	b.settle(10 * time.Second)
}

func (b *bench) powerCycle() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(b.t, b.dev.Stop(ctx))
	b.slots.Boot()
	b.start()
	b.settle(4 * time.Second)
}

func (b *bench) said(status string) string {
	for _, e := range slices.Backward(b.seen.Messages()) {
		if e.Direction == hubtest.Inbound && hubtest.Status(status)(e.Message) {
			return string(e.Message.Payload)
		}
	}
	return ""
}

func (b *bench) requireInstalled() {
	b.t.Helper()
	want := make([]byte, b.fw.Content.Size)
	_, err := b.fw.Content.ReadAt(want, 0)
	require.NoError(b.t, err)
	require.True(
		b.t,
		bytes.Equal(want, b.slots.Bytes("b")[:len(want)]),
		"every byte is the offered one",
	)
	flips := 0
	for _, call := range b.slots.Calls() {
		if call == "flip" {
			flips++
		}
	}
	require.Equal(b.t, 1, flips, "one flip for one offer")
}

func requireOrder(t *testing.T, statuses []string, want ...string) {
	t.Helper()
	require.Equal(t, want, slices.Compact(slices.Clone(statuses)), "%v", statuses)
}

func requireRising(t *testing.T, progress []hubtest.Progress) {
	t.Helper()
	require.NotEmpty(t, progress)
	last := progress[0]
	for _, p := range progress[1:] {
		require.GreaterOrEqual(t, p.Stage, last.Stage, "%v", progress)
		if p.Stage == last.Stage {
			require.Greater(t, p.Value, last.Value, "%v", progress)
		}
		last = p
	}
}
