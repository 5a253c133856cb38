package hubtest

import (
	"slices"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"
	"github.com/go-json-experiment/json/jsontext"
)

// Bounds of what the hub keeps of one device.
const (
	maxHistory   = 1024     // statuses, progress reports
	maxReports   = 64       // kinds of extension messages
	maxKept      = 64 << 10 // bytes of a payload
	maxAttempts  = 16
	maxStructure = 1 << 20 // bytes of a message whose elements are looked at one by one
)

// statuses are those that NervesHub knows.
var statuses = map[string]bool{
	"requested": true, "rescheduled": true, "ignored": true, "received": true, "started": true,
	"downloading": true,
	"updating":    true, "completed": true, "failed": true, "expired": true,
}

// state holds the hub's view of one device, over all its sockets. It is pure and has no lock.
type state struct {
	settings *settings
	running  running
	update   updates
	mode     mode
	statuses []string
	progress []Progress
	reports  []kindReport       // few: a list is smaller than a map
	scripts  map[string]*script // by ref: asked for, and waited for
	screens  map[string]*screen // of the console and the local shell
	code     connecting
	refusals []refusal
	joins    int
	crashes  int
	reboots  int
	online   bool // the device channel is joined
}

// settings holds the operator's configuration. One value serves many devices and is not changed.
type settings struct {
	firmwareKeys, archiveKeys []string
	// the payload, with a URL that is good from now on; nil: there is none
	archive        func() jsontext.Value
	connectingCode string
	disabled       map[string]bool // extensions
}

func (s *settings) enabled(extension string) bool { return !s.disabled[extension] }

// running holds the parameters of the device's last join.
type running struct {
	Metadata
	api              *semver.Version
	downloading      string
	validated        *bool
	reverted         bool
	asksFirmwareKeys bool
	asksArchiveKeys  bool
	networkInterface string
	connectionTypes  []string // from old clients
}

// Metadata describes a firmware.
type Metadata struct {
	UUID, Product, Version, Platform, Architecture string
}

// Progress is one report of progress. Stage is "" when the device gave none.
type Progress struct {
	Stage string
	Value int
}

// Report counts the messages of one kind, "health:report" for instance, and keeps the last one.
type Report struct {
	Count   int            // accepted, for logging the lines
	Dropped int            // over the limit or unusable, for logging the lines
	Last    jsontext.Value // the last one accepted; nil when it is larger than 64 KiB
}

// kindReport is the Report of one kind.
type kindReport struct {
	kind string
	Report
}

// report returns the Report of a kind, or nil.
func (d *state) report(kind string) *Report {
	for i := range d.reports {
		if d.reports[i].kind == kind {
			return &d.reports[i].Report
		}
	}
	return nil
}

// refusal is an operator's order to refuse joins.
type refusal struct {
	topic    string
	times    int
	response jsontext.Value
}

// refusal reports whether to refuse a join, and counts it.
func (d *state) refusal(topic string) (jsontext.Value, bool) {
	for i := range d.refusals {
		if r := &d.refusals[i]; r.topic == topic && r.times > 0 {
			r.times--
			return r.response, true
		}
	}
	return nil, false
}

type joinParams struct {
	API          jsontext.Value `json:"device_api_version"`
	UUID         jsontext.Value `json:"nerves_fw_uuid"`
	Product      jsontext.Value `json:"nerves_fw_product"`
	Version      jsontext.Value `json:"nerves_fw_version"`
	Platform     jsontext.Value `json:"nerves_fw_platform"`
	Architecture jsontext.Value `json:"nerves_fw_architecture"`
	Downloading  jsontext.Value `json:"currently_downloading_uuid"`
	FirmwareKeys jsontext.Value `json:"fwup_public_keys"`
	ArchiveKeys  jsontext.Value `json:"archive_public_keys"`
	Meta         jsontext.Value `json:"meta"`
}

