package hub_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol/hub"
)

func TestExtensionsGet(t *testing.T) {
	tests := []struct {
		name, payload string
		want          map[string][]string
		fails         bool
	}{
		{"older hub", string(recorded(t, "extensions_get")), nil, false},
		{
			"newer hub",
			`{"extensions":{"health":["0.0.1"],"logging":["0.1.0","0.0.1"]}}`,
			map[string][]string{"health": {"0.0.1"}, "logging": {"0.1.0", "0.0.1"}},
			false,
		},
		{"nothing switched on", `{"extensions":{}}`, map[string][]string{}, false},
		{"null", `{"extensions":null}`, nil, false},
		{
			"one version as text",
			`{"extensions":{"geo":"0.0.1"}}`,
			map[string][]string{"geo": {"0.0.1"}},
			false,
		},
		{
			"a bad entry spoils nothing",
			`{"extensions":{"geo":5,"a:b":["1"],"health":["0.0.1",7]}}`,
			map[string][]string{"health": {"0.0.1"}},
			false,
		},
		{"list", `{"extensions":["health"]}`, nil, true},
		{"not an object", `[]`, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := hub.ParseExtensionsGet([]byte(tt.payload))
			require.Equal(t, tt.fails, err != nil)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestJoinExtensions(t *testing.T) {
	got, err := hub.JoinExtensions(
		map[string]string{
			"geo":              "0.0.1",
			"health":           "0.0.1",
			"local_shell":      "0.0.1",
			"network_identity": "0.0.1",
		},
	)
	require.NoError(t, err)
	require.Equal(t, string(recorded(t, "join_extensions")), string(got), "as the real client")
	got, err = hub.JoinExtensions(nil)
	require.NoError(t, err)
	require.Equal(t, `{}`, string(got))
	for _, bad := range []map[string]string{{"a:b": "1"}, {"": "1"}, {"a": ""}, {"a": "1\x00"}} {
		_, err := hub.JoinExtensions(bad)
		require.Error(t, err)
	}
}

func TestAttachAndDetach(t *testing.T) {
	list, err := hub.ParseAttachList([]byte(`["geo","health",7,"a:b"]`))
	require.NoError(t, err)
	require.Equal(t, []string{"geo", "health"}, list)
	for _, empty := range []string{`[]`, `{}`, `null`, ``} {
		list, err := hub.ParseAttachList([]byte(empty))
		require.NoError(t, err)
		require.Empty(t, list)
	}
	_, err = hub.ParseAttachList([]byte(`7`))
	require.Error(t, err)

	tests := []struct {
		payload string
		names   []string
		all     bool
		fails   bool
	}{
		{`{"extensions":"health"}`, []string{"health"}, false, false},
		{`{"extensions":["health","geo"]}`, []string{"health", "geo"}, false, false},
		{`{"extensions":"all"}`, nil, true, false},
		{`{"extensions":[]}`, []string{}, false, false},
		{`{}`, nil, false, true},
		{`{"extensions":7}`, nil, false, true},
		{`"all"`, nil, false, true},
	}
	for _, tt := range tests {
		names, all, err := hub.ParseExtensionNames([]byte(tt.payload))
		require.Equal(t, tt.fails, err != nil, tt.payload)
		require.Equal(t, tt.names, names, tt.payload)
		require.Equal(t, tt.all, all, tt.payload)
	}
	require.True(t, hub.IsDetach([]byte(`"detach"`)))
	require.False(t, hub.IsDetach([]byte(`{"reason":"detach"}`)))
	require.JSONEq(t, `{"reason":"start_failure"}`, string(hub.ExtensionError("start_failure")))
}

func TestSplitExtensionEvent(t *testing.T) {
	for full, want := range map[string][2]string{
		"health:check":        {"health", "check"},
		"geo:location:update": {"geo", "location:update"},
	} {
		name, event, ok := hub.SplitExtensionEvent(full)
		require.True(t, ok)
		require.Equal(t, want, [2]string{name, event})
	}
	for _, full := range []string{"attach", ":x", "x:", "", ":"} {
		_, _, ok := hub.SplitExtensionEvent(full)
		require.False(t, ok, full)
	}
}
