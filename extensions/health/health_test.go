package health_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/hublink-go/hublink/extensions/exttest"
	"github.com/hublink-go/hublink/extensions/health"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type report struct {
	Value struct {
		Timestamp    time.Time          `json:"timestamp"`
		Metadata     map[string]string  `json:"metadata"`
		Alarms       map[string]string  `json:"alarms"`
		Metrics      map[string]float64 `json:"metrics"`
		Connectivity map[string]struct {
			Type    string `json:"type"`
			Present bool   `json:"present"`
			State   string `json:"state"`
			Status  string `json:"connection_status"`
		} `json:"connectivity"`
		Checks map[string]struct {
			Pass bool   `json:"pass"`
			Note string `json:"note"`
		} `json:"checks"`
	} `json:"value"`
}

// machine is a folder with the kernel's files of a small gateway.
func machine(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"proc/stat":    "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 100 0 100 700 100 0 0 0 0 0\nbtime 1700000000\n",
		"proc/loadavg": "0.50 1.25 2.00 1/100 4242\n",
		"proc/meminfo": "MemTotal:        2097152 kB\nMemFree:          100000 kB\nMemAvailable:    1572864 kB\n",
		"proc/self/net/dev": "Inter-|   Receive                            |  Transmit\n" +
			" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n" +
			"    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n" +
			"  eth0: 9007199254740 1 0 0 0 0 0 0 456 1 0 0 0 0 0 0\n" +
			" wlan0: 7 1 0 0 0 0 0 0 8 1 0 0 0 0 0 0\n",
		"sys/class/net/eth0/operstate":            "up\n",
		"sys/class/net/eth0/device/vendor":        "",
		"sys/class/net/wlan0/operstate":           "down\n",
		"sys/class/net/wlan0/wireless/link":       "",
		"sys/class/net/wlan0/device/vendor":       "",
		"sys/class/thermal/thermal_zone0/type":    "gpu-thermal\n",
		"sys/class/thermal/thermal_zone0/temp":    "99000\n",
		"sys/class/thermal/thermal_zone1/type":    "cpu-thermal\n",
		"sys/class/thermal/thermal_zone1/temp":    "48312\n",
		"sys/class/thermal/cooling_device0/state": "0\n",
	} {
		write(t, root, name, text)
	}
	require.NoError(t, os.Symlink("self/net", filepath.Join(root, "proc/net")))
	return root
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func attached(t *testing.T, opts health.Options) *exttest.Host {
	t.Helper()
	h := exttest.NewHost(t, health.New(opts))
	h.Attach()
	h.ExpectSilence("the hub has not asked")
	return h
}

func ask(t *testing.T, h *exttest.Host) report {
	t.Helper()
	h.Send("check", `{}`)
	var r report
	h.Expect("the hub asked", "report").Into(t, &r)
	h.ExpectSilence("one report for one check")
	return r
}

func TestContract(t *testing.T) {
	exttest.Run(t, health.New(health.Options{Root: machine(t)}), exttest.Options{
		Provoke:  func(h *exttest.Host) { h.Send("check", `{}`) },
		Messages: map[string]string{"check": `{}`},
	})
}

func TestReport(t *testing.T) {
	root := machine(t)
	h := attached(t,
		health.Options{Root: root, Disk: root, Metadata: map[string]string{"site": "roof"}})
	got := ask(t, h).Value

	require.True(t, exttest.Epoch.Equal(got.Timestamp))
	require.Equal(t, map[string]string{"site": "roof"}, got.Metadata)
	require.Empty(t, got.Alarms)
	require.Empty(t, got.Checks, "nothing has failed")

	var fs unix.Statfs_t
	require.NoError(t, unix.Statfs(root, &fs))
	require.InDelta(t, float64(fs.Blocks)*float64(fs.Frsize)/1024, got.Metrics["disk_total_kb"], 1)
	require.InDelta(t, float64(fs.Bavail)*float64(fs.Frsize)/1024, got.Metrics["disk_available_kb"],
		64<<10, "others write meanwhile")
	require.Greater(t, got.Metrics["disk_used_percentage"], 0.0)
	require.LessOrEqual(t, got.Metrics["disk_used_percentage"], 100.0)
	for name := range got.Metrics {
		if strings.HasPrefix(name, "disk_") {
			delete(got.Metrics, name)
		}
	}
	require.Equal(t, map[string]float64{
		"cpu_temp":          48.31,
		"cpu_usage_percent": 20, // since the start of the machine: 200 of 1000
		"load_1min":         0.5, "load_5min": 1.25, "load_15min": 2,
		"mem_size_mb": 2048, "mem_used_mb": 512, "mem_used_percent": 25,
		"eth0_bytes_received_total": 9007199254740, "eth0_bytes_sent_total": 456,
		"wlan0_bytes_received_total": 7, "wlan0_bytes_sent_total": 8,
	}, got.Metrics)

	require.Len(t, got.Connectivity, 2, "the loopback is of no interest")
	eth, wlan := got.Connectivity["eth0"], got.Connectivity["wlan0"]
	require.Equal(t, []string{"ethernet", "up", "lan"}, []string{eth.Type, eth.State, eth.Status})
	require.Equal(t, []string{"wifi", "down", "disconnected"},
		[]string{wlan.Type, wlan.State, wlan.Status})
	require.True(t, eth.Present)
}

