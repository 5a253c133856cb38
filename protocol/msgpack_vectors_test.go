package protocol

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"github.com/hublink-go/hublink/tests/golden"
)

// msgpackVectors is what the hub's serializer (Msgpax) makes of values and envelopes, and of what
// others send it.
type msgpackVectors struct {
	Values []struct {
		Name, Hex string
		Value     any
		DecodesTo any    `json:"msgpax_decodes_to"`
		HexSHA256 string `json:"hex_sha256"`
	}
	DecodeForeign []struct {
		Name, Hex string
		Unpack    any `json:"msgpax_unpack"`
	} `json:"decode_foreign"`
	DeviceToServer []struct {
		Name, Hex       string
		Envelope        any
		ServerDecodesTo map[string]any `json:"server_decodes_to"`
	} `json:"device_to_server"`
	ServerToDevice []struct {
		Name, Hex string
		Envelope  []any
	} `json:"server_to_device"`
}

func readMsgpackVectors(t testing.TB) map[string]msgpackVectors {
	files := map[string]msgpackVectors{}
	for _, path := range golden.Files(t, "vectors/nerveshub/*.json", "testdata") {
		var v msgpackVectors
		d := json.NewDecoder(bytes.NewReader(golden.Read(t, path)))
		d.UseNumber()
		if d.Decode(&v) == nil && len(v.Values) > 0 {
			files[path] = v
		}
	}
	require.NotEmpty(t, files)
	return files
}

// framed is a frame with the payload given in hex.
func framed(t testing.TB, payload string) []byte {
	data, err := hex.DecodeString(payload)
	require.NoError(t, err)
	return append([]byte{0x95, 0xc0, 0xc0, 0xa1, 't', 0xa1, 'e'}, data...)
}

// payloadBytes is the payload of m as MessagePack.
func payloadBytes(t testing.TB, payload []byte) string {
	frame, err := MessagePack{}.Append(nil, Message{Topic: "t", Event: "e", Payload: payload})
	require.NoError(t, err)
	return hex.EncodeToString(frame[7:])
}

// requireValue compares JSON that was decoded from MessagePack with a value of the vectors.
func requireValue(t testing.TB, want any, got []byte) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(got))
	d.UseNumber()
	var have any
	require.NoError(t, d.Decode(&have), "%s", got)
	require.Empty(t, differs(t, want, have, string(got)))
}

// differs says where have is not what the vectors want, with their notation of what JSON does not
// have.
func differs(t testing.TB, want, have any, whole string) string {
	wrong := "want " + fmtJSON(want) + ", have " + fmtJSON(have)
	switch w := want.(type) {
	case map[string]any:
		if len(w) <= 2 {
			if same, ok := special(t, w, have, whole); ok {
				if same {
					return ""
				}
				return wrong
			}
		}
		h, ok := have.(map[string]any)
		if !ok || len(h) != len(w) {
			return wrong
		}
		for k, v := range w {
			if bad := differs(t, v, h[k], whole); bad != "" {
				return k + ": " + bad
			}
		}
	case []any:
		h, ok := have.([]any)
		if !ok || len(h) != len(w) {
			return wrong
		}
		for i := range w {
			if bad := differs(t, w[i], h[i], whole); bad != "" {
				return strconv.Itoa(i) + ": " + bad
			}
		}
	default:
		if want != have {
			return wrong
		}
	}
	return ""
}

