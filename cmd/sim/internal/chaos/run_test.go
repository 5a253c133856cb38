package chaos

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/cmd/sim/internal/report"
	"github.com/hublink-go/hublink/extensions"
	"github.com/hublink-go/hublink/protocol/hubtest"
	"github.com/hublink-go/hublink/supervisor"
)

func TestRun(t *testing.T) {
	var out bytes.Buffer
	cfg := Config{
		Kinds: all(t), Kills: 24, Devices: 4, Seed: 3, Print: &report.Printer{Out: &out},
		Extensions: withHealth(t),
	}
	require.NoError(t, cfg.Validate())
	r, err := Run(t.Context(), cfg)
	require.NoError(t, err, out.String())
	require.True(t, r.OK)
	require.Len(t, r.Kills, 8)
	for kind, n := range r.Kills {
		require.Equal(t, 3, n, kind)
	}
	require.Positive(t, r.UpdatesCompleted)
}

func withHealth(t *testing.T) []extensions.Factory {
	t.Helper()
	found, err := Factories(exts)
	require.NoError(t, err)
	return found
}

// The kind extension kills any factory's, also those that no hub in the field has.
func TestRunOfCustomExtensions(t *testing.T) {
	names := []string{"health", "pulse"}
	factories, err := Factories(names)
	require.NoError(t, err)
	other := pulse()
	other.Name = "other"
	factories = append(factories, other)
	kinds, err := ParseKinds("extension", namesOf(factories))
	require.NoError(t, err)
	var out bytes.Buffer
	cfg := Config{
		Kinds: kinds, Kills: 18, Devices: 3, Seed: 2, Print: &report.Printer{Out: &out},
		Extensions: factories,
	}
	require.NoError(t, cfg.Validate())
	r, err := Run(t.Context(), cfg)
	require.NoError(t, err, out.String())
	require.Equal(t, Kills{
		Extension("health"): 6, Extension("pulse"): 6, Extension("other"): 6,
	}, r.Kills)
	_, err = Factories([]string{"teapot"})
	require.ErrorContains(t, err, "health, pulse")
}

func TestRunThatIsCancelled(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	r, err := Run(ctx, Config{
		Kinds: []Kind{Connection}, Kills: 5, Devices: 1, Seed: 1,
		Print: &report.Printer{JSON: true},
	})
	require.Error(t, err)
	require.False(t, r.OK)
	require.Zero(t, r.GoroutinesLeaked)
}

// What the plan keeps below is what a device's supervisors really have.
func TestLimitsAreThoseOfADevice(t *testing.T) {
	cfg := Config{Print: &report.Printer{JSON: true}, Extensions: withHealth(t)}
	r := &run{cfg: cfg, injector: newInjector()}
	require.NoError(t, r.open())
	defer func() { require.NoError(t, r.close()) }()
	u := r.newUnit(0, nil)
	require.NoError(t, u.boot(t.Context()))
	defer u.off()
	require.NoError(t,
		u.hub.Wait(t.Context(), func(s hubtest.Snapshot) bool { return len(s.Attached) > 0 }),
		"the extension is attached")
	tree, err := u.agent.Tree(t.Context())
	require.NoError(t, err)

	found := Limits{}
	var walk func(n supervisor.TreeNode)
	walk = func(n supervisor.TreeNode) {
		path := ""
		if n.Path != u.name {
			path = n.Path[len(u.name)+1:]
		}
		if n.Supervisor && n.Strategy != supervisor.Dynamic {
			found[path] = n.Intensity
		}
		for _, c := range n.Children {
			walk(c)
		}
	}
	walk(tree)
	require.Equal(t, DeviceLimits(exts), found)
	for _, k := range all(t) {
		if v := k.victim(); !v.uncounted {
			require.Contains(t, found, v.counted)
			require.True(t, r.sys.Ref(u.name+"/"+v.path).Alive(), "no actor lives at %s", v.path)
		}
	}
}

// A socket that is lost without a reboot is noticed: else "no drops" would mean nothing.
func TestDropIsCounted(t *testing.T) {
	r := &run{injector: newInjector()}
	require.NoError(t, r.open())
	defer func() { require.NoError(t, r.close()) }()
	u := r.newUnit(0, nil)
	r.units = []*unit{u}
	require.NoError(t, u.boot(t.Context()))
	defer u.off()
	require.NoError(t, u.hub.WaitJoined(t.Context()))
	require.Zero(t, r.count().SocketDrops)
	_, news := u.look("")
	require.NoError(t, u.hub.Net().Drop())
	<-news
	require.Equal(t, 1, r.count().SocketDrops)
}
