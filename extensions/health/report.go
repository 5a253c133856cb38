package health

import (
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/procfs"
)

// Limits of the hub's metrics store (NervesHub), which drops what is beyond them, in alphabetical
// order.
const (
	metricsMax    = 20
	metricNameMax = 64
	noteMax       = 1024
	interfacesMax = 4
)

// report is the payload of health:report.
type report struct {
	Value value `json:"value"`
}

type value struct {
	Timestamp    string             `json:"timestamp"` // ISO 8601, UTC
	Metadata     map[string]string  `json:"metadata"`
	Alarms       map[string]string  `json:"alarms"` // empty: none
	Metrics      map[string]float64 `json:"metrics"`
	Checks       map[string]check   `json:"checks"`
	Connectivity map[string]link    `json:"connectivity"`
}

type check struct {
	Pass bool   `json:"pass"`
	Note string `json:"note"`
}

// collect reads all parts of the report. A part that fails becomes a failed check.
func (x *extension) collect() value {
	now := x.host.Now()
	v := value{
		Timestamp: now.UTC().Format(time.RFC3339Nano),
		Metadata:  x.metadata(),
		Metrics:   map[string]float64{},
		Checks:    map[string]check{},
	}
	for _, part := range []struct {
		name string
		read func(map[string]float64) error
	}{
		{"cpu", func(m map[string]float64) error { return x.cpu(now, m) }},
		{"load", x.source.load},
		{"memory", x.source.memory},
		{"disk", x.source.diskSpace},
		{"temperature", x.source.temperature},
	} {
		if err := part.read(v.Metrics); err != nil {
			v.fail(part.name, err)
		}
	}
	x.network(&v)
	if x.opts.Metrics != nil {
		maps.Copy(v.Metrics, x.opts.Metrics())
	}
	v.Metrics = acceptable(v.Metrics)
	if x.opts.Alarms != nil {
		v.Alarms = tidy(x.opts.Alarms())
	}
	for name, run := range x.opts.Checks {
		v.Checks[text(name)] = check{Pass: true}
		if err := run(); err != nil {
			v.fail(name, err)
		}
	}
	return v
}

func (v *value) fail(name string, err error) {
	note := text(err.Error())
	if len(note) > noteMax {
		note = strings.ToValidUTF8(note[:noteMax], "") // not in the middle of a rune
	}
	v.Checks[text(name)] = check{Note: note}
}

// text returns s as the hub can store it: its database refuses NUL, and JSON must be valid UTF-8.
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
}

func tidy(in map[string]string) map[string]string {
	out := make(map[string]string, len(in))
	for name, s := range in {
		out[text(name)] = text(s)
	}
	return out
}

func (x *extension) cpu(now time.Time, m map[string]float64) error {
	stat, err := x.source.cpu()
	if err != nil {
		return err
	}
	if percent, ok := x.usage.step(now, stat); ok {
		m["cpu_usage_percent"] = percent
	}
	return nil
}

func (x *extension) network(v *value) {
	counters, err := x.source.counters()
	if err != nil {
		v.fail("network", err)
		return
	}
	v.Connectivity = make(map[string]link, interfacesMax)
	for _, name := range x.source.choose(slices.Sorted(maps.Keys(counters))) {
		c := counters[name]
		v.Metrics[name+"_bytes_received_total"] = float64(c.RxBytes)
		v.Metrics[name+"_bytes_sent_total"] = float64(c.TxBytes)
		v.Connectivity[text(name)] = x.source.describe(name)
	}
}

// acceptable returns the metrics that the hub can store: finite numbers with short names, at most
// metricsMax.
func acceptable(in map[string]float64) map[string]float64 {
	out := make(map[string]float64, len(in))
	for _, name := range slices.Sorted(maps.Keys(in)) {
		number := in[name]
		name = strings.ReplaceAll(text(name), " ", "")
		if name == "" || len(name) > metricNameMax || math.IsNaN(number) || math.IsInf(number, 0) {
			continue
		}
		if out[name] = number; len(out) == metricsMax {
			break
		}
	}
	return out
}

// usageWindow is the shortest time over which the processor's usage is precise enough: the kernel
// counts in hundredths of a second.
const usageWindow = time.Second

// usage turns the counters of /proc/stat into a percentage.
type usage struct {
	at          time.Time
	busy, total float64 // seconds since the machine started, at that time
	percent     float64
	known       bool
}

// step returns how busy the processors were since the last step, in percent of all of them; the
// first time since the machine started. Steps within a second of the last one repeat its answer. It
// reports false when there is no answer.
func (u *usage) step(now time.Time, s procfs.CPUStat) (percent float64, ok bool) {
	if u.known && now.Sub(u.at).Abs() < usageWindow {
		return u.percent, true
	}
	// guests are counted in User and Nice
	busy := s.User + s.Nice + s.System + s.IRQ + s.SoftIRQ + s.Steal
	total := busy + s.Idle + s.Iowait
	dBusy, dTotal := busy-u.busy, total-u.total
	u.at, u.busy, u.total = now, busy, total
	u.known = dTotal > 0
	if !u.known {
		return 0, false
	}
	u.percent = hundredths(min(max(100*dBusy/dTotal, 0), 100))
	return u.percent, true
}

func hundredths(x float64) float64 { return math.Round(x*100) / 100 }
