package hubapi

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/extensions"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/ramdev"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

// desk is an operator with a hub.
type desk struct {
	t   *testing.T
	hub *hubtest.Hub
	api *API
	dir string
}

func newDesk(t *testing.T, mode hubtest.Mode, profile ...hubtest.Profile) *desk {
	cfg := hubtest.Config{Mode: mode, Record: 100}
	for _, p := range profile {
		cfg.Profile = p
	}
	return newDeskOf(t, cfg)
}

func newDeskOf(t *testing.T, cfg hubtest.Config) *desk {
	d := &desk{t: t, hub: hubtest.Run(t, cfg), dir: t.TempDir()}
	d.api = New(d.hub, d.dir, Options{})
	t.Cleanup(func() {
		d.hub.Close()
		require.NoError(t, d.api.Close())
		left, err := os.ReadDir(d.dir)
		require.NoError(t, err)
		require.Empty(t, left, "uploads are removed")
	})
	return d
}

// ask does one call and returns status and body.
func (d *desk) ask(method, path, body string) (int, string) {
	d.t.Helper()
	r := httptest.NewRequestWithContext(d.t.Context(), method, path, strings.NewReader(body))
	w := httptest.NewRecorder()
	d.api.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func (d *desk) want(status int, method, path, body string) string {
	d.t.Helper()
	got, text := d.ask(method, path, body)
	require.Equal(d.t, status, got, text)
	return text
}

const described = "product=bench&version=1.1.0&platform=folder&architecture=any"

// device runs an agent against the hub until the test ends and returns how it ended.
func (d *desk) device(id string, own ...extensions.Factory) <-chan error {
	slots := ramdev.New(running, 4<<20)
	secret := d.hub.Secret(id)
	dev, err := actors.New(actors.Config{
		Identity: id,
		Hub:      actors.Hub{URL: d.hub.URL(), Secret: &secret},
		Firmware: actors.Firmware{Slots: slots, Applier: slots, Journal: slots},

		Extensions: own,
	})
	require.NoError(d.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		ended <- dev.Run(ctx)
		close(done)
	}()
	d.t.Cleanup(func() {
		cancel()
		<-done
	})
	wait, cancelWait := context.WithTimeout(ctx, time.Minute)
	defer cancelWait()
	require.NoError(d.t, d.hub.Device(id).WaitJoined(wait))
	return ended
}

var running = firmware.Metadata{
	"uuid": "fw-1", "product": "bench", "version": "1.0.0", "platform": "folder",
	"architecture": "any",
}

func TestAnOperatorUpdatesADevice(t *testing.T) {
	d := newDesk(t, hubtest.Plain)
	ended := d.device("dev-1")
	var dev deviceView
	require.NoError(t, json.Unmarshal([]byte(d.want(200, "GET", "/v1/devices/dev-1", "")), &dev))
	require.True(t, dev.Online)
	require.Equal(t, "1.0.0", dev.Firmware.Version)

	d.want(200, "POST", "/v1/firmware?uuid=fw-2&"+described, strings.Repeat("firmware", 1<<17))
	require.Contains(t, d.want(200, "GET", "/v1/firmware", ""), `"size":1048576`)
	d.want(200, "POST", "/v1/firmware/fw-2/faults", `{"kind":"cut","n":500000,"times":1}`)
	d.want(200, "POST", "/v1/devices/dev-1/update", `{"firmware":"fw-2"}`)
	require.ErrorIs(t, <-ended, actors.ErrReboot)
	require.NoError(t, json.Unmarshal([]byte(d.want(200, "GET", "/v1/devices/dev-1", "")), &dev))
	require.Equal(t, []string{"received", "started", "started", "completed"}, dev.Statuses,
		"the download was cut once and went on")
	require.Equal(t, 1, dev.Reboots)
	require.Contains(t, d.want(200, "GET", "/v1/stats", ""), `"downloads":2`)
	soon, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t,
		d.hub.Device("dev-1").Wait(soon, func(s hubtest.Snapshot) bool { return !s.Online }),
		"the hub has seen it go")
	d.want(409, "POST", "/v1/devices/dev-1/update", `{"firmware":"fw-2"}`)
}

