package transport_test

import (
	"bytes"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol/transport"
)

func TestPingComesBackAsPong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := transport.Pipe(transport.PipeOptions{})
		defer server.Abort() //nolint:errcheck // a test's end
		defer client.Abort() //nolint:errcheck // a test's end
		var pongs []string
		client.(transport.Pinger).OnPong(func(p []byte) { pongs = append(pongs, string(p)) })
		for _, end := range []transport.Conn{client, server} {
			go func() { _, _, _ = end.ReadMessage(nil) }()
		}
		require.ErrorIs(
			t,
			client.(transport.Pinger).Ping(bytes.Repeat([]byte("x"), 126)),
			transport.ErrMessageTooBig,
		)
		require.NoError(t, client.(transport.Pinger).Ping([]byte("device-1")))
		synctest.Wait()
		require.Equal(t, []string{"device-1"}, pongs)
	})
}
