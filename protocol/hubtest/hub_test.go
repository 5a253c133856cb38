package hubtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
)

func everyMode(t *testing.T, f func(t *testing.T, mode Mode)) {
	for name, mode := range map[string]Mode{"plain": Plain, "tls": TLS, "memory": Memory} {
		t.Run(name, func(t *testing.T) { f(t, mode) })
	}
}

// A device is known by its identifier, whatever the way it comes in.
func TestJoin(t *testing.T) {
	everyMode(t, func(t *testing.T, mode Mode) {
		h := Run(
			t,
			Config{Mode: mode, OnJoin: OnJoin{FirmwareKeys: []string{"k1"}, ConnectingCode: "uptime"}},
		)
		c := dial(t, h, "dev-1")
		c.send(
			`["1","1","device","phx_join",{"device_api_version":"2.4.0","nerves_fw_uuid":"u1","fwup_public_keys":"on_connect",` +
				`"meta":{"firmware_validated":false,"firmware_auto_revert_detected":true}}]`,
		)
		require.Equal(t, `["1","1","device","phx_reply",{"response":{},"status":"ok"}]`, c.read())
		require.Equal(t, `[null,null,"device","fwup_public_keys",{"keys":["k1"]}]`, c.read())
		require.Contains(
			t,
			c.read(),
			`[null,null,"device","extensions:get",{"extensions":{"alarms":["0.1.0"],`,
		)
		require.Equal(
			t,
			`[null,null,"device","update_mode",{"mode":"automatic","managed_updates_allowed":false}]`,
			c.read(),
		)
		require.Equal(
			t,
			`["1",null,"device","scripts/run",{"ref":"connecting_code","text":"uptime"}]`,
			c.read(),
		)
		d := h.Device("dev-1")
		require.NoError(t, d.WaitJoined(soon(t)))
		s := d.Snapshot()
		require.Equal(t, "u1", s.Running.UUID)
		require.False(t, *s.Validated)
		require.True(t, s.Reverted)
		require.Equal(t, 1, s.Joins)
		require.Equal(t, 1, s.Sockets)
		require.Equal(t, 1, h.Stats().Online)
	})
}

// A second socket of a device ends the first one as soon as it is authenticated.
func TestDuplicate(t *testing.T) {
	for profile, code := range map[Profile]int{
		ProfileOld: 1000, ProfileSnapshot: 1001,
		ProfileNew: 1001,
	} {
		h := Run(t, Config{Profile: profile, Mode: Memory})
		first := joined(t, h, "dev-1", "1.0.0", "u1")
		second := joined(t, h, "dev-1", "1.0.0", "u1")
		require.Equal(t, code, first.closed().Code)
		second.settle()
		require.True(t, h.Device("dev-1").Online())
		require.Equal(t, 2, h.Device("dev-1").Net().Sockets())
		require.Equal(t, 1, h.Stats().Kicked)
	}
}

func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := Run(t, Config{Mode: Memory})
		c := joined(t, h, "dev-1", "1.0.0", "u1")
		start := time.Now()
		time.Sleep(100 * time.Second)
		c.settle()
		require.Equal(t, protocol.CloseProtocolError, c.closed().Code)
		require.Equal(t, 280*time.Second, time.Since(start).Round(time.Second))
		require.False(t, h.Device("dev-1").Online())
		require.Equal(t, 1, h.Stats().Idle)
	})
}

func TestUnreadableFrames(t *testing.T) {
	h := Run(t, Config{Mode: Memory})
	for i, frame := range []string{
		"{not json", `["1","device","phx_join",{}]`,
		`[1.5,"1","device","x",{}]`, "",
	} {
		c := dial(t, h, "dev-1")
		c.send(frame)
		require.Equal(t, 1011, c.closed().Code, frame)
		require.Equal(t, i+1, h.Stats().Errors)
	}
	c := dial(t, h, "dev-1")
	c.join("1", "1.0.0", "u1", "null", true)
	require.NoError(
		t,
		c.conn.WriteMessage(transport.Binary, []byte("\x00\x01\x01\x06\x0d12devicestatus_update\x01")),
	)
	require.Equal(
		t,
		`["1","1","device","phx_error",{"reason":"channel_crash"}]`,
		c.read(),
		"raw bytes are no map",
	)
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := Run(t, Config{Mode: Memory})
		var clients []*client
		for i := range 5 {
			clients = append(clients, joined(t, h, fmt.Sprint("dev-", i), "1.0.0", "u1"))
		}
		require.NoError(t, h.WaitOnline(soon(t), 5))
		start, ends := time.Now(), make(chan time.Duration, 5)
		for _, c := range clients {
			go func() {
				if c.closed().Code == protocol.CloseServiceRestart {
					ends <- time.Since(start).Truncate(time.Second)
				}
			}()
		}
		require.NoError(t, h.Net().Drain(t.Context(), 2, 4*time.Second))
		got := map[time.Duration]int{}
		for range clients {
			got[<-ends]++
		}
		require.Equal(t, map[time.Duration]int{0: 2, 4 * time.Second: 2, 8 * time.Second: 1}, got)
		require.Zero(t, h.Stats().Online)
	})
}