// greeter is an extension that no server has.
type greeter struct{ host extensions.Host }

func (g greeter) Handle(e extensions.Event) error {
	if e.Kind != extensions.Message {
		return nil
	}
	var asked struct {
		To string `json:"to"`
	}
	if err := json.Unmarshal(e.Payload, &asked); err != nil {
		return err
	}
	return g.host.Push("hello", map[string]string{"asked": e.Name, "to": asked.To})
}

// A device's own extension is tried end to end: the hub advertises it, attaches it, asks it, and
// keeps what it says.
func TestACustomExtension(t *testing.T) {
	d := newDeskOf(t, hubtest.Config{Custom: []hubtest.Extension{
		{Name: "greeter", Versions: []string{"1.0.0"}, Ask: "greet"},
	}})
	d.device("dev-1", extensions.Factory{
		Name: "greeter", Versions: []string{"1.0.0"},
		New: func(h extensions.Host) (extensions.Extension, error) { return greeter{h}, nil },
	})
	seen := d.hub.Device("dev-1")
	soon, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, seen.Extensions().WaitReport(soon, "greeter:hello"))
	require.JSONEq(t, `{"asked":"greet","to":""}`,
		string(seen.Extensions().Report("greeter:hello").Last))

	d.want(200, "POST", "/v1/devices/dev-1/push",
		`{"topic":"extensions","event":"greeter:welcome","payload":{"to":"all"}}`)
	require.Eventually(t, func() bool {
		return strings.Contains(d.want(200, "GET", "/v1/devices/dev-1/reports", ""),
			`"greeter:hello":{"count":2,"dropped":0,"last":{"asked":"welcome","to":"all"}}`)
	}, time.Minute, time.Millisecond)
	d.want(200, "POST", "/v1/devices/dev-1/extensions", `{"detach":["greeter"]}`)
	require.NoError(t, seen.Wait(soon, func(s hubtest.Snapshot) bool { return len(s.Attached) == 0 }))
	d.want(409, "POST", "/v1/devices/dev-1/extensions", `{"ask":["greeter"]}`)
}

func TestAnOperatorTroublesADevice(t *testing.T) {
	d := newDesk(t, hubtest.Plain)
	d.device("dev-1")
	seen := d.hub.Device("dev-1")
	soon, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	d.want(200, "POST", "/v1/devices/dev-1/push", `{"event":"identify"}`)
	d.want(200, "POST", "/v1/devices/dev-1/crash", "")
	require.NoError(t, seen.Wait(soon, func(s hubtest.Snapshot) bool { return s.Joins == 2 }))
	require.Equal(t, 1, seen.Net().Sockets(), "a channel's crash costs no socket")

	d.want(200, "POST", "/v1/devices/dev-1/disconnect", `{"code":1001}`)
	require.NoError(t, seen.Wait(soon, func(s hubtest.Snapshot) bool { return s.Joins == 3 }))
	d.want(200, "POST", "/v1/refuse", `{"status":503,"reason":"busy"}`)
	d.want(200, "POST", "/v1/devices/dev-1/disconnect", `{"code":0}`)
	require.NoError(t, seen.Wait(soon, func(s hubtest.Snapshot) bool { return s.Joins == 4 }))
	require.Contains(t, d.want(200, "GET", "/v1/stats", ""), `"refused":1`)
	d.want(200, "POST", "/v1/drain", `{"batch":10,"every_ms":0}`)

	var messages []messageView
	require.NoError(t,
		json.Unmarshal([]byte(d.want(200, "GET", "/v1/devices/dev-1/messages", "")), &messages))
	require.Equal(t, "phx_join", messages[0].Event)
	require.Equal(t, "device", messages[0].From)
}

func TestADeploymentReachesWhoeverIsOnline(t *testing.T) {
	d := newDesk(t, hubtest.Plain)
	ended := d.device("dev-1")
	d.want(200, "POST", "/v1/firmware?uuid=fw-2&size=70000&"+described, "")
	d.want(200, "POST", "/v1/firmware/fw-2/deployment", "")
	require.ErrorIs(t, <-ended, actors.ErrReboot)
}

