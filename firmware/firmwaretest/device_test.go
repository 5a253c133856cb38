package firmwaretest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware"
)

var factory = firmware.Metadata{
	"uuid":         "uuid-of-1.0.0",
	"product":      "p",
	"architecture": "arm",
	"version":      "1.0.0",
	"platform":     "pi",
}

func fresh(*testing.T) Rig {
	d := NewDevice(factory, 1<<20)
	return Rig{
		Slots:   d,
		Applier: d,
		Boot:    d.Boot,
		Bytes:   func(slot string, n int) []byte { return first(d.Bytes(slot), n) },
	}
}

func first(p []byte, n int) []byte { return p[:min(n, len(p))] }

func TestDeviceSlots(t *testing.T)   { TestSlots(t, fresh) }
func TestDeviceApplier(t *testing.T) { TestApplier(t, fresh) }

func TestDeviceFailsWhenTold(t *testing.T) {
	d := NewDevice(factory, 1<<20)
	worn := errors.New("worn out")
	target := firmware.Target{UUID: "2"}
	d.FailNext("begin", worn)
	_, err := d.Begin(t.Context(), target)
	require.ErrorIs(t, err, worn)
	s, err := d.Begin(t.Context(), target)
	require.NoError(t, err, "once")
	d.FailNext("write", worn)
	_, err = s.WriteAt([]byte("x"), 0)
	require.ErrorIs(t, err, worn)
	require.NoError(t, s.Finish(t.Context()))
	d.FailNext("flip", worn)
	require.ErrorIs(t, d.Flip(t.Context(), target), worn)
	require.NoError(t, d.Flip(t.Context(), target))
	require.Equal(t, []string{"begin", "finish", "flip"}, d.Calls(), "what failed did not happen")
}

func ExampleDevice() {
	d := NewDevice(firmware.Metadata{"uuid": "1"}, 1<<20)
	s, _ := d.Begin(context.Background(), firmware.Target{UUID: "2"})
	_, _ = s.WriteAt([]byte("new firmware"), 0)
	_ = s.Finish(context.Background())
	_ = d.Flip(context.Background(), firmware.Target{UUID: "2"})
	fmt.Println(d.Boot(), d.Boot(), d.Boot(), d.Boot(), "without a commit")
	// Output: b b b a without a commit
}
