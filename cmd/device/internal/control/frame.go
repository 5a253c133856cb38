package control

import (
	"encoding/json"
	"errors"
	"fmt"
)

// API is the version of the socket's protocol.
const API = 1

// Limits of the socket.
const (
	maxLine        = 64 << 10
	maxConnections = 32
	tooLong        = "a line has at most 65536 bytes"
)

// Frame is one line. Type says which fields are set.
type Frame struct {
	Type string `json:"type"`
	// a string; a number is accepted too, and returned as one
	ID json.RawMessage `json:"id,omitempty"`

	Name      string   `json:"name,omitempty"`      // hello
	Role      string   `json:"role,omitempty"`      // hello, welcome
	API       *int     `json:"api,omitempty"`       // hello, welcome
	Subscribe []string `json:"subscribe,omitempty"` // hello

	AgentVersion string `json:"agent_version,omitempty"` // welcome
	UpdateTool   string `json:"update_tool,omitempty"`   // welcome

	Method string          `json:"method,omitempty"` // request
	Params json.RawMessage `json:"params,omitempty"` // request
	Result json.RawMessage `json:"result,omitempty"` // response
	Error  *Error          `json:"error,omitempty"`  // response

	Event   string          `json:"event,omitempty"`   // event
	Payload json.RawMessage `json:"payload,omitempty"` // event
}

// Frame types.
const (
	typeHello    = "hello"
	typeWelcome  = "welcome"
	typeRequest  = "request"
	typeResponse = "response"
	typeEvent    = "event"
)

// Roles. At most one controller is connected at a time.
const (
	RoleObserver   = "observer"
	RoleController = "controller"
)

// Error is why a request failed.
type Error struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Error is an error answer of the agent.
func (e *Error) Error() string { return fmt.Sprintf("the agent answers %s: %s", e.Code, e.Message) }

// Codes of Error.
const (
	CodeAPIMismatch     = "api_mismatch"
	CodeControllerTaken = "controller_taken"
	CodeMarkValidFailed = "mark_valid_failed"
	CodeStopping        = "agent_stopping"
	CodeUnknownMethod   = "unknown_method"
	CodeUnsupported     = "unsupported"
	CodeWrongDirection  = "wrong_direction"
	CodeBadRequest      = "bad_request"
)

// Status is the answer to the method `status`.
type Status struct {
	Connection        string    `json:"connection"` // "connecting", "connected" or "disconnected"
	Identifier        string    `json:"identifier"`
	UpdateTool        string    `json:"update_tool"`
	Firmware          *Firmware `json:"firmware"`
	Update            *Update   `json:"update"`
	PendingValidation bool      `json:"pending_validation"`

	// The fields from here on are ours.
	Version    string   `json:"agent_version,omitempty"`
	Slot       string   `json:"slot,omitempty"`
	Problem    string   `json:"problem,omitempty"`    // why the device is not connected
	Serializer string   `json:"serializer,omitempty"` // of the last socket: "json" or "msgpack"
	Extensions []string `json:"extensions,omitempty"`
	// by extension: why it is not attached, or what went wrong since it was
	ExtensionProblems map[string]string `json:"extension_problems,omitempty"`
}

// Firmware describes the running firmware; unknown values are null.
type Firmware struct {
	UUID         *string `json:"uuid"`
	Version      *string `json:"version"`
	Product      *string `json:"product"`
	Platform     *string `json:"platform"`
	Architecture *string `json:"architecture"`
}

// Update is the update that is under way.
type Update struct {
	UUID    string `json:"uuid"`
	Stage   string `json:"stage"`
	Percent int    `json:"percent"`
}

// maxID bounds what is echoed.
const maxID = 256

// parseFrame reads one line. It is strict about what is echoed and lax about the rest: unknown
// fields are ignored.
func parseFrame(line []byte) (Frame, error) {
	var f Frame
	if err := json.Unmarshal(line, &f); err != nil {
		return Frame{}, errors.New("the line is not a JSON object of this protocol")
	}
	if len(f.ID) > 0 &&
		(len(f.ID) > maxID || f.ID[0] != '"' && f.ID[0] != '-' && (f.ID[0] < '0' || f.ID[0] > '9')) {
		return Frame{}, fmt.Errorf("id has to be a string or a number of at most %d bytes", maxID)
	}
	return f, nil
}

// checkHello returns what is wrong with the first line of a connection, or nil.
func checkHello(f Frame) *Error {
	switch {
	case f.Type != typeHello || f.Name == "" || f.API == nil:
		return &Error{
			CodeBadRequest,
			`the first line has to be a hello: {"type":"hello","name":…,"api":1}`,
		}
	case *f.API != API:
		return &Error{
			CodeAPIMismatch,
			fmt.Sprintf("this agent speaks API %d, the hello asks for %d", API, *f.API),
		}
	case f.Role != "" && f.Role != RoleObserver && f.Role != RoleController:
		return &Error{CodeBadRequest, "role has to be observer or controller"}
	}
	return nil
}