func TestWrongCallsAreExplained(t *testing.T) {
	d := newDesk(t, hubtest.Memory)
	d.hub.Device("offline")
	d.want(200, "POST", "/v1/firmware?uuid=fw-2&size=10&"+described, "")
	for _, c := range []struct {
		status             int
		method, path, body string
		want               string
	}{
		{404, "GET", "/v1/devices/missing", "", "has not seen"},
		{404, "POST", "/v1/devices/offline/update", `{"firmware":"none"}`, "no firmware"},
		{409, "POST", "/v1/devices/offline/update", `{"firmware":"fw-2"}`, "not joined"},
		{409, "POST", "/v1/devices/offline/disconnect", "", "offline"},
		{400, "POST", "/v1/devices/offline/disconnect", `{"code":1006}`, "no code"},
		{400, "POST", "/v1/devices/offline/push", `{}`, "event is missing"},
		{400, "POST", "/v1/devices/offline/push", `{"evnt":"x"}`, "unknown field"},
		{400, "POST", "/v1/devices/offline/push", `[`, "read the request"},
		{400, "POST", "/v1/firmware?uuid=fw-3&" + described, "", "give the bytes"},
		{400, "POST", "/v1/firmware?uuid=fw-3&size=-1&" + described, "", "give bytes"},
		{400, "POST", "/v1/firmware?uuid=fw-2&size=1&" + described, "", "there already"},
		{400, "POST", "/v1/firmware?" + described, "x", "uuid is missing"},
		{400, "POST", "/v1/firmware/fw-2/faults", `{"kind":"magic"}`, "kind is one of"},
		{400, "POST", "/v1/firmware/fw-2/faults", `{"kind":"status"}`, "200 to 599"},
		{404, "DELETE", "/v1/firmware/fw-9/faults", "", "no firmware"},
		{400, "POST", "/v1/firmware/fw-2/deployment", `{"concurrency":-1}`, "negative"},
		{400, "POST", "/v1/refuse", `{"status":200}`, "refuses nothing"},
		{400, "POST", "/v1/refuse", `{"status":503,"reason":"a\r\nb"}`, "no line ends"},
		{400, "POST", "/v1/refuse", `{"status":503,"retry_after_s":-1}`, "give 0 to"},
		{400, "POST", "/v1/refuse", `{"status":503} {}`, "something behind"},
		{400, "POST", "/v1/refuse", `{"status":"503"}`, "/openapi.json says what POST /v1/refuse takes"},
		{400, "POST", "/v1/cut", `{"connections":0}`, "positive"},
		{400, "PATCH", "/v1/settings", `{"handshakes_per_s":-1}`, "negative"},
		{404, "GET", "/v1/device", "", "see /openapi.json"},
		{405, "DELETE", "/v1/devices", "", "takes GET, HEAD and not DELETE"},
		{404, "DELETE", "/v1/deployments/7", "", "no deployment"},
		{404, "POST", "/v1/firmware/fw-9/archive", "", "no firmware"},
		{400, "PUT", "/v1/devices/offline/mode", `{"mode":"sometimes"}`, "give one of"},
		{400, "POST", "/v1/devices/offline/script", `{}`, "text is missing"},
		{409, "POST", "/v1/devices/offline/script", `{"text":"1"}`, "not joined"},
		{400, "POST", "/v1/devices/offline/extensions", `{}`, "name some"},
		{409, "POST", "/v1/devices/offline/extensions", `{"ask":["health"]}`, "not joined"},
		{400, "POST", "/v1/devices/offline/extensions", `{"ask":["logging"]}`, "asked for nothing"},
		{404, "GET", "/v1/devices/offline/shells/remote", "", "console and local"},
		{400, "GET", "/v1/devices/offline/shells/console?from=x", "", "give a number"},
		{400, "GET", "/v1/devices/offline/shells/console?wait_ms=60001", "", "from 0 to 60000"},
		{400, "POST", "/v1/devices/offline/shells/console", `{}`, "give keys"},
		{400, "POST", "/v1/devices/offline/shells/console", `{"rows":3}`, "go together"},
		{400, "POST", "/v1/devices/offline/shells/local", `{"restart":true}`, "only the console"},
		{409, "POST", "/v1/devices/offline/shells/console", `{"keys":"x"}`, "not joined"},
		{409, "POST", "/v1/devices/offline/close", "", "not joined"},
		{400, "POST", "/v1/devices/offline/refuse-joins", `{"times":-1}`, "negative"},
		{400, "PUT", "/v1/devices/" + strings.Repeat("x", 256), "", "255 bytes"},
		{400, "POST", "/v1/drain", `{"batch":0}`, "positive"},
		{400, "POST", "/v1/drain", `{"within_ms":999999999999}`, "at most"},
	} {
		require.Contains(t, d.want(c.status, c.method, c.path, c.body), c.want, c.path)
	}
	d.want(200, "DELETE", "/v1/firmware/fw-2/faults", "")
	d.want(404, "GET", "/ca.pem", "")
}

