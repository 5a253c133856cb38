package hub

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	metadataPrefix = "nerves_fw_"
	onConnect      = "on_connect"
)

// JoinParams is what a device says of itself when it joins the device channel. It is built anew for
// every join.
type JoinParams struct {
	// Metadata describes the running firmware: uuid, product, architecture, version and platform are
	// required by the hub, other keys pass through. Keys may carry the prefix nerves_fw_ or not.
	Metadata map[string]string
	// Extra are further top-level members without that prefix (update_tool, esp_idf_*); they never
	// replace the others.
	Extra          map[string]string
	FwupVersion    string // "": not sent
	ConsoleVersion string // "": not sent
	// DownloadingUUID is the firmware whose download or installation is in progress; "" makes the hub
	// forget an update that it believes to be in progress.
	DownloadingUUID string
	// the running firmware is committed; nil: not known. The hub offers unvalidated devices nothing.
	Validated       *bool
	Reverted        bool // the boot loader went back from a firmware that failed
	AskFirmwareKeys bool // have the hub push the firmware signing keys
	AskArchiveKeys  bool // have the hub push the archive signing keys
}

type joinMeta struct {
	Validated *bool `json:"firmware_validated,omitempty"`
	Reverted  bool  `json:"firmware_auto_revert_detected"`
}

// Payload is the payload of the join.
func (p JoinParams) Payload() (jsontext.Value, error) {
	out := make(map[string]any, len(p.Metadata)+len(p.Extra)+7)
	for key, value := range p.Extra {
		out[tidy(key)] = tidy(value)
	}
	for key, value := range p.Metadata {
		if !strings.HasPrefix(key, metadataPrefix) {
			key = metadataPrefix + key
			if _, both := p.Metadata[key]; both {
				continue // the full name wins
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
