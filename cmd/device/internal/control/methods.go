package control

import (
	"context"
	"encoding/json"
	"time"
)

// Methods of a request.
const (
	MethodStatus    = "status"
	MethodMarkValid = "mark_valid"
	MethodReboot    = "reboot"
	MethodReconnect = "reconnect"
	MethodSubscribe = "subscribe"
)

// UpdateTool is how the agent names the way it writes firmware.
const UpdateTool = "slots"

// methodTimeout bounds a request that waits for the device.
const methodTimeout = 30 * time.Second

// handle answers one line after the hello. Every line is answered, also one that cannot be read.
func (s *session) handle(line []byte) Frame {
	f, err := parseFrame(line)
	if err != nil {
		return Frame{Type: typeResponse, Error: &Error{CodeBadRequest, err.Error()}}
	}
	answer := Frame{Type: typeResponse, ID: f.ID}
	if f.Type != typeRequest {
		answer.Error = &Error{CodeBadRequest, "only requests are expected after the hello"}
		return answer
	}
	result, failure := s.call(f)
	if failure != nil {
		answer.Error = failure
		return answer
	}
	answer.Result, err = json.Marshal(result)
	if err != nil {
		answer.Error = &Error{CodeBadRequest, err.Error()}
	}
	return answer
}

func (s *session) call(f Frame) (any, *Error) {
	device := s.server.device
	ctx, cancel := context.WithTimeout(s.server.ctx, methodTimeout)
	defer cancel()
	switch f.Method {
	case MethodStatus:
		return device.Status(), nil
	case MethodMarkValid:
		if err := device.Commit(ctx); err != nil {
			return nil, &Error{CodeMarkValidFailed, err.Error()}
		}
	case MethodReconnect:
		if err := device.Reconnect(); err != nil {
			return nil, &Error{CodeStopping, err.Error()}
		}
	case MethodReboot:
		return reboot(device, f.Params)
	case MethodSubscribe:
		return s.subscribe(f.Params)
	case "metrics":
		return nil, &Error{CodeUnsupported, "this agent takes no metrics on the control socket"}
	case "update_available", "reboot_request", "identify":
		return nil, &Error{
			CodeWrongDirection,
			f.Method + " is a question of the agent's, and this agent does not ask it",
		}
	default:
		return nil, &Error{
			CodeUnknownMethod,
			"methods are status, mark_valid, reboot, reconnect and subscribe",
		}
	}
	return struct{}{}, nil
}

func reboot(device Device, params json.RawMessage) (any, *Error) {
	var p struct {
		Reason *string `json:"reason"`
	}
	if len(params) > 0 && json.Unmarshal(params, &p) != nil {
		return nil, &Error{CodeBadRequest, `params of reboot: {"reason": text or null}`}
	}
	reason := "asked for on the control socket"
	if p.Reason != nil && *p.Reason != "" {
		reason = *p.Reason
	}
	if err := device.Reboot(reason); err != nil {
		return nil, &Error{CodeStopping, err.Error()}
	}
	return struct{}{}, nil
}

func (s *session) subscribe(params json.RawMessage) (any, *Error) {
	var p struct {
		Events []string `json:"events"`
	}
	if len(params) > 0 && json.Unmarshal(params, &p) != nil {
		return nil, &Error{
			CodeBadRequest,
			`params of subscribe: {"events": [names]}, which replaces the earlier list`,
		}
	}
	s.want(p.Events)
	return struct{}{}, nil
}
