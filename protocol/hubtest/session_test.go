package hubtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
)

var epoch = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)

// bench is a session without a hub.
type bench struct {
	t    testing.TB
	s    *session
	wire wire
	now  time.Time
}

func newBench(t testing.TB, p Profile) *bench {
	r := p.rules()
	return &bench{t: t, s: newSession(&r, &state{settings: &settings{}}), now: epoch}
}

// say handles a frame and gives the answers.
func (b *bench) say(frame string) []string {
	b.t.Helper()
	m, err := b.wire.decode(transport.Text, []byte(frame))
	require.NoError(b.t, err)
	b.s.receive(b.now, m)
	return b.heard()
}

func (b *bench) heard() []string {
	b.t.Helper()
	out, _ := b.s.take()
	frames := []string{}
	for _, m := range out {
		frame, err := b.wire.encode(nil, m)
		require.NoError(b.t, err)
		frames = append(frames, string(frame))
	}
	return frames
}

func (b *bench) join() {
	b.t.Helper()
	b.say(`["1","1","device","phx_join",{"device_api_version":"1.0.0","nerves_fw_uuid":"u1"}]`)
}

// silent is the answer to nearly everything.
var silent = []string{}

const crashed = `["1","1","device","phx_error",{"reason":"channel_crash"}]`

// Phoenix closes the old channel when a topic is joined again, and the answer to the join overtakes
// that close.
func TestJoinTwice(t *testing.T) {
	b := newBench(t, ProfileSnapshot)
	b.join()
	require.Equal(t, []string{
		`["2","2","device","phx_reply",{"response":{},"status":"ok"}]`,
		`["1","1","device","phx_close",{}]`,
		`[null,null,"device","extensions:get",{}]`,
	}, b.say(`["2","2","device","phx_join",{"device_api_version":"2.3.0"}]`))
	require.Equal(
		t,
		silent,
		b.say(`["1","3","device","status_update",{"status":"nonsense"}]`),
		"of the old channel",
	)
	require.Equal(
		t,
		silent,
		b.say(`["1","4","device","phx_leave",{}]`),
		"the device has been told already",
	)
	require.True(t, b.s.dev.online)
	require.Len(t, b.say(`["2","5","device","phx_leave",{}]`), 2)
	require.False(t, b.s.dev.online)
}

func TestNullJoinRef(t *testing.T) {
	for profile, want := range map[Profile][]string{
		ProfileOld: nil, ProfileSnapshot: {"received"},
		ProfileNew: {"received"},
	} {
		b := newBench(t, profile)
		b.join()
		require.Equal(t, silent, b.say(`[null,"2","device","status_update",{"status":"received"}]`))
		require.Equal(t, want, b.s.dev.statuses, "%v", profile)
	}
}

func TestTooManyChannels(t *testing.T) {
	b := newBench(t, ProfileNew)
	for i := range maxChannels {
		require.Contains(
			t,
			b.say(fmt.Sprintf(`["%d","%d","device:%d","phx_join",{}]`, i, i, i))[0],
			`"ok"`,
		)
	}
	require.Equal(
		t,
		[]string{
			`["x","x","device","phx_reply",{"response":{"reason":"too many channels joined"},"status":"error"}]`,
		},
		b.say(`["x","x","device:more","phx_join",{}]`),
	)
}

func TestJoinThatCrashes(t *testing.T) {
	for _, frame := range []string{
		`["1","1","device","phx_join",{"device_api_version":2}]`,
		`["1","1","device","phx_join",["2.0.0"]]`,
		`["1","1","device","phx_join",null]`,
		`["1","1","extensions","phx_join",{"health":["0.0.1"]}]`,
		`["1","1","extensions","phx_join",3]`,
	} {
		b := newBench(t, ProfileNew)
		got := b.say(frame)
		require.Len(t, got, 1)
		require.Contains(t, got[0], `{"response":{"reason":"join crashed"},"status":"error"}`, frame)
		require.Empty(t, b.s.channels)
	}
}

