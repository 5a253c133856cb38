package agent

import (
	"github.com/hublink-go/hublink/cmd/device/internal/config"
	"github.com/hublink-go/hublink/cmd/device/internal/history"
)

// History returns what has become of firmware on this device, oldest first.
func History(file *config.File) ([]history.Entry, error) {
	return history.Read(file.Firmware.StateDir)
}
