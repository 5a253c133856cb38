package hubapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hublink-go/hublink/protocol/hubtest"
)

// maxMS bounds times: a day.
const maxMS = 24 * 60 * 60 * 1000

func (a *API) stats(*http.Request) (any, error) {
	s := a.hub.Stats()
	return map[string]any{
		"devices": len(
			a.hub.Devices(),
		), "online": s.Online, "upgrades": s.Upgrades, "refused": s.Refused, "joins": s.Joins,
		"crashes": s.Crashes, "kicked": s.Kicked, "idle": s.Idle, "sent": s.Sent,
		"downloads": s.Firmware.Requests, "downloaded_bytes": s.Firmware.Bytes,
	}, nil
}

// drain goes on when the caller has gone, as a node that is being replaced does.
func (a *API) drain(r *http.Request) (any, error) {
	in := struct {
		Batch    int   `json:"batch"`
		EveryMS  int64 `json:"every_ms"`
		WithinMS int64 `json:"within_ms"`
	}{
		Batch: a.opts.DrainBatch, EveryMS: a.opts.DrainEvery.Milliseconds(),
		WithinMS: a.opts.DrainWithin.Milliseconds(),
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if in.Batch < 1 || in.EveryMS < 0 || in.WithinMS < 1 || in.EveryMS > maxMS || in.WithinMS > maxMS {
		return nil, fmt.Errorf(
			"drain: batch and within_ms must be positive, every_ms not negative, both at most %d", maxMS,
		)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()),
		time.Duration(in.WithinMS)*time.Millisecond)
	defer cancel()
	err := a.hub.Net().Drain(ctx, in.Batch, time.Duration(in.EveryMS)*time.Millisecond)
	return map[string]bool{"in_time": err == nil}, nil // the others have got 1000
}

func (a *API) refuse(r *http.Request) (any, error) {
	in := struct {
		Status      int    `json:"status"`
		Reason      string `json:"reason"`
		Location    string `json:"location"`
		RetryAfterS int    `json:"retry_after_s"`
		Times       int    `json:"times"`
	}{Times: 1}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if in.RetryAfterS < 0 || in.RetryAfterS > maxMS/1000 {
		return nil, fmt.Errorf("refuse: retry_after_s %d: give 0 to %d", in.RetryAfterS, maxMS/1000)
	}
	if strings.ContainsAny(in.Reason+in.Location, "\r\n") {
		return nil, errors.New("refuse: reason and location go into headers: they have no line ends")
	}
	if in.Status < 300 || in.Status > 599 {
		return nil, fmt.Errorf("refuse: the status %d refuses nothing: give 300 to 599", in.Status)
	}
	a.hub.Door().Refuse(hubtest.Refusal{
		Status: in.Status, Reason: in.Reason, Location: in.Location,
		RetryAfter: time.Duration(in.RetryAfterS) * time.Second, Times: in.Times,
	})
	return nil, nil
}

// admit takes back what is left of refusals and cuts.
func (a *API) admit(*http.Request) (any, error) {
	a.hub.Door().Admit()
	return nil, nil
}

func (a *API) cut(r *http.Request) (any, error) {
	in := struct {
		Connections int `json:"connections"`
	}{Connections: 1}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if in.Connections < 1 {
		return nil, errors.New("cut: connections must be positive; DELETE /v1/refuse takes cuts back")
	}
	a.hub.Door().CutConnections(in.Connections)
	return nil, nil
}

// settingsView is the state of the operator's switches.
type settingsView struct {
	Profile        string `json:"profile"`
	Handshakes     int    `json:"handshakes_per_s"`
	AcceptSecrets  bool   `json:"accept_secrets"`
	PlatformDown   bool   `json:"platform_down"`
	ConnectingCode string `json:"connecting_code"`
	Refusals       int    `json:"refusals"`
	Cuts           int    `json:"cuts"`
}

func (a *API) settings(*http.Request) (any, error) {
	d := a.hub.Door().State()
	return settingsView{
		Profile: a.hub.Profile().
			String(),
		Handshakes: d.HandshakeRate, AcceptSecrets: d.Secrets, PlatformDown: d.PlatformDown,
		ConnectingCode: a.hub.ConnectingCode(), Refusals: d.Refusals, Cuts: d.Cuts,
	}, nil
}

// change sets what is given and leaves the rest.
func (a *API) change(r *http.Request) (any, error) {
	var in struct {
		Handshakes     *int    `json:"handshakes_per_s"`
		AcceptSecrets  *bool   `json:"accept_secrets"`
		PlatformDown   *bool   `json:"platform_down"`
		ConnectingCode *string `json:"connecting_code"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if in.Handshakes != nil {
		if *in.Handshakes < 0 {
			return nil, errors.New("settings: handshakes_per_s must not be negative; 0 lets all in")
		}
		a.hub.Door().SetHandshakeRate(*in.Handshakes)
	}
	if in.AcceptSecrets != nil {
		a.hub.Door().AcceptSecrets(*in.AcceptSecrets)
	}
	if in.PlatformDown != nil {
		a.hub.Door().PlatformDown(*in.PlatformDown)
	}
	if in.ConnectingCode != nil {
		a.hub.SetConnectingCode(*in.ConnectingCode)
	}
	return a.settings(r)
}