// Refs come back as they came.
func TestRefs(t *testing.T) {
	b := newBench(t, ProfileSnapshot)
	require.Equal(
		t,
		`["a\"b","c",`,
		b.say(`["a\"b","c","console","phx_join",{}]`)[0][:len(`["a\"b","c",`)],
	)
	require.Equal(
		t,
		`[7,8,"device"`,
		b.say(` [ 7 ,8,"device","phx_join",{}]`)[0][:len(`[7,8,"device"`)],
	)
	require.Equal(t, `[null,9,`, b.say(`[ null , 9,"phoenix","heartbeat",{}]`)[0][:len(`[null,9,`)])
	require.Equal(t, `[null,"x",`, b.say(`[3,"x","nope","y",{}]`)[0][:len(`[null,"x",`)])
	require.Equal(
		t,
		`[null,null,`,
		b.say(`[null,null,"phoenix","heartbeat",{}]`)[0][:len(`[null,null,`)],
	)
}

// What a status or a progress does, by server. A crash is the whole answer.
func TestStatuses(t *testing.T) {
	for _, tc := range []struct {
		event, payload string
		crashes        bool // on today's servers; never on old ones
		status         string
	}{
		{"status_update", `{"status":"received"}`, false, "received"},
		{"status_update", `{"status":"expired"}`, false, "expired"},
		{"status_update", `{"status":"fwup_complete"}`, true, ""},
		{"status_update", `{"status":"reschedule"}`, true, ""},
		{"status_update", `{"status":"Received"}`, true, ""},
		// taken for failed, which ends the record
		{"status_update", `{"status":"FWUP error: no space"}`, false, ""},
		{"status_update", `{"status":"rescheduled","delay_for":1000}`, false, ""},
		{"status_update", `{"status":"rescheduled"}`, false, "rescheduled"},
		{"status_update", `{"status":"rescheduled","delay_for":1.5}`, true, ""},
		{"status_update", `{"status":"rescheduled","delay_for":"1000"}`, true, ""},
		{"fwup_progress", `{"value":10}`, false, "updating"},
		{"update_progress", `{"value":100}`, false, "completed"},
		{"fwup_progress", `{"value":20,"stage":"downloading"}`, false, "downloading"},
		{"fwup_progress", `{"value":20,"stage":"flashing"}`, true, ""},
		{"fwup_progress", `{"value":20.5,"stage":"updating"}`, true, ""},
		{"fwup_progress", `{"stage":"updating"}`, false, ""},
		{"fwup_progress", `[]`, false, ""},
		{"whatever", `[]`, false, ""},
	} {
		for _, profile := range []Profile{ProfileOld, ProfileSnapshot, ProfileNew} {
			b := newBench(t, profile)
			b.join()
			got := b.say(`["1","2","device","` + tc.event + `",` + tc.payload + `]`)
			if tc.crashes && profile != ProfileOld {
				require.Equal(t, []string{crashed}, got, tc.payload)
				require.False(t, b.s.dev.online)
				continue
			}
			require.Equal(t, silent, got, tc.payload)
			want := tc.status
			if profile == ProfileOld && tc.event == "status_update" {
				want = "" // nothing but "fwup error" means anything to it
			}
			if u := b.s.dev.update.current; u != nil && !tc.crashes {
				require.Equal(t, want, u.status, tc.payload)
			} else if !tc.crashes {
				require.Empty(t, want, tc.payload)
			}
		}
	}
}

func TestCrashPayloadOfOldServers(t *testing.T) {
	b := newBench(t, ProfileOld)
	b.join()
	require.Equal(
		t,
		[]string{`["1","1","device","phx_error",{}]`},
		b.say(`["1","2","device","status_update",{}]`),
	)
}