func TestEndsOfSockets(t *testing.T) {
	everyMode(t, func(t *testing.T, mode Mode) {
		h := Run(t, Config{Mode: mode})
		for name, tc := range map[string]struct {
			end  func(d *Device) error
			code int
		}{
			"disconnect": {func(d *Device) error { return d.Net().Close(1001) }, 1001},
			"close all":  {func(*Device) error { h.Net().Close(1000); return nil }, 1000},
			"drop":       {func(d *Device) error { return d.Net().Drop() }, protocol.CloseAbnormal},
			"drop all":   {func(*Device) error { h.Net().Drop(); return nil }, protocol.CloseAbnormal},
			"delete":     {func(d *Device) error { d.Delete(true); return nil }, 1001},
		} {
			c := joined(t, h, name, "1.0.0", "u1")
			d := h.Device(name)
			require.NoError(t, tc.end(d))
			require.Equal(t, tc.code, c.closed().Code, name)
			require.NoError(t, d.Wait(soon(t), func(s Snapshot) bool { return !s.Online && !s.Connected }))
			require.ErrorIs(t, d.Identify(), ErrOffline)
		}
	})
}

// Messages leave in the order in which they were made, also when operators push while the device's
// own messages are answered.
func TestOrder(t *testing.T) {
	h := Run(t, Config{Mode: Memory})
	d := h.Device("dev-1")
	c := dial(t, h, "dev-1")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; i < 200; {
			if d.Channel(topicDevice).Push("n", map[string]int{"i": i}) == nil {
				i++
			}
		}
	}()
	c.send(fmt.Sprintf(joinFormat, "1", "1.0.0", "u1", "null", true))
	require.Contains(t, c.read(), "phx_reply", "no push comes before the answer to the join")
	for want := 0; want < 200; {
		var frame []json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(c.read()), &frame))
		require.Equal(t, fmt.Sprintf(`{"i":%d}`, want), string(frame[4]))
		want++
	}
	<-done
}

// An operator does not wait for a device that does not read, and the hub does not pile up messages
// for it without end.
func TestDeviceThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := Run(t, Config{Mode: Memory, Limits: Limits{Idle: time.Hour}})
		joined(t, h, "dev-1", "1.0.0", "u1")
		d := h.Device("dev-1")
		payload := map[string]string{"x": strings.Repeat("x", 1000)}
		go func() {
			_ = d.Channel(topicDevice).Push("fill",
				map[string]string{"x": strings.Repeat("x", 200_000)})
		}()
		synctest.Wait() // it waits for the device
		start := time.Now()
		pushed := 0
		for d.Channel(topicDevice).Push("more", payload) == nil && pushed < 10*maxQueue {
			pushed++
			if pushed%64 == 0 {
				synctest.Wait()
			}
		}
		require.Zero(t, time.Since(start))
		require.LessOrEqual(t, pushed, 2*maxQueue)
		require.False(t, d.Online())
	})
}

func TestScript(t *testing.T) {
	h := Run(t, Config{Mode: Memory})
	c := joined(t, h, "new", "2.1.0", "u1")
	go func() {
		var frame struct{ Ref, Text string }
		m := strings.SplitN(c.read(), `"scripts/run",`, 2)
		_ = json.Unmarshal([]byte(strings.TrimSuffix(m[1], "]")), &frame)
		c.send(
			`["1","2","device","scripts/run",{"ref":"` + frame.Ref + `","result":"completed","output":"` +
				frame.Text + `","return":"0"}]`,
		)
	}()
	r, err := h.Device("new").Scripts().Run(soon(t), "uptime")
	require.NoError(t, err)
	require.Equal(t, ScriptResult{Result: "completed", Output: "uptime", Return: "0"}, r)
	require.NotContains(t, fmt.Sprint(r), "uptime")

	old := joined(t, h, "old", "2.0.0", "u1")
	old.send(`["2","2","console","phx_join",{}]`)
	old.read()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = h.Device("old").Scripts().Run(ctx, "uptime")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, `["2",null,"console","dn",{"data":"uptime\n# [NERVESHUB:END]"}]`, old.read())
	require.Equal(t, `["2",null,"console","dn",{"data":"\r"}]`, old.read())
	require.Empty(t, h.Device("old").state.scripts, "nothing is left of a script that is not answered")
}

// failures is a test that must fail.
type failures struct{ texts []string }

func (*failures) Helper()        {}
func (*failures) Cleanup(func()) {}
func (f *failures) Fatalf(format string, args ...any) {
	f.texts = append(f.texts, fmt.Sprintf(format, args...))
	panic(f)
}