// The hub's thresholds compare numbers; a counter as a string counts as unhealthy, and large ones
// must not turn into 9e+12.
func TestNumbersOnTheWire(t *testing.T) {
	h := attached(t, health.Options{Root: machine(t)})
	h.Send("check", `{}`)
	require.Contains(
		t,
		string(h.Expect("asked", "report").Payload),
		`"eth0_bytes_received_total":9007199254740`,
	)
}

func TestCPUUsageIsOfTheTimeBetweenReports(t *testing.T) {
	root := machine(t)
	stat := func(text string) { write(t, root, "proc/stat", text) }
	h := attached(t, health.Options{Root: root})
	usage := func() (float64, bool) {
		v, ok := ask(t, h).Value.Metrics["cpu_usage_percent"]
		return v, ok
	}
	for _, c := range []struct {
		name  string
		after time.Duration
		stat  string
		want  float64
		ok    bool
	}{
		{"since the start of the machine", 0, "cpu  100 0 100 800 0 0 0 0\n", 20, true},
		{
			"a few ticks later says nothing: the same again", 50 * time.Millisecond,
			"cpu  105 0 100 800 0 0 0 0\n", 20, true,
		},
		{"a minute at half load", time.Minute, "cpu  400 0 100 1100 0 0 0 0\n", 50, true},
		{
			"waiting for a disk is idle, interrupts are not", time.Minute,
			"cpu  400 0 100 1100 70 10 10 10\n", 30, true,
		},
		{"guests are not counted twice", time.Minute, "cpu  450 0 100 1150 70 10 10 10 50\n", 50, true},
		{"counters stand still", time.Minute, "cpu  450 0 100 1150 70 10 10 10 50\n", 0, false},
		{"counters went backwards", time.Minute, "cpu  1 0 0 1 0 0 0 0\n", 0, false},
		{"and on from there", time.Minute, "cpu  2 0 0 4 0 0 0 0\n", 25, true},
	} {
		stat(c.stat)
		h.Advance(c.after)
		got, ok := usage()
		require.Equal(t, c.ok, ok, c.name)
		require.InDelta(t, c.want, got, 0.01, c.name)
	}
}

func TestWhatCannotBeReadIsAFailedCheck(t *testing.T) {
	for _, c := range []struct {
		check, file, text string // text empty: the file is missing
		gone              string // a metric that is left out
	}{
		{"cpu", "proc/stat", "", "cpu_usage_percent"},
		{"load", "proc/loadavg", "what\n", "load_1min"},
		{"memory", "proc/meminfo", "", "mem_used_percent"},
		{"memory", "proc/meminfo", "MemTotal: 100 kB\n", "mem_used_percent"},
		{"memory", "proc/meminfo", "MemTotal: 0 kB\nMemAvailable: 0 kB\n", "mem_used_percent"},
		{"temperature", "sys/class/thermal/thermal_zone1/temp", "hot\n", "cpu_temp"},
		{"network", "proc/self/net/dev", "", "eth0_bytes_sent_total"},
	} {
		t.Run(c.check+" "+c.text, func(t *testing.T) {
			root := machine(t)
			if c.text == "" {
				require.NoError(t, os.Remove(filepath.Join(root, c.file)))
			} else {
				write(t, root, c.file, c.text)
			}
			got := ask(t, attached(t, health.Options{Root: root})).Value
			require.Len(t, got.Checks, 1)
			require.False(t, got.Checks[c.check].Pass)
			require.NotEmpty(t, got.Checks[c.check].Note)
			require.NotContains(t, got.Metrics, c.gone)
			require.NotEmpty(t, got.Metrics, "the rest is reported all the same")
		})
	}
}