func TestExtensionVersions(t *testing.T) {
	for _, tc := range []struct {
		profile Profile
		offer   string
		want    string
	}{
		{ProfileOld, `{"health":"0.0.1","network_identity":"0.0.1"}`, `["health"]`},
		{
			ProfileSnapshot, `{"logging":"0.1.0","health":"0.0.5","geo":"0.0.1","x":"0.0.1"}`,
			`["geo","health"]`,
		},
		{
			ProfileNew, `{"logging":"0.1.0","alarms":"0.1.3","metrics":"0.0.1","health":"1.0.0","geo":"x"}`,
			`["alarms","logging"]`,
		},
		{ProfileNew, `{"logging":"0.0.1"}`, `["logging"]`},
		{ProfileNew, `{}`, `[]`},
	} {
		b := newBench(t, tc.profile)
		require.Equal(
			t,
			[]string{`["1","1","extensions","phx_reply",{"response":` + tc.want + `,"status":"ok"}]`},
			b.say(`["1","1","extensions","phx_join",`+tc.offer+`]`),
		)
	}
}

func TestAdvertisement(t *testing.T) {
	const join = `["1","1","device","phx_join",{"device_api_version":"2.2.0"}]`
	b := newBench(t, ProfileNew)
	b.s.dev.settings.disabled = map[string]bool{
		"alarms":        true,
		"components":    true,
		"error_reports": true,
		"geo":           true,
		"metrics":       true,
	}
	require.Equal(
		t,
		`[null,null,"device","extensions:get",{"extensions":{"health":["0.0.1"],"local_shell":["0.0.1"],`+
			`"logging":["0.1.0","0.0.1"],"network_identity":["0.0.1"]}}]`,
		b.say(join)[1],
	)
	require.Equal(
		t,
		[]string{`["2","2","extensions","phx_reply",{"response":["health"],"status":"ok"}]`},
		b.say(
			`["2","2","extensions","phx_join",{"geo":"0.0.1","health":"0.0.1"}]`,
		),
		"what is switched off is not attached",
	)
	require.Equal(
		t,
		`[null,null,"device","extensions:get",{}]`,
		newBench(t, ProfileSnapshot).say(join)[1],
	)
}

// A custom extension is advertised, negotiated, asked and counted like the server's own.
func TestCustomExtension(t *testing.T) {
	for profile, advertised := range map[Profile]string{
		ProfileNew: `{"extensions":{"greeter":["1.1.0","1.0.0"],"logging":["9.0.0"]}}`, ProfileSnapshot: `{}`,
	} {
		cfg := Config{
			Profile: profile, Extensions: []string{"greeter", "logging"},
			Custom: []Extension{
				{Name: "greeter", Versions: []string{"1.1.0", "1.0.0"}, Ask: "greet"},
				{Name: "logging", Versions: []string{"9.0.0"}}, // in place of the server's
			},
		}
		r := cfg.rules()
		b := &bench{t: t, s: newSession(&r, &state{settings: cfg.settings(&r)}), now: epoch}
		join := b.say(`["1","1","device","phx_join",{"device_api_version":"2.2.0"}]`)
		require.Contains(t, join, `[null,null,"device","extensions:get",`+advertised+`]`)
		require.Equal(t,
			[]string{
				`["2","2","extensions","phx_reply",{"response":["greeter"],"status":"ok"}]`,
			},
			b.say(`["2","2","extensions","phx_join",{"greeter":"1.0.2","logging":"0.1.0"}]`),
		)
		require.Equal(t,
			[]string{`["2",null,"extensions","greeter:greet",{}]`},
			b.say(`["2","3","extensions","greeter:attached",{}]`),
		)
		require.Equal(t, silent, b.say(`["2","4","extensions","greeter:hello",{"to":"all"}]`))
		require.Equal(t, 1, b.s.dev.report("greeter:hello").Count)
		require.JSONEq(t, `{"to":"all"}`, string(b.s.dev.report("greeter:hello").Last))
	}
	for _, wrong := range []Extension{
		{}, {Name: "a:b", Versions: oldest}, {Name: "a"}, {Name: "a", Versions: []string{"1.0"}},
	} {
		_, err := Start(Config{Custom: []Extension{wrong}})
		require.ErrorContains(t, err, "hubtest: Custom: ")
	}
}