func TestTheAuthorityIsThere(t *testing.T) {
	d := newDesk(t, hubtest.TLS)
	require.Contains(t, d.want(200, "GET", "/ca.pem", ""), "BEGIN CERTIFICATE")
}

// Every call is described, and what is described is there.
func TestTheDescriptionIsComplete(t *testing.T) {
	d := newDesk(t, hubtest.Memory)
	d.hub.Device("dev-1")
	d.want(200, "POST", "/v1/firmware?uuid=fw-2&size=10&"+described, "")
	type operation struct {
		Parameters  []struct{ Name, In string }
		RequestBody struct {
			Content map[string]struct {
				Schema struct{ Properties map[string]any }
			}
		}
	}
	var doc struct {
		Paths map[string]map[string]operation
	}
	require.NoError(t, json.Unmarshal([]byte(d.want(200, "GET", "/openapi.json", "")), &doc))
	calls := 0
	for path, methods := range doc.Paths {
		for method, does := range methods {
			calls++
			for _, p := range does.Parameters {
				require.Equal(t, p.In == "path", strings.Contains(path, "{"+p.Name+"}"), "%s %s: %s", method,
					path, p.Name)
			}
			concrete := strings.NewReplacer("{id}", "dev-1", "{uuid}", "fw-2", "{shell}", "console",
				"{deployment}", "1").
				Replace(path)
			for name := range does.RequestBody.Content["application/json"].Schema.Properties {
				_, answer := d.ask(strings.ToUpper(method), concrete, `{"`+name+`":null}`)
				require.NotContains(t, answer, "unknown field", "%s %s takes what is described", method, path)
			}
			r := httptest.NewRequestWithContext(t.Context(), strings.ToUpper(method), path, http.NoBody)
			_, pattern := d.api.mux.Handler(r)
			require.Equal(t, strings.ToUpper(method)+" "+path, pattern)
		}
	}
	source, err := os.ReadFile("api.go")
	require.NoError(t, err)
	require.Len(
		t,
		regexp.MustCompile(`"(GET|POST|PUT|PATCH|DELETE) /`).FindAll(source, -1),
		calls,
		"as many as there are",
	)
}

func TestALargeBodyIsRefused(t *testing.T) {
	d := newDesk(t, hubtest.Memory)
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/drain",
		io.LimitReader(spaces{}, maxBody+2))
	w := httptest.NewRecorder()
	d.api.ServeHTTP(w, r)
	require.Equal(t, 413, w.Code)
	require.Contains(t, w.Body.String(), "too large")
}

type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestAnotherSitesPageIsRefused(t *testing.T) {
	d := newDesk(t, hubtest.Memory)
	for origin, want := range map[string]int{
		"https://elsewhere.example": http.StatusForbidden,
		"http://example.com":        http.StatusOK,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/v1/devices/a",
			strings.NewReader("{}"))
		r.Header.Set("Origin", origin)
		w := httptest.NewRecorder()
		d.api.ServeHTTP(w, r)
		require.Equal(t, want, w.Code, w.Body.String())
	}
}
