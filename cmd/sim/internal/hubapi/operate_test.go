package hubapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol/hubtest"
	"github.com/hublink-go/hublink/protocol/transport"
)

// puppet is a device that says what a test wants it to.
type puppet struct {
	t    *testing.T
	conn transport.Conn
}

func (d *desk) puppet(id, api string) *puppet {
	d.t.Helper()
	conn, err := d.dial(id)
	require.NoError(d.t, err)
	d.t.Cleanup(func() { _ = conn.Abort() })
	p := &puppet{d.t, conn}
	p.says(
		`["1","1","device","phx_join",{"device_api_version":"` + api +
			`","nerves_fw_uuid":"fw-1","meta":{"firmware_validated":true}}]`,
	)
	p.hears(`"phx_reply",{"response":{},"status":"ok"}`)
	return p
}

func (d *desk) dial(id string) (transport.Conn, error) {
	d.t.Helper()
	u, err := url.Parse(d.hub.URL() + "/device-socket/websocket?vsn=2.0.0")
	require.NoError(d.t, err)
	secret := d.hub.Secret(id)
	signed, err := secret.Sign(time.Now())
	require.NoError(d.t, err)
	header := http.Header{}
	for _, one := range signed {
		header.Set(one.Name, one.Value)
	}
	return d.hub.Dialer().Dial(d.t.Context(), transport.Request{URL: u, Header: header})
}

func (p *puppet) says(frame string) {
	p.t.Helper()
	require.NoError(p.t, p.conn.WriteMessage(transport.Text, []byte(frame)))
}

// hears reads frames until one contains the text.
func (p *puppet) hears(text string) string {
	p.t.Helper()
	for {
		_, frame, err := p.conn.ReadMessage(nil)
		require.NoError(p.t, err, "instead of %s", text)
		if strings.Contains(string(frame), text) {
			return string(frame)
		}
	}
}

func (p *puppet) ends() int {
	p.t.Helper()
	for {
		if _, _, err := p.conn.ReadMessage(nil); err != nil {
			var end *transport.CloseError
			require.ErrorAs(p.t, err, &end)
			return end.Code
		}
	}
}

func TestAScriptIsRun(t *testing.T) {
	d := newDesk(t, hubtest.Memory)
	p := d.puppet("dev-1", "2.1.0")
	go func() {
		ref := strings.Split(p.hears("scripts/run"), `"`)[9]
		p.says(
			`["1","2","device","scripts/run",{"ref":"` + ref +
				`","result":"completed","output":"hello","return":"2"}]`,
		)
	}()
	require.JSONEq(t, `{"result":"completed","output":"hello","return":"2","reason":""}`,
		d.want(200, "POST", "/v1/devices/dev-1/script", `{"text":"1+1"}`))
}

func TestConnectingCodeOfAllAndOfOne(t *testing.T) {
	d := newDesk(t, hubtest.Memory)
	d.want(200, "PUT", "/v1/devices/dev-1", "")
	d.want(200, "PATCH", "/v1/settings", `{"connecting_code":"all"}`)
	d.want(200, "PUT", "/v1/devices/dev-1/connecting-code", `{"text":"own"}`)
	d.puppet("dev-1", "2.3.0").hears(`"text":"all\nown"`)
	require.Contains(t, d.want(200, "GET", "/v1/settings", ""), `"connecting_code":"all"`)
}

func TestAnOperatorUsesShells(t *testing.T) {
	d := newDesk(t, hubtest.Memory)
	p := d.puppet("dev-1", "2.3.0")
	p.says(`["2","2","console","phx_join",{}]`)
	p.hears(`"console","phx_reply"`)
	d.want(
		200,
		"POST",
		"/v1/devices/dev-1/shells/console",
		`{"keys":"ls\r","rows":24,"columns":80,"restart":true}`,
	)
	for _, frame := range []string{
		`"restart",{}`, `"window_size",{"height":24,"width":80}`,
		`"dn",{"data":"ls\r"}`,
	} {
		p.hears(frame)
	}
	go p.says(`["2","3","console","up",{"data":"app.img\r\n"}]`)
	require.JSONEq(
		t,
		`{"text":"app.img\r\n","next":9}`,
		d.want(200, "GET", "/v1/devices/dev-1/shells/console?wait_ms=60000&for=img", ""),
	)
	require.JSONEq(
		t,
		`{"text":"","next":9}`,
		d.want(200, "GET", "/v1/devices/dev-1/shells/console?from=9&wait_ms=1", ""),
	)
	require.JSONEq(t, `{"text":"","next":0}`, d.want(200, "GET", "/v1/devices/dev-1/shells/local", ""))
}

