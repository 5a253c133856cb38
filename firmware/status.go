package firmware

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// Status is what a report tells the hub.
type Status uint8

// The statuses of NervesHub. StatusRebooting is an event of its own on the wire; as a report it
// keeps its place in the order.
const (
	StatusReceived    Status = iota + 1 // the offer has arrived
	StatusStarted                       // a download attempt has begun
	StatusCompleted                     // the new firmware is in place and boots next
	StatusIgnored                       // the device does not want it
	StatusRescheduled                   // the device wants it later
	StatusFailed                        // the update has ended without success
	StatusRebooting                     // the device reboots now
)

var statusNames = [...]string{
	StatusReceived: "received", StatusStarted: "started", StatusCompleted: "completed",
	StatusIgnored:     "ignored",
	StatusRescheduled: "rescheduled", StatusFailed: "failed", StatusRebooting: "rebooting",
}

// String returns the hub's name of the status.
func (s Status) String() string {
	if int(s) < len(statusNames) && s > 0 {
		return statusNames[s]
	}
	return "unknown"
}

// MarshalText returns the name.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name.
func (s *Status) UnmarshalText(text []byte) error {
	for i, name := range statusNames {
		if i > 0 && name == string(text) {
			*s = Status(i)
			return nil
		}
	}
	return fmt.Errorf("status %.32q is unknown", text)
}

// Report is one status on its way to the hub. Reports are numbered in their order, also over
// restarts.
type Report struct {
	Seq    uint64
	Status Status
	Reason string
	Delay  time.Duration // of StatusRescheduled
}

const (
	maxReports = 16
	maxReason  = 1024 // bytes that the hub takes
)

// Stage is the part of an update that a progress is of.
type Stage uint8

// The stages.
const (
	StageDownloading Stage = iota
	StageUpdating
)

// String returns the hub's name of the stage.
func (s Stage) String() string {
	if s == StageUpdating {
		return "updating"
	}
	return "downloading"
}

// shorten returns text cut to limit bytes, between runes.
func shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
