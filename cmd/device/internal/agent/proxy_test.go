package agent

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/cmd/device/internal/config"
)

// The environment's proxies are set in TestMain, because net/http reads them once.
func TestProxyOfTheConfigurationOrTheEnvironment(t *testing.T) {
	for _, c := range []struct{ configured, target, want string }{
		{"", "https://hub.example/", "http://env.example:3128"},
		{"", "https://direct.example/", ""},
		{"", "http://127.0.0.1:4000/", ""},
		{"socks5://u:p@proxy.example", "https://hub.example/", "socks5://u:p@proxy.example"},
		{"socks5://u:p@proxy.example", "https://direct.example/", "socks5://u:p@proxy.example"},
		{config.NoProxy, "https://hub.example/", ""},
	} {
		choose := proxy(&config.Hub{Proxy: config.Secret(c.configured)})
		if choose == nil {
			require.Empty(t, c.want)
			continue
		}
		target, err := url.Parse(c.target)
		require.NoError(t, err)
		u, err := choose(target)
		require.NoError(t, err)
		if c.want == "" {
			require.Nil(t, u, "%+v", c)
		} else {
			require.Equal(t, c.want, u.String(), "%+v", c)
		}
	}
}

// What the file says reaches the device.
func TestHubKeysReachTheDevice(t *testing.T) {
	f := newFile(
		t,
		"hub.example",
		"s3cr3t",
		`compress = false`,
		`fallback_urls = ["b.example"]`,
		`proxy = "none"`,
		`wait_for_network = false`,
	)
	found := found{identity: "gw-1"}
	hub := found.config(f, logs{}, newFeed()).Hub
	require.True(t, hub.NoCompress)
	require.Equal(t, []string{"b.example"}, hub.Fallbacks)
	require.Nil(t, hub.Proxy)
	require.Nil(t, hub.Network)

	f = newFile(t, "hub.example", "s3cr3t")
	hub = found.config(f, logs{}, newFeed()).Hub
	require.False(t, hub.NoCompress)
	require.NotNil(t, hub.Proxy)
	require.NotNil(t, hub.Network)
}
