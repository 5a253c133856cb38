package server

import (
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

func TestNoTokenEscapesARevocation(t *testing.T) {
	r := newRegistry("", time.Hour, zerolog.Nop())
	old := newSession(nil, "dev-1", "", time.Now())
	r.join(old)
	signed := r.signAt(old)
	require.True(t, r.trusted(old))
	until := time.Now().Add(time.Hour) // by a clock that is ahead
	require.Equal(t, []*Session{old}, r.revoke("dev-1", until.UnixMicro()))
	require.False(t, r.trusted(old), "what was signed in the same moment is not sent")
	require.False(t, signed.After(r.revokedUntil("dev-1")), "and what was sent is worthless")

	late := newSession(nil, "dev-1", "", signed)
	r.join(late)
	require.False(t, r.trusted(late), "let in before, there after")
	fresh := newSession(nil, "dev-1", "", time.Now().Add(time.Millisecond))
	r.join(fresh)
	require.True(t, r.trusted(fresh))
	require.True(
		t,
		r.signAt(fresh).Truncate(time.Millisecond).After(r.revokedUntil("dev-1")),
		"who logs in again has a good token, whatever the clock says",
	)
	again := r.revoke("dev-1", until.UnixMicro())
	require.Empty(t, again, "a revocation that is known closes no connection")
	require.True(t, r.trusted(fresh))
	other := newSession(nil, "dev-2", "", time.Time{})
	require.WithinDuration(t, time.Now(), r.signAt(other), time.Second)
}

// The cluster may order an older connection to be closed when a newer one has come that it has not
// heard of.
func TestOlderConnectionsOnly(t *testing.T) {
	r := newRegistry("", time.Hour, zerolog.Nop())
	join := func() *Session {
		s := newSession(nil, "dev-1", "", time.Time{})
		r.join(s)
		return s
	}
	a, b := join(), join()
	join()
	require.Equal(t, []*Session{a, b}, r.upTo("dev-1", b.member.Number()))
	require.Empty(t, r.upTo("dev-2", b.member.Number()))
}