func TestExtensionsAreAsked(t *testing.T) {
	d := newDesk(t, hubtest.Memory)
	p := d.puppet("dev-1", "2.3.0")
	p.says(`["2","2","extensions","phx_join",{"health":"0.0.1","geo":"0.0.1"}]`)
	p.hears(`["geo","health"]`)
	p.says(`["2","3","extensions","health:attached",{}]`)
	p.hears("health:check")
	d.want(
		200,
		"POST",
		"/v1/devices/dev-1/extensions",
		`{"attach":["geo"],"detach":["logging"],"ask":["health"]}`,
	)
	for _, frame := range []string{
		`"attach",{"extensions":["geo"]}`,
		`"detach",{"extensions":["logging"]}`, `"health:check",{}`,
	} {
		p.hears(frame)
	}
	d.want(409, "POST", "/v1/devices/dev-1/extensions", `{"ask":["geo"]}`)
	p.says(`["2","4","extensions","health:report",{"value":{"metrics":{"load_1min":0.5}}}]`)
	require.NoError(t, d.hub.Device("dev-1").Extensions().WaitReport(t.Context(), "health:report"))
	require.JSONEq(
		t,
		`{"health:report":{"count":1,"dropped":0,"last":{"value":{"metrics":{"load_1min":0.5}}}}}`,
		d.want(200, "GET", "/v1/devices/dev-1/reports", ""),
	)
}

func TestUpdateModes(t *testing.T) {
	d := newDesk(t, hubtest.Memory)
	p := d.puppet("dev-1", "2.4.0")
	require.Contains(
		t,
		d.want(
			200,
			"PUT",
			"/v1/devices/dev-1/mode",
			`{"mode":"device_managed","device_may_change":true}`,
		),
		`"mode":"device_managed"`,
	)
	p.hears(`"update_mode",{"mode":"device_managed","managed_updates_allowed":true}`)
	old := newDesk(t, hubtest.Memory, hubtest.ProfileSnapshot)
	old.hub.Device("dev-1")
	require.Contains(
		t,
		old.want(400, "PUT", "/v1/devices/dev-1/mode", `{"mode":"off"}`),
		"--profile new",
	)
}

func TestTheHistoryOfUpdates(t *testing.T) {
	d := newDesk(t, hubtest.Memory)
	p := d.puppet("dev-1", "2.3.0")
	d.want(200, "POST", "/v1/firmware?uuid=fw-2&size=10&"+described, "")
	d.want(200, "POST", "/v1/devices/dev-1/update", `{"firmware":"fw-2"}`)
	p.hears(`"update",{`)
	p.says(`["1","2","device","status_update",{"status":"received"}]`)
	p.says(`["1","3","device","fwup_progress",{"value":5,"stage":"downloading"}]`)
	p.says(`["1","4","device","status_update",{"status":"failed","reason":"no space"}]`)
	require.NoError(t, d.hub.Device("dev-1").Update().WaitStatus(t.Context(), "failed"))
	var got struct {
		Current  *updateView
		Past     []pastUpdate
		Statuses []string
		Progress []progressView
		Blocked  *time.Time `json:"blocked_until"`
	}
	require.NoError(t,
		json.Unmarshal([]byte(d.want(200, "GET", "/v1/devices/dev-1/updates", "")), &got))
	require.Nil(t, got.Current)
	require.Equal(t, updateView{UUID: "fw-2", Status: "failed", Progress: 5, Manual: true},
		got.Past[0].updateView)
	require.Equal(t, "no space", got.Past[0].Reason)
	require.NotNil(t, got.Past[0].Offered)
	require.Equal(t, []string{"received", "failed"}, got.Statuses)
	require.Equal(t, []progressView{{"downloading", 5}}, got.Progress)
	require.Nil(t, got.Blocked, "pushed by hand")
}

func TestDeploymentsAndThePenaltyBox(t *testing.T) {
	d := newDesk(t, hubtest.Memory)
	p := d.puppet("dev-1", "2.3.0")
	d.want(200, "POST", "/v1/firmware?uuid=fw-2&size=10&"+described, "")
	d.hub.Device("dev-1")
	p.says(
		`["3","3","device","phx_join",{"device_api_version":"2.3.0","nerves_fw_uuid":"fw-1","nerves_fw_product":"bench",` +
			`"nerves_fw_platform":"folder","nerves_fw_architecture":"any","meta":{"firmware_validated":true}}]`,
	)
	p.hears(`["3","3","device","phx_reply"`)
	require.Contains(
		t,
		d.want(200, "POST", "/v1/firmware/fw-2/deployment", ""),
		`"id":1,"firmware":"fw-2","stopped":false`,
	)
	require.Contains(t, p.hears(`"update",{`), `"deployment_id":1`)
	p.says(`["3","4","device","status_update",{"status":"ignored"}]`)
	require.NoError(t, d.hub.Device("dev-1").Update().WaitStatus(t.Context(), "ignored"))
	require.NotContains(t, d.want(200, "GET", "/v1/devices/dev-1/updates", ""), `"blocked_until":null`)
	require.Contains(
		t,
		d.want(200, "GET", "/v1/deployments", ""),
		`"offered":1,"completed":0,"failed":1`,
	)
	require.Contains(t, d.want(200, "DELETE", "/v1/deployments/1", ""), `"stopped":true`)
	d.want(200, "DELETE", "/v1/devices/dev-1/penalty", "")
	require.Contains(t, d.want(200, "GET", "/v1/devices/dev-1/updates", ""), `"blocked_until":null`)
}

