package hubtest

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
)

// What follows the answer to a join, and in which order.
func TestOrderAfterJoin(t *testing.T) {
	const (
		keys     = `[null,null,"device","fwup_public_keys",{"keys":["key1","-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"]}]`
		archKeys = `[null,null,"device","archive_public_keys",{"keys":["key2"]}]`
		archive  = `[null,null,"device","archive",{"uuid":"a1"}]`
		get      = `[null,null,"device","extensions:get",{}]`
		mode     = `[null,null,"device","update_mode",{"mode":"automatic","managed_updates_allowed":false}]`
		code     = `["1",null,"device","scripts/run",{"ref":"connecting_code","text":"all\nown"}]`
		typed    = `["9",null,"console","dn",{"data":"all\n\rown\n\r"}]`
		asks     = `,"fwup_public_keys":"on_connect","archive_public_keys":"on_connect"`
	)
	for name, row := range map[string]struct {
		profile Profile
		params  string // of the join
		change  func(*state)
		want    []string // after the answer
	}{
		"new hub, API 2.4.0": {
			ProfileNew, `"device_api_version":"2.4.0"` + asks, nil,
			[]string{keys, archKeys, archive, "advertised", mode, code},
		},
		"new hub, API 2.3.0": {
			ProfileNew, `"device_api_version":"2.3.0"` + asks, nil,
			[]string{keys, archKeys, archive, "advertised", code},
		},
		"hub of 2026-08, API 2.4.0": {
			ProfileSnapshot, `"device_api_version":"2.4.0"` + asks, nil,
			[]string{keys, archKeys, archive, get, code},
		},
		"release 2.4.0, API 2.4.0": {
			ProfileOld, `"device_api_version":"2.4.0"` + asks, nil,
			[]string{keys, archKeys, archive, get, code},
		},
		"keys that are not asked for": {
			ProfileSnapshot, `"device_api_version":"2.4.0"`, nil,
			[]string{archive, get, code},
		},
		"keys asked for in another way": {
			ProfileSnapshot,
			`"device_api_version":"2.4.0","fwup_public_keys":true`, nil,
			[]string{archive, get, code},
		},
		"API 2.1.0: no extensions": {
			ProfileNew, `"device_api_version":"2.1.0"`, nil,
			[]string{archive, code},
		},
		"API 2.0.0: code is typed": {
			ProfileNew, `"device_api_version":"2.0.0"`, nil,
			[]string{archive, typed},
		},
		"API 1.0.0: no archive": {
			ProfileNew, `"device_api_version":"1.0.0"`, nil,
			[]string{typed},
		},
		"API absent: 1.0.0": {ProfileNew, `"nerves_fw_uuid":"u1"`, nil, []string{typed}},
		"API that is no version: 1.0.0": {
			ProfileNew, `"device_api_version":"two"`, nil,
			[]string{typed},
		},
		"updates off: no archive": {
			ProfileSnapshot, `"device_api_version":"2.4.0"`,
			func(s *state) { s.mode.name = modeOff },
			[]string{get, code},
		},
		"in the penalty box: no archive": {
			ProfileSnapshot,
			`"device_api_version":"2.4.0","nerves_fw_uuid":"u0"`,
			func(s *state) { s.running.UUID, s.update.blockedUntil = "u0", epoch.Add(time.Hour) },
			[]string{get, code},
		},
		"after the penalty": {
			ProfileSnapshot,
			`"device_api_version":"2.4.0","nerves_fw_uuid":"u0"`,
			func(s *state) { s.running.UUID, s.update.blockedUntil = "u0", epoch },
			[]string{archive, get, code},
		},
		"code of this device alone": {
			ProfileSnapshot, `"device_api_version":"2.4.0"`,
			func(s *state) { s.settings.connectingCode = "" },
			[]string{archive, get, strings.Replace(code, `all\n`, "", 1)},
		},
		"code of all alone": {
			ProfileSnapshot, `"device_api_version":"2.4.0"`,
			func(s *state) { s.code.own = "" },
			[]string{archive, get, strings.Replace(code, `\nown`, "",
				1)},
		},
		"no code": {
			ProfileSnapshot, `"device_api_version":"2.4.0"`,
			func(s *state) { s.settings.connectingCode, s.code.own = "", "" },
			[]string{archive, get},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, row.profile)
			b.s.dev.settings = &settings{
				firmwareKeys: []string{
					"key1",
					"-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n",
				}, archiveKeys: []string{"key2"},
				archive:        func() jsontext.Value { return jsontext.Value(`{"uuid":"a1"}`) },
				connectingCode: "all",
			}
			b.s.dev.code.own = "own"
			if row.change != nil {
				row.change(b.s.dev)
			}
			b.say(`["9","9","console","phx_join",{}]`)
			got := b.say(`["1","1","device","phx_join",{` + row.params + `}]`)
			require.Equal(t, joinOK, got[0], "the answer comes first")
			for i, frame := range got {
				if strings.Contains(frame, `extensions:get",{"extensions":{"alarms"`) {
					got[i] = "advertised"
				}
			}
			require.Equal(t, row.want, got[1:])
		})
	}
}

