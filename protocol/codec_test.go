package protocol

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestJSONDecode(t *testing.T) {
	tests := []struct {
		name, frame string
		want        Message
	}{
		{
			"reply",
			`["1","2","device","phx_reply",{"status":"ok"}]`,
			Message{
				JoinRef: "1",
				Ref:     "2",
				Topic:   "device",
				Event:   "phx_reply",
				Payload: []byte(`{"status":"ok"}`),
			},
		},
		{
			"nulls",
			`[null,null,"device","update",{}]`,
			Message{Topic: "device", Event: "update", Payload: []byte(`{}`)},
		},
		{
			"integer refs, as some hubs echo them",
			`[1,23456,"device","x",{}]`,
			Message{JoinRef: "1", Ref: "23456", Topic: "device", Event: "x", Payload: []byte(`{}`)},
		},
		{
			"foreign refs",
			`["join_1","01","device","x",{}]`,
			Message{JoinRef: "join_1", Ref: "01", Topic: "device", Event: "x", Payload: []byte(`{}`)},
		},
		{
			"escapes",
			`["\u0031",null,"d\"e","\u00e9",{}]`,
			Message{JoinRef: "1", Topic: `d"e`, Event: "é", Payload: []byte(`{}`)},
		},
		{
			"white space",
			" [ null , null ,\n\"t\" , \"e\" , [ 1 ] ] \n",
			Message{Topic: "t", Event: "e", Payload: []byte(`[ 1 ]`)},
		},
		{
			"duplicate keys",
			`[null,null,"t","e",{"a":1,"a":2}]`,
			Message{Topic: "t", Event: "e", Payload: []byte(`{"a":1,"a":2}`)},
		},
		{
			"invalid UTF-8 in the payload",
			"[null,null,\"t\",\"e\",{\"a\":\"\xff\"}]",
			Message{Topic: "t", Event: "e", Payload: []byte("{\"a\":\"\xff\"}")},
		},
		{
			"invalid UTF-8 in the event",
			"[null,null,\"t\",\"e\xff\",1]",
			Message{Topic: "t", Event: "e\uFFFD", Payload: []byte(`1`)},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := JSON{}.Decode([]byte(tt.frame), false)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestJSONDecodeRefuses(t *testing.T) {
	const secret = "s3cret"
	frames := map[string]string{
		"empty":         ``,
		"not JSON":      `s3cret`,
		"object":        `{"s3cret":1}`,
		"array of none": `[]`,
		"array of four": `[null,null,"s3cret","e"]`,
		"array of six":  `[null,null,"t","e","s3cret",1]`,
		"two values":    `[null,null,"t","e",{}] "s3cret"`,
		"cut":           `[null,null,"t","e",{"s3cret":`,
		"bad payload":   `[null,null,"t","e",{"s3cret":s3cret}]`,
		"bad string":    `[null,null,"t","e",{"s3cret":"\x"}]`,
		"fraction ref":  `[1.5,null,"s3cret","e",{}]`,
		"negative ref":  `[-1,null,"s3cret","e",{}]`,
		"boolean ref":   `[true,null,"s3cret","e",{}]`,
		"object ref":    `[{"s3cret":1},null,"t","e",{}]`,
		"topic null":    `[null,null,null,"s3cret",{}]`,
		"event number":  `[null,null,"s3cret",1,{}]`,
		"colon":         `[null:null,"s3cret"]`,
		"nested too deep": `[null,null,"t","e",` + strings.Repeat(
			`[`,
			20_000,
		) + strings.Repeat(
			`]`,
			20_000,
		) + `]`,
		"nested without end":  `[null,null,"t","e",` + strings.Repeat(`{"s3cret":`, 200_000),
		"megabytes of nested": strings.Repeat(`[`, 8<<20),
	}
	for name, frame := range frames {
		t.Run(name, func(t *testing.T) {
			_, err := JSON{}.Decode([]byte(frame), false)
			var de *DecodeError
			require.ErrorAs(t, err, &de)
			require.NotContains(t, err.Error(), secret, "an error never quotes the frame")
			require.LessOrEqual(t, de.Offset, int64(len(frame)))
		})
	}
}

func TestJSONAppend(t *testing.T) {
	tests := []struct {
		m    Message
		want string
	}{
		{
			Message{Ref: "16", Topic: "phoenix", Event: "heartbeat"},
			`[null,"16","phoenix","heartbeat",{}]`,
		},
		{
			Message{
				JoinRef: "1",
				Ref:     "1",
				Topic:   "device",
				Event:   "phx_join",
				Payload: []byte(`{"a":"é"}`),
			},
			`["1","1","device","phx_join",{"a":"é"}]`,
		},
		{
			Message{Topic: "a\"b", Event: "\xff", Payload: []byte(`[]`)},
			`[null,null,"a\"b","` + "\uFFFD" + `",[]]`,
		},
	}
	for _, tt := range tests {
		got, err := JSON{}.Append([]byte("kept"), tt.m)
		require.NoError(t, err)
		require.Equal(t, "kept"+tt.want, string(got))
	}
}

// The hub closes the socket of a device that sends it broken JSON: such a message must not leave.
func TestJSONAppendRefusesBrokenPayloads(t *testing.T) {
	for _, payload := range []string{
		`{`, `{}]`, `{} {}`, `{"a":}`, "{\"a\":\"\xff\"}", `,`, ` `,
		`s3cret`,
	} {
		got, err := JSON{}.Append(
			[]byte("kept"),
			Message{Topic: "t", Event: "e", Payload: []byte(payload)},
		)
		require.Error(t, err, payload)
		require.NotContains(t, err.Error(), "s3cret")
		require.Equal(t, "kept", string(got))
	}
}

func TestPackedFrames(t *testing.T) {
	m := Message{
		JoinRef: "1",
		Ref:     "2",
		Topic:   "device",
		Event:   "x",
		Payload: []byte{1, 2},
		Binary:  true,
	}
	got, err := JSON{}.Append(nil, m)
	require.NoError(t, err)
	require.Equal(t, "00010106013132646576696365780102", hex.EncodeToString(got))
	m.Topic = strings.Repeat("t", 256)
	_, err = JSON{}.Append(nil, m)
	require.Error(t, err)

	tests := []struct {
		name, frame string
		want        Message
	}{
		{
			"push",
			"\x00\x01\x06\x011devicex\x01\x02",
			Message{JoinRef: "1", Topic: "device", Event: "x", Payload: []byte{1, 2}, Binary: true},
		},
		{
			"reply",
			"\x01\x01\x01\x06\x0212deviceokdata",
			Message{
				JoinRef: "1",
				Ref:     "2",
				Topic:   "device",
				Event:   "phx_reply",
				Status:  "ok",
				Payload: []byte("data"),
				Binary:  true,
			},
		},
		{
			"broadcast",
			"\x02\x06\x01devicex",
			Message{Topic: "device", Event: "x", Payload: []byte{}, Binary: true},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := JSON{}.Decode([]byte(tt.frame), true)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
			for i := range len(tt.frame) - len(tt.want.Payload) {
				_, err := JSON{}.Decode([]byte(tt.frame[:i]), true)
				var de *DecodeError
				require.ErrorAs(t, err, &de, "cut at %d", i)
			}
		})
	}
	_, err = JSON{}.Decode([]byte("\x03\x01\x01"), true)
	require.Error(t, err)
	r := ParseReply(tests[1].want)
	require.True(t, r.OK)
	require.Equal(t, "data", string(r.Response))
}

func TestParseReply(t *testing.T) {
	tests := []struct {
		payload  string
		ok       bool
		response string
	}{
		{`{"status":"ok","response":{"a":1}}`, true, `{"a":1}`},
		{`{"response":[],"status":"ok"}`, true, `[]`},
		{`{"status":"error","response":"detach"}`, false, `"detach"`},
		{`{"status":"ok"}`, true, ``},
		{`{"status":true,"response":1}`, false, `1`},
		{`[]`, false, ``},
		{`{"status":"ok"`, true, ``},
		{``, false, ``},
	}
	for _, tt := range tests {
		r := ParseReply(Message{Payload: []byte(tt.payload)})
		require.Equal(t, tt.ok, r.OK, tt.payload)
		require.Equal(t, tt.response, string(r.Response), tt.payload)
	}
}

func TestReasons(t *testing.T) {
	for response, want := range map[string]string{
		`{"error":"could not connect"}`:         "could not connect",
		`{"reason":"unmatched topic"}`:          "unmatched topic",
		`{"reason":{"code":1},"error":"plain"}`: "plain",
		`"detach"`:                              "detach",
		`{}`:                                    "no reason given",
		`[1]`:                                   "no reason given",
		``:                                      "no reason given",
		`"a\u0000b\u001b[31mc\nd"`:              "a b [31mc d",
	} {
		require.Equal(t, want, reasonOf([]byte(response)), response)
	}
	long := reasonOf([]byte(`"` + strings.Repeat("é", 500) + `"`))
	require.Equal(t, strings.Repeat("é", 100), long, "shortened between runes")
	require.Equal(t, "x"+strings.Repeat("é", 99), reasonOf([]byte(`"x`+strings.Repeat("é", 500)+`"`)))
}

func TestCodecAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("SKIPPED: with the race detector, NOT checked: allocations; make test has a run without it")
	}
	heartbeat := []byte(`[null,"4711","phoenix","phx_reply",{"response":{},"status":"ok"}]`)
	push := Message{
		JoinRef: "1",
		Ref:     "2",
		Topic:   "device",
		Event:   "fwup_progress",
		Payload: []byte(`{"stage":"updating","value":3}`),
	}
	buf := make([]byte, 0, 256)
	require.Zero(t, testing.AllocsPerRun(500, func() {
		if _, err := (JSON{}).Decode(heartbeat, false); err != nil {
			t.Fatal(err)
		}
	}), "decode of a heartbeat reply")
	require.Zero(t, testing.AllocsPerRun(500, func() {
		if _, err := (JSON{}).Append(buf, push); err != nil {
			t.Fatal(err)
		}
	}), "encode of a push")
	frame, err := MessagePack{}.Append(nil, push)
	require.NoError(t, err)
	require.Equal(t, 1.0, testing.AllocsPerRun(500, func() {
		if _, err := (MessagePack{}).Decode(frame, true); err != nil {
			t.Fatal(err)
		}
	}), "decode of MessagePack allocates the payload")
	require.Zero(t, testing.AllocsPerRun(500, func() {
		if _, err := (MessagePack{}).Append(buf, push); err != nil {
			t.Fatal(err)
		}
	}), "encode of MessagePack")
}

