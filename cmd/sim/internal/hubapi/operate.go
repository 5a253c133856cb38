package hubapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/hublink-go/hublink/protocol/hubtest"
)

// pastUpdate is an update that is over.
type pastUpdate struct {
	updateView
	Reason  string     `json:"reason,omitempty"`
	Offered *time.Time `json:"offered"` // null: the device has begun it by itself
	Ended   time.Time  `json:"ended"`
}

type progressView struct {
	Stage string `json:"stage"`
	Value int    `json:"value"`
}

// showUpdates is all that the hub knows of a device's updates.
func showUpdates(_ *http.Request, d *hubtest.Device) (any, error) {
	s := d.Snapshot()
	over, until := d.Update().History()
	out := struct {
		Current  *updateView    `json:"current"`
		Past     []pastUpdate   `json:"past"`
		Statuses []string       `json:"statuses"`
		Progress []progressView `json:"progress"`
		Blocked  *time.Time     `json:"blocked_until"` // null: rollouts may offer
	}{Current: view(d).Update, Past: []pastUpdate{}, Statuses: s.Statuses, Progress: []progressView{}}
	for _, u := range over {
		p := pastUpdate{updateView: viewOfUpdate(u.UpdateRecord), Reason: u.Reason, Ended: u.Ended}
		if !u.Offered.IsZero() {
			p.Offered = &u.Offered
		}
		out.Past = append(out.Past, p)
	}
	for _, p := range s.Progress {
		out.Progress = append(out.Progress, progressView(p))
	}
	if !until.IsZero() {
		out.Blocked = &until
	}
	return out, nil
}

func unblock(_ *http.Request, d *hubtest.Device) (any, error) {
	d.Update().Unblock()
	return nil, nil
}

func (a *API) mode(r *http.Request, d *hubtest.Device) (any, error) {
	var in struct {
		Mode    string `json:"mode"`
		Allowed bool   `json:"device_may_change"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	known := []string{"automatic", "device_managed", "off"}
	switch {
	case !slices.Contains(known, in.Mode):
		return nil, fmt.Errorf("mode %q: give one of %v", in.Mode, known)
	case a.hub.Profile() != hubtest.ProfileNew:
		return nil, fmt.Errorf(
			"mode: the server %v knows no update modes: start the hub with --profile new", a.hub.Profile(),
		)
	}
	d.Update().SetMode(in.Mode, in.Allowed)
	return view(d), nil
}

func setConnectingCode(r *http.Request, d *hubtest.Device) (any, error) {
	var in struct {
		Text string `json:"text"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	d.Scripts().SetConnecting(in.Text)
	return nil, nil
}

// runScript answers when the device has answered.
func runScript(r *http.Request, d *hubtest.Device) (any, error) {
	var in struct {
		Text string `json:"text"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if in.Text == "" {
		return nil, errors.New("script: text is missing")
	}
	got, err := d.Scripts().Run(r.Context(), in.Text)
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"result": got.Result,
		"output": got.Output,
		"return": got.Return,
		"reason": got.Reason,
	}, nil
}

// changeExtensions attaches, detaches, and asks extensions for what the hub asks them for.
func changeExtensions(r *http.Request, d *hubtest.Device) (any, error) {
	var in struct {
		Attach []string `json:"attach"`
		Detach []string `json:"detach"`
		Ask    []string `json:"ask"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if len(in.Attach)+len(in.Detach)+len(in.Ask) == 0 {
		return nil, errors.New("extensions: name some in attach, detach or ask")
	}
	if len(in.Attach) > 0 {
		if err := d.Extensions().Attach(in.Attach...); err != nil {
			return nil, err
		}
	}
	if len(in.Detach) > 0 {
		if err := d.Extensions().Detach(in.Detach...); err != nil {
			return nil, err
		}
	}
	for _, name := range in.Ask {
		if err := d.Extensions().Ask(name); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

type reportView struct {
	Count   int             `json:"count"`
	Dropped int             `json:"dropped"`
	Last    json.RawMessage `json:"last,omitempty"` // left out when it is large
}

func showReports(_ *http.Request, d *hubtest.Device) (any, error) {
	views := map[string]reportView{}
	for kind, r := range d.Extensions().Reports() {
		views[kind] = reportView{Count: r.Count, Dropped: r.Dropped, Last: json.RawMessage(r.Last)}
	}
	return views, nil
}

// shell is that of the path.
func shell(r *http.Request, d *hubtest.Device) (hubtest.Shell, error) {
	switch name := r.PathValue("shell"); name {
	case "console":
		return d.Console(), nil
	case "local":
		return d.Extensions().Shell(), nil
	default:
		return hubtest.Shell{}, notFound("there is no shell %q: console and local are", name)
	}
}

// readShell returns the output of a shell, and waits for it when the call asks for that.
func readShell(r *http.Request, d *hubtest.Device) (any, error) {
	sh, err := shell(r, d)
	if err != nil {
		return nil, err
	}
	from, err := number(r, "from", 1<<53)
	if err != nil {
		return nil, err
	}
	const maxWait = 60_000
	wait, err := number(r, "wait_ms", maxWait)
	if err != nil {
		return nil, err
	}
	if wait > 0 {
		ctx, cancel := context.WithTimeout(r.Context(), time.Duration(wait)*time.Millisecond)
		defer cancel()
		_ = sh.WaitOutput(ctx, from, r.URL.Query().Get("for")) // what there is then is the answer
	}
	text, next := sh.Output(from)
	return map[string]any{"text": text, "next": next}, nil
}

// number reads a number of the query; it is zero when it is not there.
func number(r *http.Request, name string, most int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > most {
		return 0, fmt.Errorf("%s=%q in the query: give a number from 0 to %d", name, text, most)
	}
	return n, nil
}

func typeKeys(r *http.Request, d *hubtest.Device) (any, error) {
	sh, err := shell(r, d)
	if err != nil {
		return nil, err
	}
	var in struct {
		Keys    string `json:"keys"`
		Rows    int    `json:"rows"`
		Columns int    `json:"columns"`
		Restart bool   `json:"restart"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	sized := in.Rows != 0 || in.Columns != 0
	switch {
	case sized && (in.Rows < 1 || in.Columns < 1):
		return nil, errors.New("shell: rows and columns go together and are positive")
	case in.Keys == "" && !sized && !in.Restart:
		return nil, errors.New(`shell: give keys ("ls\r"), rows and columns, or restart`)
	}
	if in.Restart {
		if err := sh.Restart(); err != nil {
			return nil, err
		}
	}
	if sized {
		if err := sh.Resize(in.Rows, in.Columns); err != nil {
			return nil, err
		}
	}
	if in.Keys != "" {
		return nil, sh.Type(in.Keys)
	}
	return nil, nil
}
