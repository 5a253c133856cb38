package hub

import (
	"time"
)

// Stage is what a progress report is about. The hub takes the text for a status, so there are only
// these two.
type Stage uint8

// The stages of an update that have a progress.
const (
	StageDownloading Stage = iota
	StageUpdating
)

func (s Stage) String() string {
	if s == StageDownloading {
		return "downloading"
	}
	return "updating"
}

// statusReport holds the members of a status_update. The statuses below are all that a hub knows:
// any other text crashes its channel, and so does a delay that is not an integer.
type statusReport struct {
	Status    string  `json:"status"`
	Interface *string `json:"downloader_network_interface,omitempty"`
	DelayMS   *int64  `json:"delay_for,omitempty"`
	Reason    string  `json:"reason,omitempty"`
}

func (s statusReport) push() Push {
	s.Reason = clean(s.Reason, ReasonMax)
	return Push{Event: eventStatus, Payload: write(s)}
}

// Received says that the offer has arrived.
func Received() Push { return statusReport{Status: "received"}.push() }

// Started says that a download has begun over the network interface of that name; "" when it is not
// known. Once per attempt.
func Started(iface string) Push {
	s := statusReport{Status: "started"}
	if iface != "" {
		iface = clean(iface, 64)
		s.Interface = &iface
	}
	return s.push()
}

// Downloading says that bytes arrive. Progress says the same with a number.
func Downloading() Push { return statusReport{Status: "downloading"}.push() }

// Updating says that the firmware is being written. Progress says the same with a number.
func Updating() Push { return statusReport{Status: "updating"}.push() }

// Completed says that the new firmware is in place and will be booted next.
func Completed() Push { return statusReport{Status: "completed"}.push() }

// Ignored says that the device does not want this firmware; the hub offers it again after its
// penalty time (a day by default).
func Ignored(reason string) Push { return statusReport{Status: "ignored", Reason: reason}.push() }

// Rescheduled asks the hub to offer again after delay, rounded up to milliseconds.
func Rescheduled(delay time.Duration, reason string) Push {
	ms := int64((max(delay, 0) + time.Millisecond - 1) / time.Millisecond)
	return statusReport{Status: "rescheduled", DelayMS: &ms, Reason: reason}.push()
}

// Failed says that the update has failed for good; the hub offers it again after its penalty time
// (a day by default).
func Failed(reason string) Push { return statusReport{Status: "failed", Reason: reason}.push() }

// Progress reports percent (0 to 100) of a stage.
func Progress(stage Stage, percent int) Push {
	return Push{Event: eventProgress, Payload: write(struct {
		Stage string `json:"stage"`
		Value int    `json:"value"`
	}{stage.String(), min(max(percent, 0), 100)})}
}

// FirmwareValidated says that the running firmware was committed since the join.
func FirmwareValidated() Push { return Push{Event: eventValidated, Payload: Empty} }

// Rebooting says that the device goes down now.
func Rebooting() Push { return Push{Event: eventRebooting, Payload: Empty} }

// ReportNetworkInterface names the network interface of the socket; the hub derives wifi, ethernet
// or cellular from the name.
func ReportNetworkInterface(iface string) Push {
	return Push{
		Event:   eventNetworkInterfaces,
		Payload: write(map[string]string{"interface": clean(iface, 64)}),
	}
}