func fmtJSON(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

// special compares one of the vectors' {"$...": ...}; not ok: it is none of them.
func special(t testing.TB, want map[string]any, have any, whole string) (same, ok bool) {
	number, _ := have.(json.Number)
	text, isText := have.(string)
	switch {
	case want["bits_hex"] != nil:
		f, err := number.Float64()
		bits := strconv.FormatUint(math.Float64bits(f), 16)
		return err == nil && strings.ContainsAny(string(number), ".e") &&
			strings.Repeat("0", 16-len(bits))+bits == want["bits_hex"], true
	case want["$int"] != nil:
		return string(number) == want["$int"], true
	case want["$timestamp"] != nil:
		a, err := time.Parse(time.RFC3339Nano, want["$timestamp"].(string))
		require.NoError(t, err)
		b, err := time.Parse(time.RFC3339Nano, text)
		return err == nil && a.Equal(b), true
	case want["$invalid_utf8_hex"] != nil:
		raw, err := hex.DecodeString(want["$invalid_utf8_hex"].(string))
		require.NoError(t, err)
		return isText && strings.Contains(whole, string(appendQuoted(nil, raw))), true
	case want["$map"] != nil:
		h, isMap := have.(map[string]any)
		for _, pair := range want["$map"].([]any) {
			p := pair.([]any)
			isMap = isMap && h[string(p[0].(json.Number))] == p[1]
		}
		return isMap, true
	case want["$ext"] != nil:
		return have == nil, true // the hub keeps it as an opaque value, which JSON does not have
	}
	return false, false
}

// Every value that the hub packs decodes to what it was, and is packed by us to the same bytes.
func TestMessagePackValues(t *testing.T) {
	for _, file := range readMsgpackVectors(t) {
		for _, v := range file.Values {
			t.Run(v.Name, func(t *testing.T) {
				if v.HexSHA256 != "" {
					requireLongValue(t, v.Name, v.HexSHA256)
					return
				}
				m, err := MessagePack{}.Decode(framed(t, v.Hex), true)
				require.NoError(t, err)
				requireValue(t, v.DecodesTo, m.Payload)
				switch {
				case strings.Contains(fmtJSON(v.Value), `{"$timestamp"`),
					strings.Contains(fmtJSON(v.Value), `{"$map"`): // JSON has no such thing
				case strings.Contains(fmtJSON(v.DecodesTo), `{"$invalid_utf8_hex"`):
					_, err := MessagePack{}.Append(nil, Message{Payload: m.Payload})
					require.Error(t, err, "taken, but not sent")
				default:
					require.Equal(t, v.Hex, payloadBytes(t, m.Payload))
				}
			})
		}
	}
}

// requireLongValue checks the values that are too long to stand in the vectors, which their names
// describe: a count of what.
func requireLongValue(t *testing.T, name, sum string) {
	count, what, _ := strings.Cut(name, " ")
	n, err := strconv.Atoi(count)
	require.NoError(t, err)
	payload := map[string]string{
		"bytes": `"` + strings.Repeat("a", n) + `"`,
		"nils":  "[" + strings.TrimSuffix(strings.Repeat("null,", n), ",") + "]",
	}[what]
	require.NotEmpty(t, payload)
	packed := payloadBytes(t, []byte(payload))
	raw, err := hex.DecodeString(packed)
	require.NoError(t, err)
	got := sha256.Sum256(raw)
	require.Equal(t, sum, hex.EncodeToString(got[:]))
	m, err := MessagePack{}.Decode(framed(t, packed), true)
	require.NoError(t, err)
	require.True(t, payload == string(m.Payload))
}

// What other packers write is read as the hub reads it.
func TestMessagePackForeign(t *testing.T) {
	for _, file := range readMsgpackVectors(t) {
		for _, v := range file.DecodeForeign {
			t.Run(v.Name, func(t *testing.T) {
				m, err := MessagePack{}.Decode(framed(t, v.Hex), true)
				if strings.Contains(fmtJSON(v.Unpack), `"$error"`) {
					var de *DecodeError
					require.ErrorAs(t, err, &de)
					return
				}
				require.NoError(t, err)
				requireValue(t, v.Unpack, m.Payload)
			})
		}
	}
}

// What the hub reads is what was meant, and what we write reads the same. JSON devices see their
// topic without the id.
func TestMessagePackDeviceToServer(t *testing.T) {
	for _, file := range readMsgpackVectors(t) {
		for _, v := range file.DeviceToServer {
			t.Run(v.Name, func(t *testing.T) {
				data, err := hex.DecodeString(v.Hex)
				require.NoError(t, err)
				m, err := MessagePack{}.Decode(data, true)
				if v.ServerDecodesTo["$raises"] != nil {
					var de *DecodeError
					require.ErrorAs(t, err, &de)
					return
				}
				require.NoError(t, err)
				requireDecoded(t, v.ServerDecodesTo, m)
				again, err := MessagePack{}.Append(nil, m)
				if strings.Contains(fmtJSON(v.Envelope), `"$invalid_utf8_hex"`) {
					require.Error(t, err)
					return
				}
				require.NoError(t, err)
				back, err := MessagePack{}.Decode(again, true)
				require.NoError(t, err)
				require.Equal(t, m, back)
			})
		}
	}
}

func requireDecoded(t *testing.T, want map[string]any, m Message) {
	orEmpty := func(v any) string { text, _ := v.(string); return text }
	topic := m.Topic
	if topic == "device" {
		topic = "device:7"
	}
	require.Equal(t, orEmpty(want["join_ref"]), m.JoinRef)
	require.Equal(t, orEmpty(want["ref"]), m.Ref)
	require.Equal(t, want["topic"], topic)
	require.Equal(t, want["event"], m.Event)
	requireValue(t, want["payload"], m.Payload)
}

// What the hub sends is understood.
func TestMessagePackServerToDevice(t *testing.T) {
	for _, file := range readMsgpackVectors(t) {
		for _, v := range file.ServerToDevice {
			t.Run(v.Name, func(t *testing.T) {
				data, err := hex.DecodeString(v.Hex)
				require.NoError(t, err)
				m, err := MessagePack{}.Decode(data, true)
				require.NoError(t, err)
				e := v.Envelope
				requireDecoded(t, map[string]any{
					"join_ref": e[0], "ref": e[1], "topic": strings.Replace(e[2].(string), "device", "device:7",
						1), "event": e[3], "payload": e[4],
				}, m)
				again, err := MessagePack{}.Append(nil, m)
				require.NoError(t, err)
				require.Equal(t, v.Hex, hex.EncodeToString(again), "the order of members is kept")
			})
		}
	}
}

// The two forms of the wire say the same.
func TestMessagePackIsJSON(t *testing.T) {
	for _, payload := range []string{
		`{}`, `[]`, `null`, `true`, `"detach"`, `["health","logging"]`, `{"a":{"b":[1,-1,1.5,{"c":""}]}}`,
		`{"é\n\"\\\u0001":"🚀"}`,
		`[` + strings.Repeat(`[1],`, 70_000) + `0]`, `{"a":1,"a":2}`, `1e300`, `-0.0`,
	} {
		frame, err := MessagePack{}.Append(
			[]byte("kept"),
			Message{JoinRef: "1", Ref: "2", Topic: "device", Event: "x", Payload: []byte(payload)},
		)
		require.NoError(t, err)
		require.Equal(t, "kept", string(frame[:4]))
		m, err := MessagePack{}.Decode(frame[4:], true)
		require.NoError(t, err)
		var want, got any
		require.NoError(t, json.Unmarshal([]byte(payload), &want))
		require.NoError(t, json.Unmarshal(m.Payload, &got))
		require.Equal(t, want, got)
	}
}

func TestMessagePackDecodeRefuses(t *testing.T) {
	const secret = "s3cret"
	head := "\x95\xc0\xc0\xa1t\xa1e"
	frames := map[string]string{
		"empty":                   "",
		"reserved byte":           "\xc1",
		"JSON":                    `[null,null,"s3cret","e",{}]`,
		"array of four":           "\x94\xc0\xc0\xa6s3cret\xa1e",
		"array of six":            "\x96\xc0\xc0\xa6s3cret\xa1e\x80\x01",
		"map":                     "\x81\xa6s3cret\xc0",
		"boolean ref":             "\x95\xc3\xc0\xa6s3cret\xa1e\x80",
		"topic nil":               "\x95\xc0\xc0\xc0\xa6s3cret\x80",
		"more after the array":    head + "\x80\xa6s3cret",
		"no payload":              head,
		"array of 2^32-1":         head + "\xdd\xff\xff\xff\xff" + secret,
		"map of 2^32-1":           head + "\xdf\xff\xff\xff\xff\xa6s3cret\x01",
		"string of 2^32-1":        head + "\xdb\xff\xff\xff\xff" + secret,
		"binary of 2^31":          head + "\xc6\x80\x00\x00\x00" + secret,
		"key of 2^32-2":           head + "\x81\xdb\xff\xff\xff\xfe" + secret,
		"topic of 2^32-1":         "\x95\xc0\xc0\xdb\xff\xff\xff\xff" + secret,
		"ext of 2^32-1":           head + "\xc9\xff\xff\xff\xff\xff" + secret,
		"array key":               head + "\x81\x91\x01\x01",
		"boolean key":             head + "\x81\xc3\x01",
		"timestamp of five bytes": head + "\xc7\x05\xff12345",
		"timestamp in the far end": head +
			"\xc7\x0c\xff\x00\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff",
		"timestamp with long nanos": head + "\xd7\xff\xff\xff\xff\xff\xff\xff\xff\xff",
		"nested too deep":           head + strings.Repeat("\x91", 200) + "\xc0",
		"megabytes of nested":       head + strings.Repeat("\x91", 8<<20),
		"millions of nils":          head + "\xdd\x00\x20\x00\x00" + strings.Repeat("\xc0", 2<<20),
		"megabytes of controls": head + "\x92\xdb\x00\x70\x00\x00" + strings.Repeat(
			"\x01",
			7<<20,
		) + "\xc0",
	}
	for name, frame := range frames {
		t.Run(name, func(t *testing.T) {
			_, err := MessagePack{}.Decode([]byte(frame), true)
			var de *DecodeError
			require.ErrorAs(t, err, &de)
			require.NotContains(t, err.Error(), secret, "an error never quotes the frame")
			require.LessOrEqual(t, de.Offset, int64(len(frame)))
		})
	}
	_, err := MessagePack{}.Decode([]byte(head+"\x80"), false)
	require.ErrorContains(t, err, "text frame")
}

func TestMessagePackAppendRefuses(t *testing.T) {
	for _, payload := range []string{
		`{`, `{}]`, `{} {}`, `{"a":}`, "{\"a\":\"\xff\"}", `,`, ` `, `s3cret`, `{1:2}`, `["\ud800"]`,
		`1e999`, strings.Repeat("[", 200) + strings.Repeat("]", 200),
	} {
		got, err := MessagePack{}.Append(
			[]byte("kept"),
			Message{Topic: "t", Event: "e", Payload: []byte(payload)},
		)
		require.Error(t, err, payload)
		require.NotContains(t, err.Error(), "s3cret")
		require.Equal(t, "kept", string(got))
	}
}

func TestMessagePackRawBytes(t *testing.T) {
	frame, err := MessagePack{}.Append(
		nil,
		Message{Topic: "t", Event: "e", Payload: []byte{0, 0xff}, Binary: true},
	)
	require.NoError(t, err)
	raw, _, err := msgp.ReadBytesBytes(frame[7:], nil)
	require.NoError(t, err)
	require.Equal(t, []byte{0, 0xff}, raw)
}

// FuzzMessagePackDecode: nothing makes decoding panic or grow, what is decoded is JSON, and means
// the same when it has gone over the wire again.
func FuzzMessagePackDecode(f *testing.F) {
	for _, file := range readMsgpackVectors(f) {
		for _, v := range file.ServerToDevice {
			data, err := hex.DecodeString(v.Hex)
			require.NoError(f, err)
			f.Add(data)
		}
		for _, v := range file.Values {
			if v.Hex != "" {
				f.Add(framed(f, v.Hex))
			}
		}
		for _, v := range file.DecodeForeign {
			f.Add(framed(f, v.Hex))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := string(data)
		m, err := MessagePack{}.Decode(data, true)
		require.Equal(t, before, string(data), "decoding leaves the frame as it was")
		if err != nil {
			var de *DecodeError
			require.ErrorAs(t, err, &de)
			require.True(t, de.Offset >= 0 && de.Offset <= int64(len(data)))
			return
		}
		require.LessOrEqual(t, len(m.Payload), 8*len(data)+16)
		require.True(t, m.Payload.IsValid(allowAnything...), "%q", m.Payload)
		ParseReply(m)
		again, err := MessagePack{}.Append(nil, m)
		if err != nil { // invalid UTF-8 in the payload is taken, but not sent
			require.False(t, m.Payload.IsValid(allowDuplicates...))
			return
		}
		back, err := MessagePack{}.Decode(again, true)
		require.NoError(t, err)
		require.Equal(t, m, back)
	})
}

// FuzzMessagePackAppend: any JSON goes over the wire and means the same on the other side.
func FuzzMessagePackAppend(f *testing.F) {
	for _, payload := range []string{
		`{"a":[1,2.5,-3,null,true,"\u00e9\n"]}`, `"detach"`, `[[[]]]`,
		`18446744073709551616`, `-0`, ` 1E5 `, `{`,
	} {
		f.Add([]byte(payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		frame, err := MessagePack{}.Append(nil, Message{Topic: "t", Event: "e", Payload: payload})
		if err != nil {
			require.Empty(t, frame)
			return
		}
		m, err := MessagePack{}.Decode(frame, true)
		require.NoError(t, err)
		if len(payload) == 0 {
			return
		}
		var want, got any
		require.NoError(t, json.Unmarshal(payload, &want))
		require.NoError(t, json.Unmarshal(m.Payload, &got))
		require.Equal(t, want, got)
	})
}
