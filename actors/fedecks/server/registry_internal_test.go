package server

import (
	"net/http"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

func TestWhoLeavesLeavesNothing(t *testing.T) {
	r := newRegistry("", time.Hour, zerolog.Nop())
	s := &Session{device: "dev-1"}
	r.join(s)
	r.subscribe(s, "a")
	r.subscribe(s, "b")
	r.unsubscribe(s, "a")
	require.Len(t, r.topics, 1)
	r.leave(s)
	r.leave(s)
	r.subscribe(s, "late")
	require.Empty(t, r.topics)
	require.Empty(t, r.devices)
}

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
