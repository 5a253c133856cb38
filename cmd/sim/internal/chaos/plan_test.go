package chaos

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// exts are the extensions of the devices here.
var exts = []string{"health"}

func all(t require.TestingT) []Kind {
	kinds, err := ParseKinds("all", exts)
	require.NoError(t, err)
	return kinds
}

func TestPlanKeepsBelowTheLimits(t *testing.T) {
	limits := DeviceLimits(exts)
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.SliceOfNDistinct(rapid.SampledFrom(all(t)), 1, -1, rapid.ID[Kind]).Draw(t, "kinds")
		kills := rapid.IntRange(1, 600).Draw(t, "kills")
		devices := devicesFor(kinds, kills, limits) + rapid.IntRange(0, 30).Draw(t, "more devices")
		plan, err := NewPlan(rapid.Uint64().Draw(t, "seed"), kinds, kills, devices, limits)
		require.NoError(t, err)
		require.Len(t, plan, devices)

		byKind := Kills{}
		for _, list := range plan {
			bySupervisor := map[string]int{}
			for _, k := range list {
				byKind[k.Kind]++
				if v := k.Kind.victim(); !v.uncounted {
					bySupervisor[v.counted]++
					require.LessOrEqual(t, bySupervisor[v.counted], limits[v.counted].Max,
						"supervisor %q would give up", v.counted)
				}
				require.GreaterOrEqual(t, k.After, minPause)
				require.Less(t, k.Spare, maxSpare)
			}
		}
		require.Equal(t, kills, byKind.Total())
		for _, k := range kinds {
			require.InDelta(t, kills/len(kinds), byKind[k], 1, "kills are spread evenly")
		}
	})
}

func TestPlanOf200(t *testing.T) {
	plan, err := NewPlan(1, all(t), 200, 20, DeviceLimits(exts))
	require.NoError(t, err)
	again, err := NewPlan(1, all(t), 200, 20, DeviceLimits(exts))
	require.NoError(t, err)
	require.Equal(t, plan, again, "the same seed gives the same schedule")
	other, err := NewPlan(2, all(t), 200, 20, DeviceLimits(exts))
	require.NoError(t, err)
	require.NotEqual(t, plan, other)
	for _, list := range plan {
		require.InDelta(t, 10, len(list), 3, "no device is spared")
	}
}

func TestPlanRefuses(t *testing.T) {
	for _, c := range []struct {
		name           string
		kill           string
		kills, devices int
		want           string
	}{
		{"more than the supervisors bear", "all", 200, 10, "take at least 15 devices"},
		{"one kind", "client", 10, 3, "take at least 4 devices"},
		{
			"more than the time allows, though no supervisor counts them", "applier", 1000, 20,
			"take at least 63 devices",
		},
		{"no kills", "all", 0, 20, "at least one"},
		{"no devices", "all", 10, 0, "at least one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			kinds, err := ParseKinds(c.kill, exts)
			require.NoError(t, err)
			_, err = NewPlan(1, kinds, c.kills, c.devices, DeviceLimits(exts))
			require.ErrorContains(t, err, c.want)
			cfg := Config{Kinds: kinds, Kills: c.kills, Devices: c.devices, Extensions: withHealth(t)}
			require.Equal(t, err, cfg.Validate())
		})
	}
}

func TestParseKinds(t *testing.T) {
	two := []string{"health", "pulse"}
	for _, k := range Kinds(two) {
		got, err := ParseKinds(string(k), two)
		require.NoError(t, err)
		require.Equal(t, []Kind{k}, got)
	}
	got, err := ParseKinds("extension", two)
	require.NoError(t, err)
	require.Equal(t, []Kind{Extension("health"), "extension/pulse"}, got)
	_, err = ParseKinds("extension/pulse", exts)
	require.Error(t, err, "the devices do not have it")
	_, err = ParseKinds("extension", nil)
	require.Error(t, err, "the devices have none")
	_, err = ParseKinds("hub", exts)
	require.ErrorContains(
		t,
		err,
		"connection, channel/device, updater, downloader, applier, client, channel/extensions, extension/health",
	)
}

func TestResult(t *testing.T) {
	good := Result{Kills: Kills{}, UpdatesStarted: 2, UpdatesCompleted: 2}
	for _, k := range all(t) {
		good.Kills[k] = 1
	}
	good.judge(8)
	data, err := json.Marshal(good)
	require.NoError(t, err)
	require.Equal(
		t,
		`{"ok":true,"kills":{"connection":1,"channel/device":1,"updater":1,"downloader":1,"applier":1,"client":1,`+
			`"channel/extensions":1,"extension/health":1},"socket_drops":0,"updates_started":2,"updates_completed":2,`+
			`"intensity_exceeded":0,"goroutines_leaked":0}`,
		string(data),
	)
	for name, spoil := range map[string]func(*Result){
		"a kill too few":      func(r *Result) { r.Kills = maps.Clone(r.Kills); r.Kills[Client] = 0 },
		"a socket dropped":    func(r *Result) { r.SocketDrops = 1 },
		"an update lost":      func(r *Result) { r.UpdatesCompleted = 1 },
		"no update at all":    func(r *Result) { r.UpdatesStarted, r.UpdatesCompleted = 0, 0 },
		"a supervisor gone":   func(r *Result) { r.IntensityExceeded = 1 },
		"a goroutine is left": func(r *Result) { r.GoroutinesLeaked = 1 },
	} {
		r := good
		spoil(&r)
		r.judge(8)
		require.False(t, r.OK, name)
	}
}
