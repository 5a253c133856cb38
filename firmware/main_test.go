package firmware

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hublink-go/hublink/tests/golden"
)

var epoch = golden.Epoch()

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// step steps a machine and checks that its new state may follow the old one.
func step(t testing.TB, m *Machine, now time.Time, in Input) []Effect {
	t.Helper()
	from := m.State()
	out := m.Step(now, in, nil)
	require.True(t, mayFollow(from, in.kind, m.State()), "%v: %v to %v", in.kind, from, m.State())
	return out
}

// meta describes a firmware for the device of these tests.
func meta(uuid, version string) Metadata {
	return Metadata{
		"uuid":         uuid,
		"version":      version,
		"product":      "gate",
		"platform":     "board",
		"architecture": "arm",
	}
}

// onA is a device that runs u1, committed, in slot a.
func onA() BootState {
	return BootState{
		Active:    "a",
		Next:      "a",
		Meta:      meta("u1", "1.0.0"),
		Validated: true,
		Capacity:  8 << 20,
	}
}

// offer is u2 of four MiB, from a deployment.
func offer() *Offer {
	return &Offer{
		UUID: "u2", Meta: meta("u2", "2.0.0"), URL: "https://files.example.com/u2.fw?secret=1",
		Size: 4 << 20, Checksum: sumOf("u2"), DeploymentID: 7,
	}
}
