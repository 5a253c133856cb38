package hubtest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	joinPlain = `["1","1","device","phx_join",{"nerves_fw_uuid":"u1"}]` // API 1.0.0: no push follows
	joinOK    = `["1","1","device","phx_reply",{"response":{},"status":"ok"}]`
	unmatched = `{"response":{"reason":"unmatched topic"},"status":"error"}`
)

// turn is what a device says, or what happens to it, and all that the hub says then.
type turn struct {
	says string
	does func(*bench)
	want []string
}

func says(frame string, want ...string) turn   { return turn{says: frame, want: want} }
func does(f func(*bench), want ...string) turn { return turn{does: f, want: want} }

func crash(
	topic string,
) func(*bench) {
	return func(b *bench) { b.s.crash(b.s.channel(topic)) }
}
func refuse(response string) func(*bench) { return refuseAs(topicDevice, response) }
func push(topic, event string) func(*bench) {
	return func(b *bench) { b.s.push(topic, event, emptyObject) }
}

func broadcastTo(topic, event string) func(*bench) {
	return func(b *bench) { b.s.broadcast(topic, event, emptyObject) }
}

func refuseAs(topic, response string) func(*bench) {
	return func(b *bench) {
		b.s.dev.refusals = append(
			b.s.dev.refusals,
			refusal{topic: topic, times: 1, response: []byte(response)},
		)
	}
}

func stop(topic string) func(*bench) {
	return func(b *bench) {
		ch := b.s.channel(topic)
		b.s.drop(ch)
		b.s.closed(ch)
	}
}

// How joins, pushes, leaves and the ends of channels look.
func TestChannelFrames(t *testing.T) {
	for name, row := range map[string]struct {
		profiles []Profile // nil: all
		turns    []turn
	}{
		"join, ref and join_ref equal": {nil, []turn{says(joinPlain, joinOK)}},
		"join, join_ref and ref differ": {nil, []turn{says(`["join_1","ref_1","device","phx_join",{}]`,
			`["join_1","ref_1","device","phx_reply",{"response":{},"status":"ok"}]`)}},
		"join refused": {nil, []turn{
			does(refuse(`{"error":"could not connect"}`)),
			says(joinPlain,
				`["1","1","device","phx_reply",{"response":{"error":"could not connect"},"status":"error"}]`),
			says(joinPlain, joinOK),
		}},
		"join of an unmatched topic": {nil, []turn{says(`["1","1","devices","phx_join",{}]`,
			`[null,"1","devices","phx_reply",`+unmatched+`]`)}},
		"join crashed": {
			nil,
			[]turn{says(`["1","1","device","phx_join",{"device_api_version":2}]`,
				`["1","1","device","phx_reply",{"response":{"reason":"join crashed"},"status":"error"}]`)},
		},
		"join twice, current hub": {nil, []turn{
			says(joinPlain, joinOK),
			says(`["2","2","device","phx_join",{}]`,
				`["2","2","device","phx_reply",{"response":{},"status":"ok"}]`,
				`["1","1","device","phx_close",{}]`),
		}},
		"join of console and extensions": {nil, []turn{
			says(`["1","1","console","phx_join",{}]`,
				`["1","1","console","phx_reply",{"response":{},"status":"ok"}]`),
			says(`["2","2","extensions","phx_join",{}]`,
				`["2","2","extensions","phx_reply",{"response":[],"status":"ok"}]`),
		}},
		"push of the hub": {nil, []turn{
			says(`["1","1","console","phx_join",{}]`,
				`["1","1","console","phx_reply",{"response":{},"status":"ok"}]`),
			does(push("console", "restart"), `["1",null,"console","restart",{}]`),
		}},
		"push through a broadcast": {nil, []turn{says(joinPlain, joinOK), does(broadcastTo("device",
			"update"), `[null,null,"device","update",{}]`)}},
		"push of the device": {nil, []turn{
			says(joinPlain, joinOK),
			says(`["1","7","device","fwup_progress",{"value":1}]`),
		}},
		"push to a topic not joined": {
			nil,
			[]turn{says(`["1","7","device","fwup_progress",{"value":1}]`,
				`[null,"7","device","phx_reply",`+unmatched+`]`)},
		},
		"leave": {nil, []turn{
			says(joinPlain, joinOK),
			says(`["1","2","device","phx_leave",{}]`,
				`["1","2","device","phx_reply",{"response":{},"status":"ok"}]`,
				`["1","1","device","phx_close",{}]`),
		}},
		"leave of a topic not joined": {nil, []turn{says(`["1","2","device","phx_leave",{}]`,
			`["1","2","device","phx_reply",{"response":{},"status":"ok"}]`)}},
		"channel crash, since 1.8.12": {
			[]Profile{ProfileSnapshot, ProfileNew},
			[]turn{says(joinPlain, joinOK), does(crash("device"),
				`["1","1","device","phx_error",{"reason":"channel_crash"}]`), says(joinPlain, joinOK)},
		},
		"channel crash, up to 1.8.9": {
			[]Profile{ProfileOld},
			[]turn{
				says(joinPlain, joinOK), does(crash("device"), `["1","1","device","phx_error",{}]`),
				says(joinPlain, joinOK),
			},
		},
		"channel stop": {nil, []turn{says(joinPlain, joinOK), does(stop("device"),
			`["1","1","device","phx_close",{}]`), says(`["1","2","device","x",{}]`,
			`[null,"2","device","phx_reply",`+unmatched+`]`)}},
		"heartbeat": {nil, []turn{says(heartbeat,
			`[null,"1","phoenix","phx_reply",{"response":{},"status":"ok"}]`)}},
		"unknown event on phoenix": {nil, []turn{says(`[null,"2","phoenix","nope",{}]`,
			`[null,"2","phoenix","phx_reply",`+unmatched+`]`)}},
		"stale join_ref": {nil, []turn{
			says(joinPlain, joinOK), says(`["2","2","device","phx_join",{}]`,
				`["2","2","device","phx_reply",{"response":{},"status":"ok"}]`,
				`["1","1","device","phx_close",{}]`),
			says(`["1","3","device","status_update",{}]`), says(`["1","4","device","phx_leave",{}]`),
		}},
		"null join_ref is accepted, since 1.8.12": {
			[]Profile{ProfileSnapshot, ProfileNew},
			[]turn{says(joinPlain, joinOK), says(`[null,"2","device","status_update",{}]`, crashed)},
		},
		"null join_ref is dropped, 1.8.3 to 1.8.11": {
			[]Profile{ProfileOld},
			[]turn{says(joinPlain, joinOK), says(`[null,"2","device","status_update",{}]`)},
		},
		"device:anything beside device": {nil, []turn{
			says(`["1","1","device:x","phx_join",{}]`, joinOK),
			says(`["1","2","device","x",{}]`, `[null,"2","device","phx_reply",`+unmatched+`]`),
			says(`["1","3","device:x","x",{}]`),
		}},
		"integer refs": {nil, []turn{says(`[1,2,"device","phx_join",{}]`,
			`[1,2,"device","phx_reply",{"response":{},"status":"ok"}]`)}},
	} {
		profiles := row.profiles
		if profiles == nil {
			profiles = []Profile{ProfileNew, ProfileSnapshot, ProfileOld}
		}
		for _, p := range profiles {
			t.Run(fmt.Sprint(name, ", ", p), func(t *testing.T) { newBench(t, p).converse(row.turns) })
		}
	}
}

