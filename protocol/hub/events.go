package hub

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// APIVersion is the device_api_version of this package: the messages up to extensions, without
// device-managed updates.
const APIVersion = "2.3.0"

// Events that the hub pushes to the device channel.
const (
	EventUpdate            = "update"
	EventReboot            = "reboot"
	EventIdentify          = "identify"
	EventArchive           = "archive"
	EventScript            = "scripts/run" // the answer has the same name
	EventFirmwareKeys      = "fwup_public_keys"
	EventArchiveKeys       = "archive_public_keys"
	EventExtensionsGet     = "extensions:get"
	EventAttach            = "attach" // on the extensions channel
	EventDetach            = "detach" // on the extensions channel
	eventStatus            = "status_update"
	eventProgress          = "fwup_progress"
	eventValidated         = "firmware_validated"
	eventRebooting         = "rebooting"
	eventNetworkInterfaces = "report_network_interface"
)

// Empty is the payload of a message whose event has no members.
var Empty = jsontext.Value("{}")

// Push is a message to the hub.
type Push struct {
	Event   string
	Payload jsontext.Value
}

// tolerant accepts payloads of the hub whose unused parts break JSON's rules.
var tolerant = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// read decodes payload into out and reports whether it succeeded. It hides the errors of the JSON
// library, which can quote the payload.
func read(payload jsontext.Value, out any) bool {
	return json.Unmarshal(payload, out, tolerant) == nil
}

// write encodes values that this package made: clean text, integers, booleans.
func write(in any) jsontext.Value {
	data, err := json.Marshal(in, json.Deterministic(true))
	if err != nil {
		return Empty // not reached: clean text always encodes
	}
	return data
}

// text reads an optional string: null and absent are "".
func text(v jsontext.Value) (string, bool) {
	switch v.Kind() {
	case '"':
		b, err := jsontext.AppendUnquote(nil, v)
		return tidy(string(b)), err == nil || len(b) > 0
	case 'n', 0:
		return "", true
	default:
		return "", false
	}
}