func TestNothingToReadAtAll(t *testing.T) {
	got := ask(
		t, attached(t, health.Options{Root: filepath.Join(t.TempDir(), "none"), Disk: "/no/such/disk"}),
	).Value
	for _, name := range []string{"cpu", "load", "memory", "disk", "network"} {
		require.False(t, got.Checks[name].Pass, name)
		require.NotEmpty(t, got.Checks[name].Note, name)
	}
	require.NotContains(t, got.Checks, "temperature", "a machine without a sensor is whole")
	require.Empty(t, got.Metrics)
}

func TestWhatTheProgramAdds(t *testing.T) {
	healthy := errors.New("valve is stuck\x00\xff")
	h := attached(t, health.Options{
		Root: machine(t),
		Metrics: func() map[string]float64 {
			return map[string]float64{
				"boiler temp": 61.5, "nan": math.NaN(), "inf": math.Inf(1), strings.Repeat("x", 65): 1, "": 2,
				"cpu_temp": 40,
			}
		},
		Alarms: func() map[string]string { return map[string]string{"Leak": "water on the floor\x00"} },
		Checks: map[string]func() error{
			"valve": func() error { return healthy },
			"pump":  func() error { return nil },
		},
	})
	got := ask(t, h).Value
	require.InDelta(t, 61.5, got.Metrics["boilertemp"], 0, "the hub removes spaces")
	require.InDelta(t, 40, got.Metrics["cpu_temp"], 0, "the program knows better")
	for _, name := range []string{"nan", "inf", "", strings.Repeat("x", 65)} {
		require.NotContains(t, got.Metrics, name)
	}
	require.Equal(t, map[string]string{"Leak": "water on the floor"}, got.Alarms)
	require.True(t, got.Checks["pump"].Pass)
	require.False(t, got.Checks["valve"].Pass)
	require.Equal(t, "valve is stuck\uFFFD", got.Checks["valve"].Note)
}

// The hub keeps 20 metrics in the order of the alphabet: the interfaces of containers must not push
// out memory and load.
func TestManyInterfaces(t *testing.T) {
	root := machine(t)
	dev, err := os.ReadFile(filepath.Join(root, "proc/self/net/dev"))
	require.NoError(t, err)
	for _, name := range []string{"br-1", "br-2", "br-3", "docker0", "veth1", "veth2"} {
		dev = append(dev, "  "+name+": 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n"...)
	}
	write(t, root, "proc/self/net/dev", string(dev))
	got := ask(t, attached(t, health.Options{Root: root})).Value
	require.LessOrEqual(t, len(got.Metrics), 20)
	require.Contains(t, got.Metrics, "mem_used_percent")
	require.Contains(t, got.Metrics, "wlan0_bytes_sent_total", "hardware comes first")
	require.Contains(t, got.Metrics, "br-1_bytes_sent_total")
	require.NotContains(t, got.Metrics, "veth1_bytes_sent_total")
}

func TestUnknownMessagesAreCounted(t *testing.T) {
	h := attached(t, health.Options{Root: machine(t)})
	h.Send("check_more", `{}`)
	h.Send("set_interval", `{"minutes":5}`)
	h.ExpectSilence("unknown to this version")
	require.Equal(t, "2", ask(t, h).Value.Metadata["health_unknown_messages"])
}

// The files of a real kernel can be read.
func TestThisMachine(t *testing.T) {
	got := ask(t, attached(t, health.Options{})).Value
	for name, c := range got.Checks {
		require.Equal(t, "temperature", name, "only sensors differ between machines: %s", c.Note)
	}
	for _, name := range []string{
		"cpu_usage_percent", "load_1min", "mem_size_mb", "mem_used_percent", "disk_total_kb",
		"disk_available_kb", "disk_used_percentage",
	} {
		require.Contains(t, got.Metrics, name)
	}
}

func BenchmarkReport(b *testing.B) {
	h := exttest.NewHost(b, health.New(health.Options{}))
	h.Attach()
	b.ReportAllocs()
	for b.Loop() {
		h.Send("check", `{}`)
		h.Drain()
	}
}