func (b *bench) converse(turns []turn) {
	b.t.Helper()
	for i, turn := range turns {
		var got []string
		if turn.does != nil {
			turn.does(b)
			got = b.heard()
		} else {
			got = b.say(turn.says)
		}
		want := turn.want
		if want == nil {
			want = silent
		}
		require.Equal(b.t, want, got, "turn %d: %s", i+1, turn.says)
	}
}

// What a payload that is wrong does: only what the hub cannot read as a map where it needs one
// kills the channel, never the socket.
func TestBadPayloads(t *testing.T) {
	const ignored = ""
	for event, row := range map[string]map[string]string{
		"status_update": {
			`[]`: crashed, `null`: crashed, `"x"`: crashed, `{}`: crashed,
			`{"status":1}`: crashed,
		},
		"fwup_progress": {
			`[]`: ignored, `{}`: ignored, `{"stage":"updating"}`: ignored,
			`{"value":"1"}`: crashed, `{"value":1.5}`: crashed,
		},
		"scripts/run": {
			`[]`: crashed, `"x"`: crashed, `{}`: ignored, `{"ref":1}`: ignored,
			`null`: ignored,
		},
		"report_network_interface": {`[]`: ignored, `{}`: ignored, `{"interface":1}`: ignored},
		"connection_types": {
			`[]`: ignored, `{"values":[1]}`: ignored,
			`{"values":"wifi"}`: ignored,
		},
		"firmware_validated": {`[]`: ignored},
		"rebooting":          {`[]`: ignored},
		"set_update_mode":    {`[]`: `["1",null,"device","update_mode",{"mode":"automatic","managed_updates_allowed":false,"error":"unknown_mode"}]`},
		"nobody_knows":       {`[]`: ignored, `{}`: ignored, `7`: ignored},
	} {
		for payload, answer := range row {
			t.Run(event+" "+payload, func(t *testing.T) {
				b := newBench(t, ProfileNew)
				b.join()
				want := []string{}
				if answer != ignored {
					want = append(want, answer)
				}
				require.Equal(t, want, b.say(`["1","2","device","`+event+`",`+payload+`]`))
				require.Equal(t, answer != crashed, b.s.dev.online)
			})
		}
	}
}

// A message without data kills the console's channel alone.
func TestConsoleCrash(t *testing.T) {
	for _, payload := range []string{`{}`, `{"data":1}`, `[]`, `null`} {
		b := newBench(t, ProfileNew)
		b.join()
		b.say(`["2","2","console","phx_join",{}]`)
		require.Equal(
			t,
			[]string{`["2","2","console","phx_error",{"reason":"channel_crash"}]`},
			b.say(`["2","3","console","up",`+payload+`]`),
		)
		require.True(t, b.s.dev.online)
		require.Equal(t, silent, b.say(`["1","4","device","rebooting",{}]`))
	}
}
