package firmware_test

import (
	"fmt"
	"time"

	"github.com/hublink-go/hublink/firmware"
)

// A machine is driven by inputs and says what to do.
func Example() {
	m := firmware.NewMachine(firmware.Config{})
	now := time.Unix(1_800_000_000, 0)
	running := firmware.Metadata{
		"uuid":         "u1",
		"version":      "1.0.0",
		"product":      "gate",
		"platform":     "board",
		"architecture": "arm",
	}
	m.Step(now, firmware.Started(firmware.OnDisk{Boot: firmware.BootRead{State: firmware.BootState{
		Active: "a", Next: "a", Meta: running, Validated: true, Capacity: 64 << 20,
	}}}), nil)
	m.Step(now, firmware.ChannelUp(0, true), nil)

	offered := firmware.Metadata{
		"uuid":         "u0",
		"version":      "0.9.0",
		"product":      "gate",
		"platform":     "board",
		"architecture": "arm",
	}
	offer := &firmware.Offer{
		UUID: "u0",
		Meta: offered,
		URL:  "https://files.example.com/u0.fw",
		Size: 1 << 20,
	}
	for _, e := range m.Step(now, firmware.Offered(offer), nil) {
		if e.Kind == firmware.DoReport {
			fmt.Printf("%v %.52q\n", e.Report.Status, e.Report.Reason)
		}
	}
	// Output:
	// received ""
	// ignored "version 0.9.0 is not newer than the running 1.0.0, a"
}