// parseJoin reads the parameters of a join. False means that the join crashes.
func parseJoin(payload jsontext.Value) (running, bool) {
	var p joinParams
	if !decode(payload, &p) {
		return running{}, false
	}
	var r running
	r.api = semver.New(1, 0, 0, "", "")
	if p.API.Kind() != 0 {
		version, ok := text(p.API)
		if !ok {
			return running{}, false
		}
		if v, err := semver.StrictNewVersion(version); err == nil {
			r.api = v
		}
	}
	for _, field := range []struct {
		from jsontext.Value
		to   *string
	}{
		{p.UUID, &r.UUID},
		{p.Product, &r.Product},
		{p.Version, &r.Version},
		{p.Platform, &r.Platform},
		{p.Architecture, &r.Architecture},
		{p.Downloading, &r.downloading},
	} {
		*field.to, _ = text(field.from)
	}
	r.asksFirmwareKeys = string(p.FirmwareKeys) == `"on_connect"`
	r.asksArchiveKeys = string(p.ArchiveKeys) == `"on_connect"`
	var meta struct {
		Validated jsontext.Value `json:"firmware_validated"`
		Reverted  jsontext.Value `json:"firmware_auto_revert_detected"`
	}
	decode(p.Meta, &meta)
	if k := meta.Validated.Kind(); k == 't' || k == 'f' {
		validated := k == 't'
		r.validated = &validated
	}
	r.reverted = meta.Reverted.Kind() == 't'
	return r, true
}

// joined handles a join of the device channel.
func (d *state) joined(now time.Time, r *rules, next running) {
	d.joins++
	d.online = true
	if d.running.UUID != next.UUID {
		d.update.succeeded(now, next.UUID)
	} else if next.downloading == "" {
		d.update.clear(now, "abandoned", "")
	}
	d.running = next
	if r.modes && d.mode.name == modeManaged && !atLeast(next.api, 2, 4) {
		d.mode.name = modeAutomatic
	}
	d.update.touch(now)
}

// left handles the end of the device channel.
func (d *state) left() { d.online = false }

func (d *state) validate() {
	validated := true
	d.running.validated = &validated
}

// report is the content of a status_update or of a progress.
type report struct {
	status   string // of a status_update
	stage    string // of a progress
	reason   string
	progress int // -1: none
	delay    time.Duration
}

// note appends a report to the history.
func (d *state) note(r report) {
	if r.status != "" {
		d.statuses = keep(d.statuses, r.status[:min(len(r.status), 256)])
		return
	}
	d.progress = keep(d.progress, Progress{Stage: r.stage, Value: r.progress})
}

// keep appends to a bounded history, whose older half goes when it is full.
func keep[T any](history []T, v T) []T {
	if len(history) >= maxHistory {
		history = slices.Delete(history, 0, maxHistory/2)
	}
	return append(history, v)
}

// networkReported handles report_network_interface and connection_types.
func (d *state) networkReported(payload jsontext.Value) {
	var p struct {
		Interface jsontext.Value   `json:"interface"`
		Values    []jsontext.Value `json:"values"`
	}
	if len(payload) > maxKept || !decode(payload, &p) {
		return
	}
	if name, ok := text(p.Interface); ok {
		d.running.networkInterface = name
	}
	if p.Values == nil {
		return
	}
	d.running.connectionTypes = nil
	for _, v := range p.Values[:min(len(p.Values), maxReports)] {
		if t, ok := text(v); ok {
			d.running.connectionTypes = append(d.running.connectionTypes, t)
		}
	}
}

// networkOf returns NervesHub's name for the network behind an interface.
func networkOf(name string) string {
	for _, kind := range []struct{ prefix, network string }{
		{"wlan", "wifi"}, {"eth", "ethernet"}, {"en", "ethernet"}, {"wwan", "cellular"},
	} {
		if strings.HasPrefix(name, kind.prefix) {
			return kind.network
		}
	}
	return "unknown"
}
