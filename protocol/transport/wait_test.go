package transport_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol/transport"
)

// A reader that waits in one goroutine and reads in another gets the same messages, answers pings
// on the way, and is not held by them.
func TestWaitingAndReadingApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := transport.Pipe(transport.PipeOptions{})
		defer server.Abort() //nolint:errcheck // a test's end
		defer client.Abort() //nolint:errcheck // a test's end
		pongs := 0
		client.(transport.Pinger).OnPong(func([]byte) { pongs++ })
		go func() { _, _, _ = client.ReadMessage(nil) }()

		w := server.(transport.Waiter)
		_, _, ok, err := w.ReadArrived(nil)
		require.NoError(t, err)
		require.False(t, ok, "nothing came, and nobody waited")

		var got []string
		waits := 0
		end := make(chan error)
		go func() {
			for {
				w.Wait()
				waits++
				for ok := true; ok; {
					var msg []byte
					var err error
					if _, msg, ok, err = w.ReadArrived(nil); err != nil {
						end <- err
						return
					}
					if ok {
						got = append(got, string(msg))
					}
				}
			}
		}()
		require.NoError(t, client.(transport.Pinger).Ping([]byte("there?")))
		synctest.Wait()
		require.Equal(t, 1, pongs)
		require.Empty(t, got)
		require.NotZero(t, waits)
		for _, msg := range []string{"", "a", string(make([]byte, 100_000))} {
			require.NoError(t, client.WriteMessage(transport.Binary, []byte(msg)))
		}
		synctest.Wait()
		require.Equal(t, []string{"", "a", string(make([]byte, 100_000))}, got)
		require.NoError(t, client.Close(1000, ""))
		var closed *transport.CloseError
		require.ErrorAs(t, <-end, &closed)
		require.Equal(t, 1000, closed.Code)
		w.Wait() // of a link that has ended: at once
	})
}