// Logging: a bucket of 10, 5 a second; lines without a time are dropped; in 0.1.0 a message costs
// one whatever it holds.
func TestLoggingLimits(t *testing.T) {
	const line = `{"level":"info","message":"x","meta":{"time":"1700000000000000"}}`
	attach := func(version string) *bench {
		b := newBench(t, ProfileNew)
		b.say(`["1","1","extensions","phx_join",{"logging":"` + version + `"}]`)
		require.Equal(t, silent, b.say(`["1","2","extensions","logging:attached",{}]`))
		return b
	}
	b := attach("0.0.1")
	send := func(payload string) Report {
		require.Equal(t, silent, b.say(`["1","3","extensions","logging:send",`+payload+`]`))
		r := *b.s.dev.report("logging:send")
		return Report{Count: r.Count, Dropped: r.Dropped}
	}
	require.Equal(t, Report{Dropped: 1}, send(`{"level":"info","message":"no time"}`))
	for range 12 {
		send(line)
	}
	require.Equal(t, Report{Count: 10, Dropped: 3}, send(line).less(0, 1))
	b.now = b.now.Add(time.Second)
	for range 6 {
		send(line)
	}
	require.Equal(t, Report{Count: 15, Dropped: 5}, send(`{}`).less(0, 1))

	b = attach("0.1.0")
	require.Equal(t, Report{Count: 2, Dropped: 1}, send(`{"lines":[`+line+`,`+line+`,{}]}`))
	many := line
	for range 119 {
		many += "," + line
	}
	require.Equal(t, Report{Count: 102, Dropped: 21}, send(`{"lines":[`+many+`]}`))
	require.Equal(t, Report{Count: 102, Dropped: 22}, send(line), "not the form of this version")
}

func (r Report) less(count, dropped int) Report {
	return Report{Count: r.Count - count, Dropped: r.Dropped - dropped}
}

func TestExtensionLifeCycle(t *testing.T) {
	b := newBench(t, ProfileNew)
	b.say(`["1","1","extensions","phx_join",{"health":"0.0.1"}]`)
	const report = `["1","2","extensions","health:report",{"value":{"metrics":{}}}]`
	require.Equal(t, silent, b.say(report))
	require.Empty(t, b.s.dev.reports, "nothing counts before it is attached")
	require.Equal(
		t,
		[]string{`["1",null,"extensions","health:check",{}]`},
		b.say(`["1","3","extensions","health:attached",{}]`),
	)
	b.say(report)
	require.Equal(t, 1, b.s.dev.report("health:report").Count)
	require.JSONEq(t, `{"value":{"metrics":{}}}`, string(b.s.dev.report("health:report").Last))
	require.Equal(t, []string{"health"}, b.s.attached())
	b.say(`["1","4","extensions","health:error",{"reason":"x"}]`)
	b.say(report)
	require.Equal(t, 1, b.s.dev.report("health:report").Count, "an error detaches")
	require.Equal(
		t,
		[]string{`["1","5","extensions","phx_reply",{"response":"detach","status":"error"}]`},
		b.say(`["1","5","extensions","geo:attached",{}]`),
	)
}