// What a join says of the device.
func TestJoinParameters(t *testing.T) {
	validated, not := true, false
	for name, row := range map[string]struct {
		params   string
		check    func(*testing.T, *state)
		validate *bool
	}{
		"metadata": {`"nerves_fw_uuid":"u1","nerves_fw_product":"p","nerves_fw_version":"1.0.0","nerves_fw_platform":"rpi","nerves_fw_architecture":"arm"`, func(t *testing.T, s *state) {
			require.Equal(t, Metadata{
				UUID: "u1", Product: "p", Version: "1.0.0", Platform: "rpi",
				Architecture: "arm",
			}, s.running.Metadata)
		}, nil},
		"metadata of other types": {
			`"nerves_fw_uuid":1,"nerves_fw_product":null`,
			func(t *testing.T, s *state) { require.Empty(t, s.running.Metadata) }, nil,
		},
		"validated":          {`"meta":{"firmware_validated":true}`, nil, &validated},
		"not validated":      {`"meta":{"firmware_validated":false}`, nil, &not},
		"validation unknown": {`"meta":{"firmware_validated":null}`, nil, nil},
		"reverted": {
			`"meta":{"firmware_auto_revert_detected":true}`,
			func(t *testing.T, s *state) { require.True(t, s.running.reverted) }, nil,
		},
		"a download goes on": {
			`"currently_downloading_uuid":"u2","nerves_fw_uuid":"u0"`,
			func(t *testing.T, s *state) { require.NotNil(t, s.update.current) }, nil,
		},
		"no download: null": {
			`"currently_downloading_uuid":null,"nerves_fw_uuid":"u0"`,
			func(t *testing.T, s *state) {
				require.Nil(t, s.update.current)
				require.Equal(t, "abandoned", s.update.history[0].Status)
			}, nil,
		},
		"no download: empty": {
			`"currently_downloading_uuid":"","nerves_fw_uuid":"u0"`,
			func(t *testing.T, s *state) { require.Nil(t, s.update.current) }, nil,
		},
		"no download: absent": {
			`"nerves_fw_uuid":"u0"`,
			func(t *testing.T, s *state) { require.Nil(t, s.update.current) }, nil,
		},
		"the new firmware runs": {`"nerves_fw_uuid":"u2"`, func(t *testing.T, s *state) {
			require.Equal(t, "completed", s.update.history[0].Status)
			require.Empty(t, s.update.attempts)
		}, nil},
		"another firmware runs": {
			`"nerves_fw_uuid":"u9","currently_downloading_uuid":"u2"`,
			func(t *testing.T, s *state) {
				require.Equal(t, "abandoned", s.update.history[0].Status)
				require.Empty(t, s.update.attempts)
			}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, ProfileNew)
			b.s.dev.running.UUID = "u0"
			b.s.dev.update.begin(epoch, "u2", nil)
			b.s.dev.update.report(epoch, report{status: "received", progress: -1})
			require.Len(t, b.s.dev.update.attempts, 1)
			require.Equal(t, joinOK, b.say(`["1","1","device","phx_join",{` + row.params + `}]`)[0])
			require.Equal(t, row.validate, b.s.dev.running.validated)
			if row.check != nil {
				row.check(t, b.s.dev)
			}
		})
	}
}

