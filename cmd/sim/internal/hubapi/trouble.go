package hubapi

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/hublink-go/hublink/protocol/hubtest"
)

// topicOf reads the topic of a channel: the device's when none is given.
func topicOf(r *http.Request) (string, error) {
	in := struct {
		Topic string `json:"topic"`
	}{Topic: "device"}
	err := decode(r, &in)
	return in.Topic, err
}

func crashChannel(r *http.Request, d *hubtest.Device) (any, error) {
	topic, err := topicOf(r)
	if err != nil {
		return nil, err
	}
	return nil, d.Channel(topic).Crash()
}

func closeChannel(r *http.Request, d *hubtest.Device) (any, error) {
	topic, err := topicOf(r)
	if err != nil {
		return nil, err
	}
	return nil, d.Channel(topic).Close()
}

func refuseJoins(r *http.Request, d *hubtest.Device) (any, error) {
	in := struct {
		Topic    string          `json:"topic"`
		Times    int             `json:"times"`
		Response json.RawMessage `json:"response"`
	}{Topic: "device", Times: 1}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if in.Times < 0 {
		return nil, errors.New(
			"refuse joins: times must not be negative; 0 takes the refusals of the topic back",
		)
	}
	d.Channel(in.Topic).RefuseJoins(in.Times, []byte(in.Response))
	return nil, nil
}

// know makes the hub know a device that may not have come yet, takes its removal back, or moves it
// to another product.
func (a *API) know(r *http.Request) (any, error) {
	var in struct {
		Product string `json:"product"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	const maxID = 255
	id := r.PathValue("id")
	if len(id) > maxID {
		return nil, errors.New("device: an identifier has at most 255 bytes")
	}
	d := a.hub.Device(id)
	d.Delete(false)
	if in.Product != "" {
		d.Move(in.Product)
	}
	return view(d), nil
}

// removeDevice closes the socket and lets the device in no more.
func removeDevice(_ *http.Request, d *hubtest.Device) (any, error) {
	d.Delete(true)
	return nil, nil
}
