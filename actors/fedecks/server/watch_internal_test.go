package server

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// A watcher that blocks misses the oldest events and is told how many.
func TestWatcherThatBlocksIsToldWhatItMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watch{log: zerolog.Nop()}
		let, heard, missed := make(chan struct{}), 0, 0
		var last PresenceEvent
		w.add(func(e PresenceEvent) {
			<-let
			heard, missed, last = heard+1, missed+e.Missed, e
		})
		tell := func(i int) { w.tell(PresenceEvent{Device: fmt.Sprintf("dev-%d", i)}) }
		tell(0)
		synctest.Wait() // it is being told
		for i := range maxUntold + 10 {
			tell(i + 1)
		}
		require.Len(t, w.untold, maxUntold)
		close(let)
		w.wait(t.Context())
		require.Equal(t, maxUntold+1, heard)
		require.Equal(t, 10, missed)
		require.Equal(t, fmt.Sprintf("dev-%d", maxUntold+10), last.Device, "the newest was told")
	})
}
