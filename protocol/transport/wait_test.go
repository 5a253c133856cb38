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
		require.False(t, ok, "no message arrived, and ReadArrived did not wait")

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

// Receive hands over each message in order, asks for a new goroutine where it would wait, and tells
// the end of the connection apart from an end that its caller wants.
func TestReceive(t *testing.T) {
	type plain struct{ transport.Conn } // not a Waiter: one call reads to the end
	for name, seen := range map[string]func(transport.Conn) transport.Conn{
		"apart":  func(c transport.Conn) transport.Conn { return c },
		"as one": func(c transport.Conn) transport.Conn { return plain{c} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := transport.Pipe(transport.PipeOptions{})
				defer server.Abort() //nolint:errcheck // a test's end
				go func() { _, _, _ = client.ReadMessage(nil) }()
				go func() {
					for _, msg := range []string{"a", "b", "stop", "c"} {
						_ = client.WriteMessage(transport.Text, []byte(msg))
					}
					_ = client.Close(1000, "")
				}()
				var got []string
				handle := func(k transport.Kind, msg []byte) bool {
					got = append(got, string(msg))
					return k == transport.Text && string(msg) != "stop"
				}
				receive := func() error {
					for {
						if more, err := transport.Receive(seen(server), handle); !more {
							return err
						}
					}
				}
				require.NoError(t, receive(), "the handler ends it")
				require.Equal(t, []string{"a", "b", "stop"}, got)
				var closed *transport.CloseError
				require.ErrorAs(t, receive(), &closed)
				require.Equal(t, 1000, closed.Code)
				require.Equal(t, []string{"a", "b", "stop", "c"}, got)
			})
		})
	}
}