// What the hub makes of each event of a device; none of them is answered.
func TestDeviceEvents(t *testing.T) {
	for name, row := range map[string]struct {
		event, payload string
		check          func(*testing.T, *state)
	}{
		"progress without stage": {"fwup_progress", `{"value":40}`, func(t *testing.T, s *state) {
			require.Equal(t, "updating", s.update.current.status)
			require.Equal(t, 40, s.update.current.progress)
		}},
		"progress without stage, 100": {
			"update_progress", `{"value":100}`,
			func(t *testing.T, s *state) { require.Equal(t, "completed", s.update.current.status) },
		},
		"progress with stage": {
			"fwup_progress", `{"value":100,"stage":"downloading"}`,
			func(t *testing.T, s *state) { require.Equal(t, "downloading", s.update.current.status) },
		},
		"validated": {
			"firmware_validated", `{}`,
			func(t *testing.T, s *state) { require.True(t, *s.running.validated) },
		},
		"rebooting": {
			"rebooting", `{}`,
			func(t *testing.T, s *state) { require.Equal(t, 1, s.reboots) },
		},
		"connection types": {
			"connection_types", `{"values":["ethernet","wifi"]}`,
			func(t *testing.T, s *state) {
				require.Equal(t, []string{"ethernet", "wifi"}, s.running.connectionTypes)
			},
		},
		"interface": {
			"report_network_interface", `{"interface":"wlan0"}`,
			func(t *testing.T, s *state) { require.Equal(t, "wlan0", s.running.networkInterface) },
		},
		"connecting code completed": {
			"scripts/run",
			`{"ref":"connecting_code","result":"completed","return":"1"}`,
			func(t *testing.T, s *state) { require.Equal(t, "completed", s.code.outcome) },
		},
		"connecting code failed": {
			"scripts/run", `{"ref":"connecting_code","result":"error"}`,
			func(t *testing.T, s *state) { require.Equal(t, "failed", s.code.outcome) },
		},
		"connecting code that gives nil": {
			"scripts/run",
			`{"ref":"connecting_code","result":"completed","return":"nil"}`,
			func(t *testing.T, s *state) { require.Equal(t, "failed", s.code.outcome) },
		},
		"status with progress": {
			"status_update", `{"status":"downloading","progress":7}`,
			func(t *testing.T, s *state) { require.Equal(t, 7, s.update.current.progress) },
		},
		"status without an offer": {
			"status_update", `{"status":"received"}`,
			func(t *testing.T, s *state) {
				require.True(t, s.update.current.offered.IsZero())
				require.Len(t, s.update.attempts, 1)
			},
		},
		"started": {
			"status_update", `{"status":"started","downloader_network_interface":null}`,
			func(t *testing.T, s *state) { require.Equal(t, "started", s.update.current.status) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, ProfileNew)
			b.join()
			require.Equal(t, silent, b.say(`["1","2","device","`+row.event+`",`+row.payload+`]`))
			row.check(t, b.s.dev)
		})
	}
}

func TestNetworks(t *testing.T) {
	for name, want := range map[string]string{
		"wlan0": "wifi", "eth0": "ethernet", "en0": "ethernet", "enp3s0": "ethernet", "wwan0": "cellular",
		"usb0": "unknown", "": "unknown",
	} {
		require.Equal(t, want, Snapshot{Interface: name}.Network(), name)
	}
}

// What becomes of the record of an offer, and for how long rollouts leave the device alone.
func TestStatusesEndOffers(t *testing.T) {
	dep := &Deployment{Rollout: Rollout{Penalty: 24 * time.Hour}}
	const stays = ""
	for name, row := range map[string]struct {
		payload string
		dep     *Deployment
		ends    string
		reason  string
		blocked time.Duration
	}{
		"received":  {`{"status":"received"}`, dep, stays, "", 0},
		"completed": {`{"status":"completed"}`, dep, stays, "", 0},
		"requested": {`{"status":"requested"}`, dep, stays, "", 0},
		"expired":   {`{"status":"expired"}`, dep, stays, "", 0},
		"ignored": {
			`{"status":"ignored","reason":"busy"}`, dep, "ignored",
			"busy", 24 * time.Hour,
		},
		"ignored, pushed by hand": {
			`{"status":"ignored","reason":"busy"}`, nil, "ignored",
			"busy", 0,
		},
		"failed": {
			`{"status":"failed","reason":"bad"}`, dep, "failed", "bad",
			24 * time.Hour,
		},
		"failed, pushed by hand": {`{"status":"failed"}`, nil, "failed", "", 0},
		"rescheduled": {
			`{"status":"rescheduled","delay_for":60000}`, dep,
			"rescheduled", "", time.Minute,
		},
		"rescheduled without delay_for": {`{"status":"rescheduled"}`, dep, stays, "", 0},
		"rescheduled, pushed by hand": {
			`{"status":"rescheduled","delay_for":60000}`, nil,
			"rescheduled", "", 0,
		},
		"anything that contains fwup error": {
			`{"status":"FWup Error: no space"}`, dep, "failed",
			"fwup error", 24 * time.Hour,
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, ProfileNew)
			b.join()
			b.s.dev.update.begin(b.now, "u2", row.dep)
			require.Equal(t, silent, b.say(`["1","2","device","status_update",`+row.payload+`]`))
			u := &b.s.dev.update
			if row.ends == stays {
				require.NotNil(t, u.current)
				require.Empty(t, u.history)
				return
			}
			require.Nil(t, u.current)
			require.Equal(t, []UpdateEntry{{
				UpdateRecord: UpdateRecord{
					UUID:   "u2",
					Status: row.ends,
					Manual: row.dep == nil,
				}, Reason: row.reason, Offered: epoch, Ended: epoch,
			}}, u.history)
			if row.blocked == 0 {
				require.True(t, u.blockedUntil.IsZero())
			} else {
				require.Equal(t, epoch.Add(row.blocked), u.blockedUntil)
			}
		})
	}
}