func TestUpdateModes(t *testing.T) {
	b := newBench(t, ProfileNew)
	b.say(`["1","1","device","phx_join",{"device_api_version":"2.4.0"}]`)
	set := func(mode string) string {
		got := b.say(`["1","2","device","set_update_mode",{"mode":"` + mode + `"}]`)
		require.Len(t, got, 1)
		return got[0]
	}
	require.Equal(
		t,
		`["1",null,"device","update_mode",{"mode":"automatic","managed_updates_allowed":false,"error":"not_permitted"}]`,
		set("device_managed"),
	)
	b.s.dev.mode.allowed = true
	require.Equal(
		t,
		`["1",null,"device","update_mode",{"mode":"automatic","managed_updates_allowed":true,"error":"unknown_mode"}]`,
		set("off"),
	)
	require.Equal(
		t,
		`["1",null,"device","update_mode",{"mode":"device_managed","managed_updates_allowed":true}]`,
		set("device_managed"),
	)
	b.say(`["3","3","device","phx_join",{"device_api_version":"2.3.0"}]`)
	require.Equal(t, modeAutomatic, b.s.dev.mode.String(), "an old client cannot manage itself")

	old := newBench(t, ProfileSnapshot)
	old.say(`["1","1","device","phx_join",{"device_api_version":"2.4.0"}]`)
	require.Equal(t, silent, old.say(`["1","2","device","set_update_mode",{"mode":"automatic"}]`))
}

// Any number of kinds of nonsense is kept within bounds.
func TestBoundedState(t *testing.T) {
	b := newBench(t, ProfileOld)
	b.join()
	b.say(`["2","2","extensions","phx_join",{"health":"0.0.1"}]`)
	b.say(`["2","3","extensions","health:attached",{}]`)
	for i := range 3 * maxHistory {
		b.say(fmt.Sprintf(`["1","4","device","status_update",{"status":"s%d"}]`, i))
		b.say(`["1","4","device","fwup_progress",{"value":1}]`)
		b.say(fmt.Sprintf(`["2","4","extensions","health:x%d",{}]`, i))
		b.say(`["1","4","device","scripts/run",{"ref":"unasked"}]`)
	}
	d := b.s.dev
	require.LessOrEqual(t, len(d.statuses), maxHistory)
	require.Equal(t, fmt.Sprint("s", 3*maxHistory-1), d.statuses[len(d.statuses)-1])
	require.LessOrEqual(t, len(d.progress), maxHistory)
	require.LessOrEqual(t, len(d.reports), maxReports)
	require.LessOrEqual(t, len(d.update.attempts), maxAttempts)
	require.Empty(t, d.scripts)
}

func FuzzSession(f *testing.F) {
	for _, seed := range []string{
		`["1","1","device","phx_join",{"device_api_version":"2.4.0","meta":{"firmware_validated":true}}]`,
		`[1,1,"device","phx_join",{}]` + "\n" +
			`[1,2,"device","status_update",{"status":"rescheduled","delay_for":99}]`,
		`["2","2","extensions","phx_join",{"logging":"0.1.0"}]` + "\n" +
			`["2","3","extensions","logging:attached",{}]` + "\n" +
			`["2","4","extensions","logging:send",{"lines":[{"level":"x"}]}]`,
		`["1","1","console","phx_join",{}]` + "\n" + `["1","1","console","up",{"data":1}]`,
		"\x00\x01\x01\x06\x0d12devicestatus_update\x01",
	} {
		f.Add([]byte(seed), uint8(0))
	}
	f.Fuzz(func(t *testing.T, data []byte, profile uint8) {
		b := newBench(t, Profile(profile%uint8(profiles)))
		for i, frame := range splitLines(data) {
			kind := transport.Text
			if len(frame) > 0 && frame[0] == 0 {
				kind = transport.Binary
			}
			m, err := b.wire.decode(kind, frame)
			if err != nil {
				continue
			}
			b.now = b.now.Add(time.Duration(i) * time.Second)
			b.s.receive(b.now, m)
			for _, answer := range b.heard() {
				decoded, err := protocol.JSON{}.Decode([]byte(answer), false)
				require.NoError(t, err, "what the hub says can be read: %s", answer)
				require.NotEmpty(t, decoded.Event)
			}
		}
		b.s.end()
		require.False(t, b.s.dev.online)
		require.Empty(t, b.s.channels)
	})
}

func splitLines(data []byte) [][]byte {
	var lines [][]byte
	start := 0
	for i, c := range data {
		if c == '\n' {
			lines, start = append(lines, data[start:i]), i+1
		}
	}
	return append(lines, data[start:])
}
