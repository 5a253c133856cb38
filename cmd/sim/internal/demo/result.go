package demo

import "math"

// Result is what was seen. Its JSON is the last line of `sim demo --json`.
type Result struct {
	OK          bool     `json:"ok"`
	From        string   `json:"from"`
	To          string   `json:"to"`
	SlotBefore  string   `json:"slot_before"`
	SlotAfter   string   `json:"slot_after"`
	Statuses    []string `json:"statuses"`     // as the hub has heard them
	Validated   bool     `json:"validated"`    // the firmware that runs at the end is committed
	SocketDrops int      `json:"socket_drops"` // losses but for the reboot
	Bytes       int64    `json:"bytes"`        // that the device has downloaded
	Seconds     float64  `json:"seconds"`      // from the offer to the last status
	MBPerS      float64  `json:"mb_per_s"`
	Reason      string   `json:"reason,omitempty"` // why the update failed
	// of an archive: ok, or what is wrong with the file, whatever the device is
	Archive string `json:"archive,omitempty"`
	// with an archive: changed or unchanged by a byte, from the offer to the end
	BootRecord string `json:"boot_record,omitempty"`
}

// rate fills in the speed.
func (r *Result) rate(bytes int64, seconds float64) {
	r.Bytes, r.Seconds = bytes, round(seconds)
	if seconds > 0 {
		r.MBPerS = round(float64(bytes) / 1e6 / seconds)
	}
}

func round(x float64) float64 { return math.Round(x*1000) / 1000 }
