package hub_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol/hub"
)

// recorded returns a payload as a real hub or a real client sent it.
func recorded(t testing.TB, name string) []byte {
	data, err := os.ReadFile("testdata/" + name + ".json")
	require.NoError(t, err)
	return []byte(strings.TrimSpace(string(data)))
}

var sum = strings.Repeat("0a", 32)

func TestJoinParamsLikeTheRealClient(t *testing.T) {
	yes := true
	got, err := hub.JoinParams{
		Metadata: map[string]string{
			"uuid": "8a8b902c-d1a9-58aa-6111-04ab57c2f2a8", "nerves_fw_version": "0.1.0",
			"architecture": "x86_64",
			"description":  "rig firmware", "misc": "extra comments", "platform": "rig",
			"nerves_fw_product": "rig",
		},
		FwupVersion: "1.16.0", ConsoleVersion: "2.0.0", Validated: &yes, AskFirmwareKeys: true,
		AskArchiveKeys: true,
	}.Payload()
	require.NoError(t, err)
	require.JSONEq(t, string(recorded(t, "join")), string(got))
}

func TestJoinParams(t *testing.T) {
	no := false
	tests := []struct {
		name   string
		params hub.JoinParams
		want   string
	}{
		{
			"nothing known",
			hub.JoinParams{},
			`{"device_api_version":"2.3.0","currently_downloading_uuid":null,"meta":{"firmware_auto_revert_detected":false}}`,
		},
		{
			"in an update, on trial, reverted",
			hub.JoinParams{DownloadingUUID: "u", Validated: &no, Reverted: true},
			`{"device_api_version":"2.3.0","currently_downloading_uuid":"u","meta":{"firmware_validated":false,"firmware_auto_revert_detected":true}}`,
		},
		{
			"the full name wins, extras never replace",
			hub.JoinParams{
				Metadata: map[string]string{"uuid": "short", "nerves_fw_uuid": "full"},
				Extra: map[string]string{
					"update_tool":        "esp-idf",
					"device_api_version": "9",
					"meta":               "x",
					"nerves_fw_uuid":     "extra",
				},
			},
			`{"device_api_version":"2.3.0","currently_downloading_uuid":null,"meta":{"firmware_auto_revert_detected":false},"nerves_fw_uuid":"full","update_tool":"esp-idf"}`,
		},
		{
			"dirty text",
			hub.JoinParams{Metadata: map[string]string{"misc": "a\x00b\xff"}},
			`{"device_api_version":"2.3.0","currently_downloading_uuid":null,"meta":{"firmware_auto_revert_detected":false},"nerves_fw_misc":"a b` + "\uFFFD" + `"}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.params.Payload()
			require.NoError(t, err)
			require.JSONEq(t, tt.want, string(got))
		})
	}
}

func TestParseUpdateOfTheRealHub(t *testing.T) {
	u, err := hub.ParseUpdate(recorded(t, "update"))
	require.NoError(t, err)
	require.Equal(t, hub.Update{
		URL: "http://127.0.0.1:4103/fw/rig-1.1.0.fw?id=nhl_update_json",
		Meta: map[string]string{
			"architecture": "x86_64",
			"platform":     "rig",
			"product":      "rig",
			"uuid":         "11111111-2222-3333-4444-555555555555",
			"version":      "1.1.0",
		},
		Size: 3001740, DeploymentID: 7,
	}, u)
	require.Equal(t, "11111111-2222-3333-4444-555555555555", u.UUID())
	_, err = hub.ParseUpdate(recorded(t, "update_none"))
	require.ErrorIs(t, err, hub.ErrNoUpdate)
}

func TestParseUpdate(t *testing.T) {
	upper := strings.ToUpper(sum)
	tests := []struct{ name, payload, err string }{
		{
			"old server",
			`{"update_available":true,"firmware_url":"https://h/f","firmware_meta":{"uuid":"u"},"deployment_id":null}`,
			"",
		},
		{"join reply of an older one", `{"update_available":true,"firmware_url":"https://h/f"}`, ""},
		{
			"sums in either case",
			`{"firmware_url":"https://h/f","checksum":"` + upper + `","partials_checksums":["` + upper +
				`","` + sum + `"]}`,
			"",
		},
		{
			"empty instead of null",
			`{"firmware_url":"https://h/f","checksum":"","partials_checksums":[],"size":0}`,
			"",
		},
		{"unknown and duplicate keys", `{"firmware_url":"https://h/f","x":{"y":[]},"x":1}`, ""},
		{
			"metadata that is no text",
			`{"firmware_url":"https://h/f","firmware_meta":{"uuid":"u","inserted_at":{"s":1},"n":5}}`,
			"",
		},
		{"no URL", `{"update_available":true}`, "update: firmware_url is missing"},
		{"URL null", `{"update_available":true,"firmware_url":null}`, "update: firmware_url is missing"},
		{
			"URL of a file",
			`{"firmware_url":"file:///s3cret"}`,
			"update: firmware_url is not an http or https URL with a host",
		},
		{
			"URL without host",
			`{"firmware_url":"https:///s3cret"}`,
			"update: firmware_url is not an http or https URL with a host",
		},
		{
			"port without host",
			`{"firmware_url":"https://:80/s3cret"}`,
			"update: firmware_url is not an http or https URL with a host",
		},
		{"URL unreadable", `{"firmware_url":"https://h/%zzs3cret"}`, "update: firmware_url is not a URL"},
		{
			"URL endless",
			`{"firmware_url":"https://h/` + strings.Repeat("a", 17<<10) + `"}`,
			"update: firmware_url is longer than 16384 bytes",
		},
		{
			"size negative",
			`{"firmware_url":"https://h/s3cret","size":-1}`,
			"update: size is not a non-negative integer",
		},
		{
			"size fraction",
			`{"firmware_url":"https://h/s3cret","size":1.5}`,
			"update: size is not a non-negative integer",
		},
		{
			"size endless",
			`{"firmware_url":"https://h/s3cret","size":99999999999999999999}`,
			"update: size is not a non-negative integer",
		},
		{
			"size text",
			`{"firmware_url":"https://h/s3cret","size":"5"}`,
			"update: size is not a non-negative integer",
		},
		{"checksum short", string(recorded(t, "update_raw")), "update: checksum is not a SHA-256 in hex"},
		{
			"checksum no hex",
			`{"firmware_url":"https://h/s3cret","checksum":"` + strings.Repeat("x", 64) + `"}`,
			"update: checksum is not a SHA-256 in hex",
		},
		{
			"checksum number",
			`{"firmware_url":"https://h/s3cret","checksum":5}`,
			"update: checksum is not a SHA-256 in hex",
		},
		{
			"partial short",
			`{"firmware_url":"https://h/s3cret","partials_checksums":["` + sum + `","a"]}`,
			"update: partials_checksums [1] is not a SHA-256 in hex",
		},
		{
			"too many partials",
			`{"firmware_url":"https://h/s3cret","partials_checksums":[""` + strings.Repeat(
				`,""`,
				1<<20,
			) + `]}`,
			"update: partials_checksums are more than 1048576",
		},
		{
			"partials an object",
			`{"firmware_url":"https://h/s3cret","partials_checksums":{}}`,
			"update: payload is not an object of the expected types",
		},
		{"list", `["s3cret"]`, "update: payload is not an object of the expected types"},
		{
			"cut",
			`{"firmware_url":"https://h/s3cret"`,
			"update: payload is not an object of the expected types",
		},
		{"nothing", ``, "update: payload is not an object of the expected types"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u, err := hub.ParseUpdate([]byte(tt.payload))
			if tt.err != "" {
				require.EqualError(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, "https://h/f", string(u.URL))
			if u.Checksum != "" {
				require.Equal(t, sum, u.Checksum)
				require.Equal(t, []string{sum, sum}, u.Partials)
			}
			require.LessOrEqual(t, len(u.Meta), 1)
		})
	}
}

// A refused offer can still be named to the hub.
func TestParseUpdateNamesWhatItRefuses(t *testing.T) {
	u, err := hub.ParseUpdate(recorded(t, "update_raw"))
	require.Error(t, err)
	require.Equal(t, "11111111-2222-3333-4444-555555555555", u.UUID())
}

func TestHasUpdate(t *testing.T) {
	require.True(t, hub.HasUpdate([]byte(`{"update_available":true,"firmware_url":"https://h/f"}`)))
	for _, response := range []string{
		`{}`, `{"update_available":false,"firmware_url":null}`, `[]`, ``,
		`{"firmware_url"`,
	} {
		require.False(t, hub.HasUpdate([]byte(response)), response)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	u, err := hub.ParseUpdate(
		[]byte(`{"firmware_url":"https://h/f?sig=s3cret","firmware_meta":{"uuid":"u1"}}`),
	)
	require.NoError(t, err)
	a, err := hub.ParseArchive([]byte(`{"url":"https://h/a?sig=s3cret","uuid":"u2"}`))
	require.NoError(t, err)
	s, err := hub.ParseScript([]byte(`{"ref":"r1","text":"export TOKEN=s3cret"}`))
	require.NoError(t, err)
	r := hub.ScriptResult{Ref: "r2", Output: "s3cret"}
	for _, v := range []any{
		u, &u, a, s, &s, r, u.URL,
		struct{ U hub.Update }{u},
		[]hub.Script{s},
		[]hub.ScriptResult{r},
	} {
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		text := fmt.Sprintf("%v %+v %s", v, v, v) + log.String()
		require.NotContains(t, text, "s3cret", "%T", v)
	}
	data, err := json.Marshal(u)
	require.NoError(t, err)
	require.NotContains(t, string(data), "s3cret")
	require.NotContains(t, fmt.Sprintf("%#v", u), "s3cret")
	require.Contains(t, u.String(), "u1", "what may be said is said")
}

func TestParseArchive(t *testing.T) {
	a, err := hub.ParseArchive(recorded(t, "archive"))
	require.NoError(t, err)
	require.Equal(t, hub.Archive{
		URL: "http://127.0.0.1:4103/fw/archive.fw", UUID: "11111111-2222-3333-4444-555555555555",
		Size: 3001739, Version: "2.0.0",
		Description: "rig archive", Platform: "generic", Architecture: "generic",
		UploadedAt: "2026-01-02T03:04:05",
	}, a)
	for payload, want := range map[string]string{
		`{"uuid":"u"}`:                                   "archive: url is missing",
		`{"url":"https://h/a"}`:                          "archive: uuid is missing",
		`{"url":"https://h/a","uuid":5}`:                 "archive: uuid is not a string",
		`{"url":"https://h/a","uuid":"u","size":"x"}`:    "archive: size is not a non-negative integer",
		`{"url":"ftp://h/a","uuid":"u"}`:                 "archive: url is not an http or https URL with a host",
		`{"url":"https://h/a","uuid":"u","version":[1]}`: "archive: version is not a string",
		`[]`: "archive: payload is not an object",
	} {
		_, err := hub.ParseArchive([]byte(payload))
		require.EqualError(t, err, want)
	}
}

func TestParsePublicKeys(t *testing.T) {
	keys, ignored, err := hub.ParsePublicKeys(recorded(t, "public_keys"))
	require.NoError(t, err)
	require.Len(t, keys, 1)
	require.Zero(t, ignored)
	require.Len(t, keys[0], 32)
	mixed := `{"keys":["8F3poBbD2h3byThednRxz/Rbp7kAseeFDPG1OoDuPtI","-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----","AAAA",null,7,"8F3poBbD2h3byThednRxz/Rbp7kAseeFDPG1OoDuPtI=\n"]}`
	keys, ignored, err = hub.ParsePublicKeys([]byte(mixed))
	require.NoError(t, err)
	require.Len(t, keys, 2, "padded or not")
	require.Equal(t, keys[0], keys[1])
	require.Equal(t, 4, ignored)
	for _, payload := range []string{`[]`, `{"keys":"x"}`, ``} {
		_, _, err := hub.ParsePublicKeys([]byte(payload))
		require.Error(t, err)
	}
}

func TestScripts(t *testing.T) {
	s, err := hub.ParseScript(recorded(t, "script"))
	require.NoError(t, err)
	require.Equal(t, hub.Script{Ref: "+hoDdQ", Text: "1 + 1"}, s)
	s, err = hub.ParseScript(recorded(t, "connecting_code"))
	require.NoError(t, err)
	require.Equal(t, hub.RefConnectingCode, s.Ref)
	for _, payload := range []string{
		`{}`, `{"ref":"a"}`, `{"text":"a"}`, `{"ref":"","text":"a"}`,
		`{"ref":1,"text":"a"}`, `[]`, ``,
	} {
		_, err := hub.ParseScript([]byte(payload))
		require.Error(t, err, payload)
	}
	got := hub.ScriptResult{
		Ref:    "connecting_code",
		Output: "hi from connecting code\n",
		Return: ":ok",
	}.Push()
	require.Equal(t, "scripts/run", got.Event)
	require.JSONEq(
		t,
		`{"output":"hi from connecting code\n","ref":"connecting_code","result":"completed","return":":ok"}`,
		string(got.Payload),
		"as the real client",
	)
	got = hub.ScriptResult{
		Ref:    "r",
		Failed: true,
		Output: strings.Repeat("é", 1<<20),
		Reason: "timeout",
	}.Push()
	var sent map[string]string
	require.NoError(t, json.Unmarshal(got.Payload, &sent))
	require.Equal(t, "error", sent["result"])
	require.Equal(t, "timeout", sent["reason"])
	require.LessOrEqual(t, len(sent["output"]), hub.OutputMax)
}

// The hub crashes the channel on any other status, on floats, and on a delay that is missing: these
// are the bytes that it takes.
func TestReports(t *testing.T) {
	tests := []struct {
		push           hub.Push
		event, payload string
	}{
		{hub.Received(), "status_update", `{"status":"received"}`},
		{hub.Started("lo"), "status_update", `{"downloader_network_interface":"lo","status":"started"}`},
		{hub.Started(""), "status_update", `{"status":"started"}`},
		{hub.Downloading(), "status_update", `{"status":"downloading"}`},
		{hub.Updating(), "status_update", `{"status":"updating"}`},
		{hub.Completed(), "status_update", `{"status":"completed"}`},
		{hub.Ignored("on battery"), "status_update", `{"status":"ignored","reason":"on battery"}`},
		{
			hub.Rescheduled(time.Second, "busy"),
			"status_update",
			`{"status":"rescheduled","delay_for":1000,"reason":"busy"}`,
		},
		{hub.Rescheduled(-time.Hour, ""), "status_update", `{"status":"rescheduled","delay_for":0}`},
		{
			hub.Rescheduled(time.Microsecond, ""),
			"status_update",
			`{"status":"rescheduled","delay_for":1}`,
		},
		{
			hub.Failed("Download failed : {:http_error, 404}"),
			"status_update",
			`{"reason":"Download failed : {:http_error, 404}","status":"failed"}`,
		},
		{
			hub.Failed("a\x00\x07b\xffc"),
			"status_update",
			`{"status":"failed","reason":"a  b` + "\uFFFD" + `c"}`,
		},
		{hub.Progress(hub.StageUpdating, 0), "fwup_progress", `{"stage":"updating","value":0}`},
		{hub.Progress(hub.StageDownloading, 20), "fwup_progress", `{"value":20,"stage":"downloading"}`},
		{hub.Progress(hub.StageDownloading, 101), "fwup_progress", `{"value":100,"stage":"downloading"}`},
		{hub.Progress(hub.StageUpdating, -1), "fwup_progress", `{"value":0,"stage":"updating"}`},
		{hub.FirmwareValidated(), "firmware_validated", `{}`},
		{hub.Rebooting(), "rebooting", `{}`},
		{hub.ReportNetworkInterface("lo"), "report_network_interface", `{"interface":"lo"}`},
	}
	for _, tt := range tests {
		require.Equal(t, tt.event, tt.push.Event)
		require.JSONEq(t, tt.payload, string(tt.push.Payload))
	}
	var long struct{ Reason string }
	require.NoError(t, json.Unmarshal(hub.Failed("x"+strings.Repeat("é", 4000)).Payload, &long))
	require.Equal(t, "x"+strings.Repeat("é", 511), long.Reason, "cut between runes")
}

func FuzzParsers(f *testing.F) {
	for _, name := range []string{
		"update", "update_none", "update_raw", "archive", "public_keys",
		"script", "extensions_get", "join_extensions",
	} {
		f.Add(recorded(f, name))
	}
	f.Add([]byte(`{"extensions":["a:b","health",5]}`))
	f.Add([]byte("{\"firmware_url\":\"https://h/\xff\",\"firmware_meta\":{\"\xff\":\"\xff\"}}"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		before := string(payload)
		if u, err := hub.ParseUpdate(payload); err == nil {
			require.NotEmpty(t, string(u.URL))
			require.GreaterOrEqual(t, u.Size, int64(0))
			for _, v := range u.Meta {
				require.True(t, utf8.ValidString(v))
			}
		}
		if a, err := hub.ParseArchive(payload); err == nil {
			require.NotEmpty(t, a.UUID)
		}
		keys, _, _ := hub.ParsePublicKeys(payload)
		for _, k := range keys {
			require.Len(t, k, 32)
		}
		_, _ = hub.ParseScript(payload)
		advertised, _ := hub.ParseExtensionsGet(payload)
		versions := map[string]string{}
		for name := range advertised {
			versions[name] = "0.0.1"
		}
		_, err := hub.JoinExtensions(versions)
		require.NoError(t, err)
		_, _, _ = hub.ParseExtensionNames(payload)
		_, _ = hub.ParseAttachList(payload)
		hub.HasUpdate(payload)
		hub.IsDetach(payload)
		require.Equal(t, before, string(payload), "a payload is shared: parsing leaves it as it was")
		for _, p := range []hub.Push{hub.Failed(before), hub.Ignored(before), hub.Started(before)} {
			require.True(t, json.Valid(p.Payload) && utf8.Valid(p.Payload))
		}
	})
}

// A description that is too large loses the optional keys, and always the same ones.
func TestWhatEveryFirmwareHasIsKept(t *testing.T) {
	meta := map[string]string{
		"uuid":         "u",
		"product":      "p",
		"architecture": "a",
		"version":      "1.0.0",
		"platform":     "x",
	}
	for i := range 200 {
		meta[fmt.Sprintf("extra-%03d", i)] = "x"
	}
	payload, err := json.Marshal(
		map[string]any{
			"update_available": true,
			"firmware_url":     "https://hub.example/fw",
			"firmware_meta":    meta,
		},
	)
	require.NoError(t, err)
	for range 20 {
		u, err := hub.ParseUpdate(payload)
		require.NoError(t, err)
		require.Len(t, u.Meta, 64)
		require.Equal(t, "u", u.Meta["uuid"])
		require.Equal(t, "x", u.Meta["platform"])
		require.Contains(t, u.Meta, "extra-000")
		require.NotContains(t, u.Meta, "extra-199")
	}
}
