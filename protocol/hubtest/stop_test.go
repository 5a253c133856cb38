package hubtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
)

func TestStop(t *testing.T) {
	for _, mode := range []Mode{Plain, TLS, Memory} {
		t.Run(fmt.Sprint(mode), func(t *testing.T) {
			h := Run(t, Config{Mode: mode})
			answers, silent := joined(t, h, "answers", "1.0.0", "u1"), joined(t, h, "silent", "1.0.0", "u1")
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				h.Stop(protocol.CloseServiceRestart)
			}()
			_, _, err := answers.conn.ReadMessage(nil)
			var closed *transport.CloseError
			require.ErrorAs(t, err, &closed)
			require.Equal(t, protocol.CloseServiceRestart, closed.Code)
			select {
			case <-stopped:
			case <-time.After(10 * time.Second):
				t.Fatal("a device that does not answer has a second, and not more")
			}
			_, _, err = silent.conn.ReadMessage(nil)
			require.ErrorAs(t, err, &closed)
			require.Equal(t, protocol.CloseServiceRestart, closed.Code, "it was told before the socket went")
			_, err = h.Dialer().Dial(t.Context(), request(t, h, h.Secret("late")))
			require.Error(t, err, "no device is let in")
			h.Close()
			h.Stop(protocol.CloseServiceRestart)
		})
	}
}
