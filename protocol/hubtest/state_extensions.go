package hubtest

import (
	"slices"
	"time"

	"github.com/Masterminds/semver/v3"
	"github.com/go-json-experiment/json/jsontext"
)

// extensionReported handles a message of an attached extension. NervesHub swallows exceptions of a
// handler, so no message crashes the channel.
func (d *state) extensionReported(
	now time.Time, e *extension, event string, payload jsontext.Value,
) {
	key := e.name + ":" + event
	if key == "local_shell:shell_output" {
		d.said(e.name, payload)
	}
	r := d.report(key)
	if r == nil {
		if len(d.reports) >= maxReports {
			return
		}
		d.reports = append(d.reports, kindReport{kind: key})
		r = &d.reports[len(d.reports)-1].Report
	}
	good, bad := usable(key, e.version, payload)
	if good > 0 && e.tokens != nil && !e.tokens.AllowN(now, 1) {
		good, bad = 0, good+bad
	}
	r.Count += good
	r.Dropped += bad
	if good > 0 {
		r.Last = nil
		if len(payload) <= maxKept {
			r.Last = slices.Clone(payload)
		}
	}
}

// usable counts the parts of an extension's message that can be stored, and those that cannot.
func usable(key, version string, payload jsontext.Value) (good, bad int) {
	switch key {
	case "health:report":
		var p struct {
			Value jsontext.Value `json:"value"`
		}
		if decode(payload, &p) && p.Value.Kind() == '{' {
			return 1, 0
		}
		return 0, 1
	case "logging:send":
		return logLines(version, payload)
	default:
		if payload.Kind() == '{' {
			return 1, 0
		}
		return 0, 1
	}
}

const maxLogLines = 100 // of one message of logging 0.1.0

// logLines counts log lines. A line without a time cannot be stored.
func logLines(version string, payload jsontext.Value) (good, bad int) {
	if len(payload) > maxStructure {
		return 0, 1
	}
	lines := []jsontext.Value{payload}
	if v, err := semver.StrictNewVersion(version); err == nil && atLeast(v, 0, 1) {
		var p struct {
			Lines []jsontext.Value `json:"lines"`
		}
		if !decode(payload, &p) || p.Lines == nil {
			return 0, 1
		}
		lines = p.Lines
	}
	for i, line := range lines {
		var p struct {
			Level     jsontext.Value `json:"level"`
			Message   jsontext.Value `json:"message"`
			Timestamp jsontext.Value `json:"timestamp"`
			Meta      struct {
				Time jsontext.Value `json:"time"`
			} `json:"meta"`
		}
		timed := decode(line, &p) && (p.Meta.Time.Kind() == '"' || p.Timestamp.Kind() != 0)
		if i < maxLogLines && timed && p.Level.Kind() == '"' && p.Message.Kind() == '"' {
			good++
		} else {
			bad++
		}
	}
	return good, bad
}
