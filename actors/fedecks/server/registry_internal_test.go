package server

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRatesForgetAddresses(t *testing.T) {
	r := newRates(1, 2)
	now := time.Unix(0, 0)
	for i := range 3 * maxAddresses {
		require.True(t, r.allow(string(rune(i+1000)), now))
		require.LessOrEqual(t, len(r.buckets), maxAddresses)
	}
	require.True(t, r.allow("later", now.Add(time.Hour)))
	require.LessOrEqual(t, len(r.buckets), maxAddresses)
}

func TestAddressForTheRate(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.7:1234": "192.0.2.7", "[::ffff:192.0.2.7]:1": "192.0.2.7",
		"[2001:db8:1:2:3:4:5:6]:1": "2001:db8:1:2::/64", "device": "device",
	} {
		require.Equal(t, want, remoteHost(&http.Request{RemoteAddr: remote}))
	}
}
