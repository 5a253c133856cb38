package demo

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/hublink-go/hublink/protocol/hubtest"
)

// transcript returns one line for each message, in order. Of the payloads it shows what it knows to
// be harmless: an offer carries a signed URL. Reports of progress that follow each other are one
// line.
func transcript(entries []hubtest.Entry) []string {
	var lines []string
	for i := 0; i < len(entries); i++ {
		e := entries[i]
		line := describe(e, entries[0].At)
		if e.Message.Event == eventProgress {
			n := 1
			for i+1 < len(entries) && entries[i+1].Message.Event == eventProgress {
				i, n = i+1, n+1
			}
			if n > 1 {
				line += fmt.Sprintf(" to %s, %d messages", detail(entries[i]), n)
			}
		}
		lines = append(lines, line)
	}
	return lines
}

const eventProgress = "fwup_progress"

func describe(e hubtest.Entry, start time.Time) string {
	arrow := "device ->"
	if e.Direction == hubtest.Outbound {
		arrow = "   <- hub"
	}
	return fmt.Sprintf("%7.3fs  %s  %-10s %-24s %s", e.At.Sub(start).Seconds(), arrow, e.Message.Topic,
		e.Message.Event, detail(e))
}

// shown is all that is looked at in payloads.
type shown struct {
	Status   jsontext.Value `json:"status"`
	Reason   jsontext.Value `json:"reason"`
	Stage    jsontext.Value `json:"stage"`
	Value    jsontext.Value `json:"value"`
	Version  jsontext.Value `json:"nerves_fw_version"`
	Firmware struct {
		Version jsontext.Value `json:"version"`
	} `json:"firmware_meta"`
}

// detail is the part of a payload that tells the story.
func detail(e hubtest.Entry) string {
	var s shown
	if json.Unmarshal(e.Message.Payload, &s) != nil {
		return ""
	}
	out := ""
	switch m := e.Message; {
	case m.Event == "status_update":
		out = text(s.Status)
		if reason := text(s.Reason); reason != "" {
			out += ": " + reason
		}
	case m.Event == eventProgress && s.Value.Kind() == '0':
		out = text(s.Stage) + " " + string(s.Value)
	case m.Event == "update":
		out = text(s.Firmware.Version)
	case m.Event == "phx_join" && m.Topic == "device":
		out = text(s.Version)
	case m.Event == "phx_reply":
		out = text(s.Status)
	}
	return out
}

func text(v jsontext.Value) string {
	var s string
	if json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}
