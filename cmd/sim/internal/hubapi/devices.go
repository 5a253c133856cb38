package hubapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

// deviceView is a device as the hub sees it.
type deviceView struct {
	ID         string       `json:"id"`
	Online     bool         `json:"online"`
	Connected  bool         `json:"connected"`
	Sockets    int          `json:"sockets"`
	Joins      int          `json:"joins"`
	Crashes    int          `json:"crashes"`
	Reboots    int          `json:"reboots"`
	Firmware   firmwareView `json:"firmware"`
	Validated  *bool        `json:"validated"`
	Reverted   bool         `json:"reverted"`
	Interface  string       `json:"interface"`
	Mode       string       `json:"mode"`
	Extensions []string     `json:"extensions"`
	Statuses   []string     `json:"statuses"`
	Update     *updateView  `json:"update"` // null: none is in flight
}

// updateView is an update in flight.
type updateView struct {
	UUID     string `json:"uuid"`
	Status   string `json:"status"`
	Progress int    `json:"progress"`
	Manual   bool   `json:"manual"`
}

func view(d *hubtest.Device) deviceView {
	s := d.Snapshot()
	v := deviceView{
		ID: d.ID(), Online: s.Online, Connected: s.Connected, Sockets: s.Sockets, Joins: s.Joins,
		Crashes: s.Crashes,
		Reboots: s.Reboots, Firmware: viewOf(s.Running), Validated: s.Validated, Reverted: s.Reverted,
		Interface: s.Interface, Mode: s.Mode,
		Extensions: s.Attached, Statuses: s.Statuses,
	}
	if u := s.Update; u != nil {
		update := viewOfUpdate(*u)
		v.Update = &update
	}
	return v
}

func viewOfUpdate(u hubtest.UpdateRecord) updateView {
	return updateView{UUID: u.UUID, Status: u.Status, Progress: u.Progress, Manual: u.Manual}
}

// messageView is one recorded message.
type messageView struct {
	At      time.Time       `json:"at"`
	From    string          `json:"from"` // "device" or "hub"
	JoinRef string          `json:"join_ref,omitempty"`
	Ref     string          `json:"ref,omitempty"`
	Topic   string          `json:"topic"`
	Event   string          `json:"event"`
	Payload json.RawMessage `json:"payload,omitempty"` // left out when it is large
	Size    int             `json:"size"`
}

func (a *API) devices(*http.Request) (any, error) {
	devices := a.hub.Devices()
	views := make([]deviceView, 0, len(devices))
	for _, d := range devices {
		views = append(views, view(d))
	}
	return views, nil
}

// device finds the device of the path; one that the hub has never seen is an error.
func (a *API) device(do func(*http.Request, *hubtest.Device) (any, error)) call {
	return func(r *http.Request) (any, error) {
		id := r.PathValue("id")
		for _, d := range a.hub.Devices() {
			if d.ID() == id {
				return do(r, d)
			}
		}
		return nil, notFound("the hub has not seen a device %q: GET /v1/devices lists those that it has",
			id)
	}
}

func showDevice(_ *http.Request, d *hubtest.Device) (any, error) { return view(d), nil }

func listMessages(_ *http.Request, d *hubtest.Device) (any, error) {
	entries := d.Messages()
	views := make([]messageView, 0, len(entries))
	for _, e := range entries {
		from := "device"
		if e.Direction == hubtest.Outbound {
			from = "hub"
		}
		m := e.Message
		views = append(views, messageView{
			At: e.At, From: from, JoinRef: m.JoinRef, Ref: m.Ref, Topic: m.Topic, Event: m.Event,
			Payload: json.RawMessage(m.Payload), Size: e.Size,
		})
	}
	return views, nil
}

func pushEvent(r *http.Request, d *hubtest.Device) (any, error) {
	in := struct {
		Topic   string `json:"topic"`
		Event   string `json:"event"`
		Payload any    `json:"payload"`
	}{Topic: "device"}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if in.Event == "" {
		return nil, errors.New("push: event is missing")
	}
	return nil, d.Channel(in.Topic).Push(in.Event, in.Payload)
}

func (a *API) update(r *http.Request, d *hubtest.Device) (any, error) {
	var in struct {
		Firmware string `json:"firmware"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	f, err := a.firmware.find(in.Firmware)
	if err != nil {
		return nil, err
	}
	return nil, d.Update().Offer(f.fw)
}

// disconnect closes the socket as the hub itself does, or with a code, or cuts it without one when
// the code is zero.
func disconnect(r *http.Request, d *hubtest.Device) (any, error) {
	var in struct {
		Code *int `json:"code"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if in.Code == nil {
		return nil, d.Net().Kick()
	}
	switch code := *in.Code; {
	case code == 0:
		return nil, d.Net().Drop()
	case code < 1000 || code > 4999 || code == 1015 ||
		code == protocol.CloseNoStatus || code == protocol.CloseAbnormal:
		return nil, fmt.Errorf(
			"disconnect: %d is no code for a close frame: give 0 to cut, or 1000 to 4999", code,
		)
	default:
		return nil, d.Net().Close(code)
	}
}
