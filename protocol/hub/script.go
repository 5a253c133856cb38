package hub

import (
	"errors"
	"log/slog"

	"github.com/go-json-experiment/json/jsontext"
)

// RefConnectingCode is the ref of the code that the hub runs after a join. The hub does not show
// its result.
const RefConnectingCode = "connecting_code"

// OutputMax is the longest output of a script that a device sends, in bytes; Push cuts a longer
// one.
const OutputMax = 256 << 10

// Script is a support script to run. The hub drops a result that comes more than 15 s after the
// script.
type Script struct {
	Ref  string
	Text string // may hold secrets of the operator
}

// String returns the script's ref without its text.
func (s Script) String() string { return "script " + s.Ref }

// LogValue omits the text.
func (s Script) LogValue() slog.Value {
	return slog.GroupValue(slog.String("ref", s.Ref), slog.Int("bytes", len(s.Text)))
}

// ParseScript reads the payload of scripts/run; text and ref are required.
func ParseScript(payload jsontext.Value) (Script, error) {
	var raw struct {
		Ref  jsontext.Value `json:"ref"`
		Text jsontext.Value `json:"text"`
	}
	if payload.Kind() != '{' || !read(payload, &raw) {
		return Script{}, errors.New("scripts/run: payload is not an object")
	}
	if raw.Ref.Kind() != '"' || raw.Text.Kind() != '"' {
		return Script{}, errors.New("scripts/run: ref or text is not a string")
	}
	ref, _ := text(raw.Ref)
	if ref == "" || len(ref) > 255 {
		return Script{}, errors.New("scripts/run: ref is empty or too long")
	}
	body, _ := jsontext.AppendUnquote(nil, raw.Text)
	return Script{Ref: ref, Text: string(body)}, nil
}

// ScriptResult is the answer to a script.
type ScriptResult struct {
	Ref    string
	Failed bool
	Output string // what the script printed
	Return string // what it returned
	Reason string // why it failed
}

// Push returns the message of the answer.
func (r ScriptResult) Push() Push {
	out := struct {
		Ref    string `json:"ref"`
		Result string `json:"result"`
		Output string `json:"output"`
		Return string `json:"return"`
		Reason string `json:"reason,omitempty"`
	}{
		Ref: clean(r.Ref, 255), Result: "completed",
		Output: clean(
			r.Output,
			OutputMax,
		), Return: clean(r.Return, OutputMax), Reason: clean(r.Reason, ReasonMax),
	}
	if r.Failed {
		out.Result = "error"
	}
	return Push{Event: EventScript, Payload: write(out)}
}

// String returns the script's ref without its output.
func (r ScriptResult) String() string { return "result of script " + r.Ref }
