package extensions_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/extensions"
)

func factory(name string, versions ...string) extensions.Factory {
	return extensions.Factory{
		Name: name, Versions: versions,
		New: func(extensions.Host) (extensions.Extension, error) { return nil, nil },
	}
}

func TestNegotiate(t *testing.T) {
	own := []extensions.Factory{
		factory("logging", "0.1.0", "0.0.1"),
		factory("health", "0.0.1"),
		factory("sensors", "0.2.0", "0.10.0", "1.0.0"),
	}
	type versions = map[string]string
	for _, c := range []struct {
		name       string
		advertised map[string][]string
		want       versions
	}{
		{
			"the most preferred common version, whatever the hub's order",
			map[string][]string{
				"logging": {"0.0.1", "0.1.0"}, "health": {"0.0.1"},
				"sensors": {"1.0.0", "0.10.0"},
			},
			versions{"logging": "0.1.0", "health": "0.0.1", "sensors": "0.10.0"},
		},
		{
			"an older hub",
			map[string][]string{"logging": {"0.0.1"}, "health": {"0.0.1"}},
			versions{"logging": "0.0.1", "health": "0.0.1"},
		},
		{"no common version", map[string][]string{"logging": {"2.0.0"}, "health": {}}, versions{}},
		{
			"equal means equal as strings",
			map[string][]string{"health": {"0.0.1-rc1", "00.0.1", "v0.0.1"}},
			versions{},
		},
		{
			"what the device does not have is ignored",
			map[string][]string{"geo": {"0.0.1"}, "health": {"0.0.1"}},
			versions{"health": "0.0.1"},
		},
		{"everything is switched off", map[string][]string{}, versions{}},
		{
			"no advertisement: everything, in the version whose numbers are lowest",
			nil,
			versions{"logging": "0.0.1", "health": "0.0.1", "sensors": "0.2.0"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, extensions.Negotiate(own, c.advertised))
		})
	}
	require.Empty(t, extensions.Negotiate(nil, nil))
}

func TestValidate(t *testing.T) {
	require.NoError(t, factory("local_shell", "0.1.0", "0.0.1").Validate())
	for _, c := range []struct {
		name    string
		factory extensions.Factory
		want    string
	}{
		{"no name", factory("", "0.0.1"), "name"},
		{"a colon would end the name", factory("geo:location", "0.0.1"), "name"},
		{"capitals", factory("Geo", "0.0.1"), "name"},
		{"too long", factory(strings.Repeat("x", 256), "0.0.1"), "name"},
		{"no versions", factory("geo"), "no versions"},
		{"two numbers", factory("geo", "0.1"), `version "0.1"`},
		{"a list in one string", factory("geo", "0.1.0, 0.0.1"), "three numbers"},
		{"twice", factory("geo", "0.1.0", "0.1.0"), "twice"},
		{
			"a deadline in the past",
			extensions.Factory{
				Name: "geo", Versions: []string{"0.0.1"}, Deadline: -1,
				New: factory("geo", "0.0.1").New,
			},
			"deadline",
		},
		{"no New", extensions.Factory{Name: "geo", Versions: []string{"0.0.1"}}, "New"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.ErrorContains(t, c.factory.Validate(), c.want)
		})
	}
	all := extensions.Factory{}.Validate()
	for _, want := range []string{"name", "versions", "New"} {
		require.ErrorContains(t, all, want, "everything that is wrong at once")
	}
}
