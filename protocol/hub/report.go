package hub

import (
	"time"
)

// Stage is the stage of a progress report. The hub takes its text as a status, so there are only
// the two stages that it knows.
type Stage uint8

// The stages of an update that report progress.
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

// statusReport has the members of a status_update (NervesHub device channel). The constructors
// below make every status that the hub knows. Another status crashes the hub's channel, and so does
// a delay that is not an integer.
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

// Received reports that the offer has arrived.
func Received() Push { return statusReport{Status: "received"}.push() }

// Started reports that a download has begun over the network interface iface; "" means not known. A
// device sends it once per attempt.
func Started(iface string) Push {
	s := statusReport{Status: "started"}
	if iface != "" {
		iface = clean(iface, 64)
		s.Interface = &iface
	}
	return s.push()
}

// Downloading reports that bytes arrive. Progress reports the same with a number.
func Downloading() Push { return statusReport{Status: "downloading"}.push() }

// Updating reports that the device writes the firmware. Progress reports the same with a number.
func Updating() Push { return statusReport{Status: "updating"}.push() }

// Completed reports that the new firmware is in place and boots next.
func Completed() Push { return statusReport{Status: "completed"}.push() }

// Ignored reports that the device refuses this firmware. The hub offers it again after its penalty
// time (a day by default).
func Ignored(reason string) Push { return statusReport{Status: "ignored", Reason: reason}.push() }

// Rescheduled asks the hub to offer again after delay, rounded up to milliseconds.
func Rescheduled(delay time.Duration, reason string) Push {
	ms := int64((max(delay, 0) + time.Millisecond - 1) / time.Millisecond)
	return statusReport{Status: "rescheduled", DelayMS: &ms, Reason: reason}.push()
}

// Failed reports that the update failed for good. The hub offers it again after its penalty time (a
// day by default).
func Failed(reason string) Push { return statusReport{Status: "failed", Reason: reason}.push() }

// Progress reports percent (0 to 100) of a stage.
func Progress(stage Stage, percent int) Push {
	return Push{Event: eventProgress, Payload: write(struct {
		Stage string `json:"stage"`
		Value int    `json:"value"`
	}{stage.String(), min(max(percent, 0), 100)})}
}

// FirmwareValidated reports that the running firmware was committed after the join.
func FirmwareValidated() Push { return Push{Event: eventValidated, Payload: Empty} }

// Rebooting reports that the device reboots now.
func Rebooting() Push { return Push{Event: eventRebooting, Payload: Empty} }

// ReportNetworkInterface reports the network interface of the socket. The hub derives wifi,
// ethernet or cellular from the name.
func ReportNetworkInterface(iface string) Push {
	return Push{
		Event:   eventNetworkInterfaces,
		Payload: write(map[string]string{"interface": clean(iface, 64)}),
	}
}
