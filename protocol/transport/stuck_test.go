package transport_test

import (
	"bytes"
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/protocol/transport/transporttest"
)

// A peer that reads nothing holds a writer no longer than the write timeout, also on a socket,
// where a write is first tried without one. What the kernel has no room for at once arrives all the
// same.
func TestWriteTimeoutOnASocket(t *testing.T) {
	accepted := make(chan transport.Conn)
	d, u := socketHub(t, plain, func(*http.Request) transporttest.Answer {
		return transporttest.Answer{Serve: func(c transport.Conn) { accepted <- c }}
	})
	d.Limits.WriteTimeout = 300 * time.Millisecond
	big := bytes.Repeat([]byte("x"), 8_000_000) // more than two sockets hold

	dial := func() (client, server transport.Conn) {
		client, err := d.Dial(context.Background(), transport.Request{URL: u})
		require.NoError(t, err)
		server = <-accepted
		t.Cleanup(func() { _, _ = client.Abort(), server.Abort() })
		return client, server
	}

	stuck, _ := dial()
	var err error
	for err == nil {
		err = stuck.WriteMessage(transport.Text, big)
	}
	var timeout interface{ Timeout() bool }
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout(), "%v", err)

	d.Limits.WriteTimeout = 0
	client, server := dial()
	for _, size := range []int{len(big), 100, len(big) / 2} {
		go func() { _ = client.WriteMessage(transport.Text, big[:size]) }()
		_, got, err := server.ReadMessage(nil)
		require.NoError(t, err)
		require.Len(t, got, size)
	}
}
