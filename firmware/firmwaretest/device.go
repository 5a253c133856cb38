package firmwaretest

import (
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/ramdev"
)

// Device is a device with two slots in memory; see package ramdev.
type Device = ramdev.Device

// NewDevice makes a device whose slot a runs the firmware running, committed, and whose slots take
// capacity bytes each.
func NewDevice(running firmware.Metadata, capacity int64) *Device {
	return ramdev.New(running, capacity)
}
