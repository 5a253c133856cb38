package hubtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol"
)

// listener reads all that a client hears, in a goroutine of its own, and counts the offers.
type listener struct {
	*client
	mu    sync.Mutex
	heard []map[string]any
}

// offers is what has come so far.
func (l *listener) offers() []map[string]any {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.heard)
}

func listen(c *client) *listener {
	l := &listener{client: c}
	go func() {
		for {
			_, data, err := c.conn.ReadMessage(nil)
			if err != nil {
				return
			}
			m, _ := protocol.JSON{}.Decode(data, false)
			if m.Event == "update" {
				var p map[string]any
				_ = json.Unmarshal(m.Payload, &p)
				l.mu.Lock()
				l.heard = append(l.heard, p)
				l.mu.Unlock()
			}
		}
	}()
	return l
}

func (l *listener) joinNow(ref, uuid, downloading string, validated bool) {
	l.send(fmt.Sprintf(joinFormat, ref, "2.3.0", uuid, downloading, validated))
}

func (l *listener) status(joinRef, payload string) {
	l.send(`["` + joinRef + `","50","device","status_update",` + payload + `]`)
}

const round = 140 * time.Second // longer than the time between two rounds

func TestRollout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f, _ := newFirmware(t, Config{Mode: Memory})
		dev := listen(dial(t, h, "dev-1"))
		dev.joinNow("1", "u1", "null", true)
		synctest.Wait()
		dep := h.Rollouts().Start(Rollout{Firmware: f})
		synctest.Wait()
		require.Len(t, dev.offers(), 1)
		require.EqualValues(t, 1, dev.offers()[0]["deployment_id"])
		time.Sleep(round)
		require.Len(t, dev.offers(), 1, "it is in flight")

		dev.status("1", `{"status":"received"}`)
		dev.joinNow("2", "u1", `"u2"`, true)
		time.Sleep(round)
		require.Len(t, dev.offers(), 1, "a rejoin that says what it downloads keeps the record")
		require.Equal(
			t,
			&UpdateRecord{UUID: "u2", Status: "received"},
			h.Device("dev-1").Snapshot().Update,
		)

		dev.joinNow("3", "u1", "null", true)
		time.Sleep(4 * time.Second)
		require.Len(t, dev.offers(), 2, "a rejoin that says nothing clears it")
		require.Equal(t, DeploymentStats{Active: 1, Offered: 2}, dep.Stats())

		dev.joinNow("4", "u2", "null", true)
		time.Sleep(round)
		require.Len(t, dev.offers(), 2, "it runs what it should")
		require.Equal(t, DeploymentStats{Offered: 2, Completed: 1}, dep.Stats())
	})
}

func TestWhoGetsAnOffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f, _ := newFirmware(t, Config{Mode: Memory})
		for name, tc := range map[string]struct {
			validated bool
			uuid      string
			mode      string
			want      int
		}{
			"validated":     {true, "u1", modeAutomatic, 1},
			"not validated": {false, "u1", modeAutomatic, 0},
			"same firmware": {true, "u2", modeAutomatic, 0},
			"manages":       {true, "u1", modeManaged, 0},
			"off":           {true, "u1", modeOff, 0},
		} {
			dev := listen(dial(t, h, name))
			h.Device(name).Update().SetMode(tc.mode, false)
			dev.send(fmt.Sprintf(joinFormat, "1", "2.4.0", tc.uuid, "null", tc.validated))
			defer func() { require.Len(t, dev.offers(), tc.want, name) }()
		}
		other := listen(dial(t, h, "other platform"))
		other.send(
			`["1","1","device","phx_join",{"device_api_version":"2.3.0","nerves_fw_uuid":"u1","nerves_fw_product":"demo"}]`,
		)
		defer func() { require.Empty(t, other.offers()) }()
		synctest.Wait()
		h.Rollouts().Start(Rollout{Firmware: f})
		time.Sleep(round)
	})
}

func TestPenaltyAndDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f, _ := newFirmware(t, Config{Mode: Memory, Limits: Limits{Idle: 100 * time.Hour}})
		dep := h.Rollouts().Start(Rollout{Firmware: f, Attempts: 100})
		dev := listen(dial(t, h, "dev-1"))
		dev.joinNow("1", "u1", "null", true)
		time.Sleep(4 * time.Second)
		require.Len(t, dev.offers(), 1)
		dev.status("1", `{"status":"rescheduled","delay_for":600000,"reason":"busy"}`)
		time.Sleep(9 * time.Minute)
		require.Len(t, dev.offers(), 1, "10 minutes, in milliseconds")
		time.Sleep(5 * time.Minute)
		require.Len(t, dev.offers(), 2)
		dev.status("1", `{"status":"failed","reason":"no space"}`)
		time.Sleep(23 * time.Hour)
		require.Len(t, dev.offers(), 2, "the penalty box")
		time.Sleep(65 * time.Minute)
		require.Len(t, dev.offers(), 3)
		time.Sleep(40 * time.Minute)
		require.Len(t, dev.offers(), 4, "nothing is heard of a record for half an hour: it expires")
		require.Equal(t, 2, dep.Stats().Failed)
		dep.Stop()
		dev.joinNow("2", "u1", "null", true)
		time.Sleep(round)
		require.Len(t, dev.offers(), 4)
	})
}

// A device that begins again and again is left alone after three attempts.
func TestAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f, _ := newFirmware(t, Config{Mode: Memory})
		h.Rollouts().Start(Rollout{Firmware: f})
		dev := listen(dial(t, h, "dev-1"))
		for i := range 10 {
			ref := fmt.Sprint(i + 1)
			dev.joinNow(ref, "u1", "null", true)
			time.Sleep(10 * time.Second)
			dev.status(ref, `{"status":"received"}`)
		}
		time.Sleep(time.Second)
		require.Len(t, dev.offers(), 3)
	})
}

func TestConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f, _ := newFirmware(t, Config{Mode: Memory})
		var devs []*listener
		for i := range 7 {
			dev := listen(dial(t, h, fmt.Sprint("dev-", i)))
			dev.joinNow("1", "u1", "null", true)
			devs = append(devs, dev)
		}
		offered := func() (n int) {
			synctest.Wait()
			for _, d := range devs {
				n += len(d.offers())
			}
			return n
		}
		dep := h.Rollouts().Start(Rollout{Firmware: f, Concurrency: 3})
		require.Equal(t, 3, offered())
		for _, d := range devs {
			if len(d.offers()) == 1 {
				d.joinNow("2", "u2", "null", true)
				break
			}
		}
		time.Sleep(4 * time.Second)
		require.Equal(t, 4, offered(), "one slot was free")
		require.Equal(t, 3, dep.Stats().Active)
	})
}

func TestManualUpdate(t *testing.T) {
	h, f, _ := newFirmware(t, Config{Mode: Memory})
	d := h.Device("dev-1")
	require.ErrorIs(t, d.Update().Offer(f), ErrOffline)
	c := dial(t, h, "dev-1")
	require.ErrorIs(t, d.Update().Offer(f), ErrOffline, "a socket is not a channel")
	c.join("1", "2.1.0", "u1", "null", false)
	require.NoError(t, d.Update().Offer(f), "validation is for rollouts")
	require.Contains(
		t,
		c.read(),
		`[null,null,"device","update",{"update_available":true,"firmware_url":"http://firmware.hub.test/firmware/u2.fw?`,
	)
	require.Equal(t, &UpdateRecord{UUID: "u2", Status: "requested", Manual: true}, d.Snapshot().Update)
	c.send(`["1","2","device","status_update",{"status":"started"}]`)
	c.send(`["1","3","device","fwup_progress",{"stage":"downloading","value":40}]`)
	c.send(`["1","4","device","status_update",{"status":"completed"}]`)
	require.NoError(t, d.Update().WaitStatus(soon(t), "completed"))
	require.Equal(t, []string{"started", "completed"}, d.Update().Statuses())
	require.Equal(t, []Progress{{"downloading", 40}}, d.Snapshot().Progress)
	require.Equal(t, 40, d.Snapshot().Update.Progress)
}