func FuzzJSONDecode(f *testing.F) {
	f.Add([]byte(`["1","2","device","phx_reply",{"status":"ok","response":{}}]`), false)
	f.Add([]byte("[1,null,\"d\\u00e9\",\"e\",{\"a\":\"\xff\",\"a\":1e9}]"), false)
	f.Add([]byte("\x01\x01\x01\x06\x0212deviceokdata"), true)
	f.Add([]byte("\x00\x01\x06\x011devicex\x01\x02"), true)
	f.Fuzz(func(t *testing.T, data []byte, binary bool) {
		before := string(data)
		m, err := JSON{}.Decode(data, binary)
		require.Equal(t, before, string(data), "decoding leaves the frame as it was")
		if err != nil {
			var de *DecodeError
			require.ErrorAs(t, err, &de)
			return
		}
		ParseReply(m)
		if binary {
			return
		}
		again, err := JSON{}.Append(nil, m)
		if err != nil { // invalid UTF-8 in the payload is taken, but not sent
			require.True(t, errors.Is(err, errInvalidPayload))
			return
		}
		back, err := JSON{}.Decode(again, false)
		require.NoError(t, err)
		require.Equal(t, m, back)
	})
}

// BenchmarkCodec shows the two wire forms next to each other; B/s counts the bytes on the wire of
// each.
func BenchmarkCodec(b *testing.B) {
	messages := map[string]string{
		"heartbeat_reply": `[null,"16","phoenix","phx_reply",{"response":{},"status":"ok"}]`,
		"progress":        `["1","7","device","fwup_progress",{"stage":"updating","value":3}]`,
		"update": `[null,null,"device","update",{"update_available":true,"firmware_url":"https://bucket.example/fw.fw?X-Amz-Signature=abc","firmware_meta":` +
			`{"architecture":"x86_64","author":null,"description":null,"platform":"rig","product":"rig","uuid":"11111111-2222-3333-4444-555555555555",` +
			`"version":"1.1.0"},"size":3001740,"checksum":null,"partials_checksums":null,"deployment_id":7}]`,
	}
	for name, text := range messages {
		m, err := JSON{}.Decode([]byte(text), false)
		require.NoError(b, err)
		for wire, codec := range map[string]Codec{"json": JSON{}, "msgpack": MessagePack{}} {
			data, err := codec.Append(nil, m)
			require.NoError(b, err)
			b.Run("decode/"+name+"/"+wire, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(data)))
				for b.Loop() {
					_, _ = codec.Decode(data, codec.Binary())
				}
			})
			buf := make([]byte, 0, 1024)
			b.Run("encode/"+name+"/"+wire, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(data)))
				for b.Loop() {
					_, _ = codec.Append(buf, m)
				}
			})
		}
	}
}