func TestAnArchiveIsOffered(t *testing.T) {
	d := newDesk(t, hubtest.Memory)
	p := d.puppet("dev-1", "2.3.0")
	d.want(200, "POST", "/v1/firmware?uuid=a-1&size=10&"+described, "")
	d.want(200, "POST", "/v1/firmware/a-1/archive", `{"description":"maps"}`)
	require.Contains(t, p.hears(`"archive",{`), `"uuid":"a-1","version":"1.1.0","description":"maps"`)
	d.puppet("dev-2", "2.3.0").hears(`"archive",{`)
	d.want(200, "DELETE", "/v1/archive", "")
	late := d.puppet("dev-3", "2.3.0")
	late.says(`[null,"9","phoenix","heartbeat",{}]`)
	for frame := late.hears(""); !strings.Contains(frame, "phoenix"); frame = late.hears("") {
		require.NotContains(t, frame, "archive")
	}
}

func TestTheDoors(t *testing.T) {
	d := newDesk(t, hubtest.Plain)
	status := func() int {
		conn, err := d.dial("dev-1")
		if err == nil {
			require.NoError(t, conn.Close(1000, ""))
			return 101
		}
		var refused *transport.RefusedError
		if !errors.As(err, &refused) {
			return 0 // cut
		}
		return refused.Status
	}
	d.want(200, "PATCH", "/v1/settings", `{"accept_secrets":false}`)
	require.Equal(t, 401, status())
	d.want(200, "PATCH", "/v1/settings", `{"accept_secrets":true,"platform_down":true}`)
	require.Equal(t, 503, status())
	d.want(200, "PATCH", "/v1/settings", `{"platform_down":false}`)
	d.want(200, "POST", "/v1/refuse", `{"status":403,"times":-1}`)
	require.Contains(t, d.want(200, "GET", "/v1/settings", ""), `"refusals":1`)
	require.Equal(t, 403, status())
	require.Equal(t, 403, status())
	d.want(200, "DELETE", "/v1/refuse", "")
	require.Equal(t, 101, status())
	d.want(200, "POST", "/v1/cut", "")
	require.Zero(t, status())
	require.Equal(t, 101, status())
	require.Contains(
		t,
		d.want(200, "PATCH", "/v1/settings", `{"handshakes_per_s":7}`),
		`"handshakes_per_s":7`,
	)
	d.want(200, "DELETE", "/v1/devices/dev-1", "")
	require.Equal(t, 401, status())
	d.want(200, "PUT", "/v1/devices/dev-1", "")
	require.Equal(t, 101, status())
	d.want(200, "PUT", "/v1/devices/dev-1", `{"product":"other"}`)
	require.Equal(t, 401, status())
}

func TestTroubleWithChannels(t *testing.T) {
	d := newDesk(t, hubtest.Memory)
	p := d.puppet("dev-1", "2.3.0")
	const join = `["2","2","device","phx_join",{}]`
	d.want(200, "POST", "/v1/devices/dev-1/close", `{"topic":"device"}`)
	p.hears(`["1","1","device","phx_close",{}]`)
	d.want(200, "POST", "/v1/devices/dev-1/refuse-joins", `{"response":{"reason":"not today"}}`)
	p.says(join)
	p.hears(`{"response":{"reason":"not today"},"status":"error"}`)
	d.want(200, "POST", "/v1/devices/dev-1/refuse-joins", `{"times":9}`)
	p.says(join)
	p.hears(`{"error":"could not connect"}`)
	d.want(200, "POST", "/v1/devices/dev-1/refuse-joins", `{"times":0}`)
	p.says(join)
	p.hears(`"ok"`)
}

// A drain's end is told; what the hub was started with is what counts when a call says nothing.
func TestDrainWithinATime(t *testing.T) {
	d := newDesk(t, hubtest.Memory)
	d.api = New(d.hub, d.dir,
		Options{DrainBatch: 1, DrainEvery: time.Hour, DrainWithin: time.Millisecond})
	codes := map[int]int{}
	var all []*puppet
	for i := range 3 {
		all = append(all, d.puppet(fmt.Sprint("dev-", i), "1.0.0"))
	}
	ended := make(chan int, len(all))
	for _, p := range all {
		go func() { ended <- p.ends() }()
	}
	require.JSONEq(t, `{"in_time":false}`, d.want(200, "POST", "/v1/drain", ""))
	for range all {
		codes[<-ended]++
	}
	require.Equal(t, map[int]int{1012: 1, 1000: 2}, codes)
	require.JSONEq(
		t,
		`{"in_time":true}`,
		d.want(200, "POST", "/v1/drain", `{"batch":10,"every_ms":0,"within_ms":1000}`),
	)
}
