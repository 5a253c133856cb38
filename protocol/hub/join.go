package hub

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	metadataPrefix = "nerves_fw_"
	onConnect      = "on_connect"
)

// JoinParams describes a device in its join of the device channel. The device builds it for every
// join.
type JoinParams struct {
	// Metadata describes the running firmware: uuid, product, architecture, version and platform are
	// required by the hub, other keys pass through. Keys may carry the prefix nerves_fw_ or not.
	Metadata map[string]string
	// Extra has further top-level members without that prefix (update_tool, esp_idf_*). They never
	// replace the members above.
	Extra          map[string]string
	FwupVersion    string // "": not sent
	ConsoleVersion string // "": not sent
	// DownloadingUUID is the firmware that the device downloads or installs. With "" the hub forgets
	// an update that it counts as in progress.
	DownloadingUUID string
	// The running firmware is committed; nil means not known. The hub sends no offers to a device with
	// false.
	Validated       *bool
	Reverted        bool // the boot loader reverted a firmware that failed
	AskFirmwareKeys bool // the hub pushes the firmware signing keys
	AskArchiveKeys  bool // the hub pushes the archive signing keys
}

type joinMeta struct {
	Validated *bool `json:"firmware_validated,omitempty"`
	Reverted  bool  `json:"firmware_auto_revert_detected"`
}

// Payload returns the payload of the join.
func (p JoinParams) Payload() (jsontext.Value, error) {
	out := make(map[string]any, len(p.Metadata)+len(p.Extra)+7)
	for key, value := range p.Extra {
		out[tidy(key)] = tidy(value)
	}
	for key, value := range p.Metadata {
		if !strings.HasPrefix(key, metadataPrefix) {
			key = metadataPrefix + key
			if _, both := p.Metadata[key]; both {
				continue // the full name takes precedence
			}
		}
		out[tidy(key)] = tidy(value)
	}
	out["device_api_version"] = APIVersion
	out["currently_downloading_uuid"] = nil
	if p.DownloadingUUID != "" {
		out["currently_downloading_uuid"] = tidy(p.DownloadingUUID)
	}
	optional(out, "fwup_version", p.FwupVersion)
	optional(out, "console_version", p.ConsoleVersion)
	if p.AskFirmwareKeys {
		out["fwup_public_keys"] = onConnect
	}
	if p.AskArchiveKeys {
		out["archive_public_keys"] = onConnect
	}
	out["meta"] = joinMeta{Validated: p.Validated, Reverted: p.Reverted}
	return write(out), nil
}

func optional(out map[string]any, key, value string) {
	if value != "" {
		out[key] = tidy(value)
	}
}