func (f *failures) of(check func()) string {
	f.texts = nil
	func() {
		defer func() { _ = recover() }()
		check()
	}()
	return strings.Join(f.texts, "\n")
}

func TestConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := Run(t, Config{Mode: Memory})
		d := h.Device("dev-1")
		talk := d.Converse(t)
		c := dial(t, h, "dev-1")
		c.join("1", "1.0.0", "u1", "null", true)
		talk.Expect("joins first", Join("device"))
		c.send(`[null,"2","phoenix","heartbeat",{}]`)
		c.send(`["1","3","device","status_update",{"status":"received","secret":"hush"}]`)
		c.send(`["1","4","device","fwup_progress",{"value":1}]`)
		c.send(`["1","5","device","status_update",{"status":"completed"}]`)
		talk.Expect("heartbeats are passed over", Status("received"))
		talk.ExpectLater("progress is passed over", Status("completed"))
		start := time.Now()
		talk.ExpectSilence("all is said", 2*time.Minute)
		require.Equal(t, 2*time.Minute, time.Since(start))

		talk.ExpectSameSocket("nothing has happened to it")
		dial(t, h, "dev-1")
		synctest.Wait() // the hub has noticed that the device is there twice
		bad := &failures{}
		talk.t = bad
		require.Contains(
			t,
			bad.of(func() { talk.ExpectSameSocket("it should stay") }),
			"2 sockets, not 1, connected true: it should stay",
		)

		c2 := dial(t, h, "dev-2")
		wrong := h.Device("dev-2").Converse(bad)
		c2.join("1", "1.0.0", "u1", "null", true)
		text := bad.of(func() { wrong.Expect("a status is due", Status("received")) })
		require.Contains(t, text, "device dev-2 said device phx_join: a status is due")
		require.Contains(
			t,
			bad.of(func() { wrong.Expect("more is due", Status("received")) }),
			"said nothing within 1m0s: more is due",
		)
		c2.send(`["1","3","device","status_update",{"status":"received","secret":"hush"}]`)
		text = bad.of(func() { wrong.ExpectSilence("nothing is due", time.Minute) })
		require.Contains(t, text, "nothing is due")
		require.NotContains(t, text, "hush", "payloads may hold secrets")
		require.Contains(
			t,
			bad.of(func() { wrong.ExpectLater("one day", Heartbeat()) }),
			"did not say it within 1m0s: one day",
		)
	})
}

func TestRecordIsBounded(t *testing.T) {
	h := Run(t, Config{Mode: Memory, Record: 10})
	c := joined(t, h, "dev-1", "1.0.0", "u1")
	for i := range 100 {
		c.send(fmt.Sprintf(`["1","%d","device","whatever",{"x":"%s"}]`, i+2, strings.Repeat("x", 1000*i)))
	}
	c.settle()
	entries := h.Device("dev-1").Messages()
	require.LessOrEqual(t, len(entries), 10)
	last := entries[len(entries)-3] // before the heartbeat and its answer
	require.Equal(t, "101", last.Message.Ref)
	require.Nil(t, last.Message.Payload)
	require.Equal(t, 99_000+len(`{"x":""}`), last.Size)
}

// A closed hub has no goroutines (TestMain looks), accepts no device, and does not mind being
// closed again.
func TestClose(t *testing.T) {
	everyMode(t, func(t *testing.T, mode Mode) {
		h, err := Start(Config{Mode: mode})
		require.NoError(t, err)
		f, err := h.Firmware().Add(Metadata{UUID: "u2"}, Generated(1, 1<<20))
		require.NoError(t, err)
		f.Inject(Stall(100))
		rt := h.RoundTripper()
		defer rt.CloseIdleConnections()
		resp := get(t, rt, f.URL(), nil)
		defer closeBody(t, resp)
		c := joined(t, h, "dev-1", "1.0.0", "u1")
		h.Close()
		h.Close()
		require.Equal(t, protocol.CloseAbnormal, c.closed().Code)
		_, err = io.ReadAll(resp.Body)
		require.Error(t, err, "a download ends too")
		_, err = h.Dialer().Dial(t.Context(), request(t, h, h.Secret("dev-1")))
		require.Error(t, err)
		require.ErrorIs(t, h.Device("dev-1").Identify(), ErrOffline)
	})
}

func TestConfigIsChecked(t *testing.T) {
	for want, cfg := range map[string]Config{
		"Profile":      {Profile: 99},
		"Mode":         {Mode: 99},
		"Certificates": {Certificates: Certificates{Pinned: map[string]string{"A": "b"}}},
		"Keys[0]":      {Keys: []Key{{Key: "nhd_x", Secret: "s"}}},
	} {
		_, err := Start(cfg)
		require.ErrorContains(t, err, want)
	}
	k := Key{Key: "nhp_a", Secret: "hush"}
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", k, k, k), "hush")
}
