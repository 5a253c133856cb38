package fleet

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRush(t *testing.T) {
	var r rush
	total := 0
	for i := range 100 {
		switch {
		case i == 0:
			total += 5 // before the first look
		case i >= 20 && i < 30:
			total += 3
		case i >= 35 && i < 55:
			total += 2
		}
		r.look(total)
	}
	require.Equal(t, 30, r.busiest(), "ten looks are a second")
}

func TestRushWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r rush
		done, start := make(chan struct{}), time.Now()
		defer close(done)
		go r.watch(func() int { return int(time.Since(start) / (10 * time.Millisecond)) }, done)
		time.Sleep(5*time.Second + time.Millisecond)
		synctest.Wait()
		require.Equal(t, 100, r.busiest())
	})
}