func TestDeviceManaged(t *testing.T) {
	h, f, _ := newFirmware(t, Config{Mode: Memory, Extensions: []string{}})
	d := h.Device("dev-1")
	d.Update().SetMode(modeManaged, true)
	c := dial(t, h, "dev-1")
	c.join("1", "2.4.0", "u1", "null", true)
	require.Contains(t, c.read(), `"extensions:get",{"extensions":{}}`)
	require.Contains(
		t,
		c.read(),
		`"update_mode",{"mode":"device_managed","managed_updates_allowed":true}`,
	)
	ask := func(event string) string {
		c.send(`["1","2","device","` + event + `",{}]`)
		return c.read()
	}
	require.Equal(
		t,
		`["1",null,"device","update_rejected",{"reason":"no_deployment_group"}]`,
		ask("request_update"),
	)
	require.Equal(
		t,
		`["1",null,"device","update_available",{"available":false,"firmware_meta":null}]`,
		ask("check_update"),
	)
	dep := h.Rollouts().Start(Rollout{Firmware: f, Concurrency: 1})
	available := ask("check_update")
	require.Contains(t, available, `"available":true,"firmware_meta":{"architecture":"arm",`)
	require.NotContains(t, available, "http")
	require.True(t, dep.reserve())
	require.Equal(
		t,
		`["1",null,"device","update_rejected",{"reason":"busy","delay_for":5}]`,
		ask("request_update"),
	)
	dep.active.Add(-1)
	require.Contains(t, ask("request_update"), `[null,null,"device","update",{"update_available":true`)
	require.Equal(
		t,
		`["1",null,"device","update_rejected",{"reason":"already_updating"}]`,
		ask("request_update"),
	)
	c.send(`["1","3","device","status_update",{"status":"failed"}]`)
	require.Equal(
		t,
		`["1",null,"device","update_rejected",{"reason":"no_update"}]`,
		ask("request_update"),
		"blocked",
	)
	d.Update().SetMode(modeOff, false)
	require.Contains(t, c.read(), `"update_mode",{"mode":"off"`)
	require.Contains(t, ask("check_update"), `"available":false`)
}

// An archive is offered at every join, with a URL that is good for an hour.
func TestArchive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, _ := newFirmware(t, Config{Mode: Memory, Limits: Limits{Idle: 24 * time.Hour}})
		a, err := h.Firmware().Add(
			Metadata{UUID: "a1", Version: "2.0.0", Platform: "generic", Architecture: "generic"},
			Generated(9, 100),
		)
		require.NoError(t, err)
		c := joined(t, h, "dev-1", "2.0.0", "u1")
		joined(t, h, "old", "1.0.0", "u1").settle()
		h.Firmware().OfferArchive(a, "certificates")
		offered := func() string {
			got := c.read()
			require.Contains(
				t,
				got,
				`[null,null,"device","archive",{"size":100,"uuid":"a1","version":"2.0.0","description":"certificates"`,
			)
			_, url, _ := strings.Cut(got, `"url":"`)
			url, _, _ = strings.Cut(url, `"`)
			return url
		}
		fetched := func(url string) int {
			resp, _, err := fetch(t, h, url, "")
			require.NoError(t, err)
			return resp.StatusCode
		}
		first := offered()
		time.Sleep(59 * time.Minute)
		require.Equal(t, http.StatusOK, fetched(first))
		time.Sleep(2 * time.Minute)
		require.Equal(t, http.StatusForbidden, fetched(first))
		c.join("2", "2.0.0", "u1", "null", true)
		require.Contains(t, c.read(), "phx_close")
		require.Equal(t, http.StatusOK, fetched(offered()))
		h.Firmware().WithdrawArchive()
		c.join("3", "2.0.0", "u1", "null", true)
		require.Contains(t, c.read(), "phx_close")
		c.settle()
	})
}
