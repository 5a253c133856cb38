package server

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

func TestNoTokenEscapesARevocation(t *testing.T) {
	r := newRegistry("", time.Hour, zerolog.Nop())
	old := &Session{device: "dev-1", since: time.Now()}
	r.join(old)
	signed := r.signAt(old)
	require.True(t, r.trusted(old))
	until := time.Now().Add(time.Hour) // by a clock that is ahead
	require.Equal(t, []*Session{old}, r.revoke("dev-1", until.UnixMicro()))
	require.False(t, r.trusted(old), "what was signed in the same moment is not sent")
	require.False(t, signed.After(r.revoked("dev-1")), "and what was sent is worthless")

	late := &Session{device: "dev-1", since: signed}
	r.join(late)
	require.False(t, r.trusted(late), "let in before, there after")
	fresh := &Session{device: "dev-1", since: time.Now().Add(time.Millisecond)}
	r.join(fresh)
	require.True(t, r.trusted(fresh))
	require.True(
		t,
		r.signAt(fresh).Truncate(time.Millisecond).After(r.revoked("dev-1")),
		"who logs in again has a good token, whatever the clock says",
	)
	require.Empty(t, r.revoke("dev-1", until.UnixMicro()), "a revocation that is known closes nobody")
	require.True(t, r.trusted(fresh))
	require.WithinDuration(t, time.Now(), r.signAt(&Session{device: "dev-2"}), time.Second)
}

// The cluster may order an older connection to be closed when a newer one has come that it has not
// heard of.
func TestOlderConnectionsOnly(t *testing.T) {
	r := newRegistry("", time.Hour, zerolog.Nop())
	a, b, c := &Session{device: "dev-1"}, &Session{device: "dev-1"}, &Session{device: "dev-1"}
	for _, s := range []*Session{a, b, c} {
		r.join(s)
	}
	require.Equal(t, []*Session{a, b}, r.upTo("dev-1", b.number))
	require.Empty(t, r.upTo("dev-2", b.number))
}

func TestRevocationsAreForgottenWithTheTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegistry("", 24*time.Hour, zerolog.Nop())
		for i := range 100 {
			r.revoke(fmt.Sprintf("dev-%d", i), time.Now().UnixMicro())
			time.Sleep(time.Hour)
		}
		require.Len(t, r.revoking, 25)
		require.False(t, r.revoked("dev-76").IsZero(), "its last token is good for another hour")
		require.True(t, r.revoked("dev-0").IsZero())
	})
}