// A script's answer counts for 15 s, and its operator waits at most 30.
func TestScriptTimes(t *testing.T) {
	for after, ok := range map[time.Duration]bool{
		0: true, 15 * time.Second: true,
		16 * time.Second: false,
	} {
		synctest.Test(t, func(t *testing.T) {
			h := Run(t, Config{Mode: Memory})
			c := joined(t, h, "dev-1", "2.1.0", "u1")
			start := time.Now()
			go func() {
				_, frame, _ := c.conn.ReadMessage(nil)
				ref := strings.Split(string(frame), `"`)[9]
				time.Sleep(after)
				c.send(
					`["1","2","device","scripts/run",{"ref":"` + ref + `","result":"completed","output":"x"}]`,
				)
			}()
			got, err := h.Device("dev-1").Scripts().Run(t.Context(), "1+1")
			if ok {
				require.NoError(t, err)
				require.Equal(t, "x", got.Output)
				return
			}
			require.ErrorContains(t, err, "run script")
			require.Equal(t, scriptWait, time.Since(start))
		})
	}
}

// A device that is too old for scripts gets them typed, and the marker ends them.
func TestScriptInTheConsole(t *testing.T) {
	h := Run(t, Config{Mode: Memory})
	c := joined(t, h, "dev-1", "2.0.0", "u1")
	c.send(`["2","2","console","phx_join",{}]`)
	c.read()
	go func() {
		for range 2 {
			_, _, _ = c.conn.ReadMessage(nil)
		}
		c.send(`["2","3","console","up",{"data":"2\n# [NERVES"}]`)
		c.send(`["2","4","console","up",{"data":"HUB:END]\r\n"}]`)
	}()
	got, err := h.Device("dev-1").Scripts().Run(t.Context(), "1+1")
	require.NoError(t, err)
	require.Equal(t, "2\n# [NERVESHUB:END]\r", got.Output)
	shown, next := h.Device("dev-1").Console().Output(0)
	require.Equal(t, "2\n# [NERVESHUB:END]\r\n", shown)
	require.EqualValues(t, len(shown), next)
}

func TestShells(t *testing.T) {
	h := Run(t, Config{Mode: Memory})
	c := joined(t, h, "dev-1", "1.0.0", "u1")
	d := h.Device("dev-1")
	require.ErrorIs(t, d.Console().Type("x"), ErrOffline)
	c.send(`["2","2","console","phx_join",{}]`)
	c.read()
	c.send(`["3","3","extensions","phx_join",{"local_shell":"0.0.1"}]`)
	c.read()
	c.send(`["3","4","extensions","local_shell:attached",{}]`)
	require.Equal(t, `["3",null,"extensions","local_shell:request_shell",{}]`, c.read())

	require.NoError(t, d.Console().Type("ls\r"))
	require.Equal(t, `["2",null,"console","dn",{"data":"ls\r"}]`, c.read())
	require.NoError(t, d.Console().Resize(24, 80))
	require.Equal(t, `["2",null,"console","window_size",{"height":24,"width":80}]`, c.read())
	require.NoError(t, d.Console().Restart())
	require.Equal(t, `["2",null,"console","restart",{}]`, c.read())
	require.NoError(t, d.Extensions().Shell().Type("id\r"))
	require.Equal(t, `["3",null,"extensions","local_shell:shell_input",{"data":"id\r"}]`, c.read())
	require.NoError(t, d.Extensions().Shell().Resize(24, 80))
	require.Equal(
		t,
		`["3",null,"extensions","local_shell:window_size",{"cols":80,"rows":24}]`,
		c.read(),
	)
	require.ErrorContains(t, d.Extensions().Shell().Restart(), "only the console")

	c.send(`["2","5","console","up",{"data":"` + strings.Repeat("é", maxScreen) + `end"}]`)
	require.NoError(t, d.Console().WaitOutput(soon(t), 0, "end"))
	shown, next := d.Console().Output(0)
	require.Len(t, shown, maxScreen-1, "the end of it, in whole characters")
	require.EqualValues(t, 2*maxScreen+3, next)
	tail, _ := d.Console().Output(next - 5)
	require.Equal(t, "éend", tail)
	c.send(`["3","6","extensions","local_shell:shell_output",{"data":"uid=0"}]`)
	require.NoError(t, d.Extensions().Shell().WaitOutput(soon(t), 0, "uid"))
}
