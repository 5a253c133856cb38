//go:build !race

package transport_test

import (
	"context"
	"net"
	"testing"

	"github.com/hublink-go/hublink/protocol/transport"
)

// A small message costs one write and one read of the stream below TLS, and no allocation once the
// buffers are warm. The race detector makes sync.Pool forget at random.
func TestCostOfAMessage(t *testing.T) {
	for name, s := range map[string]security{"TCP": plain, "TLS": serverTLS} {
		t.Run(name, func(t *testing.T) {
			calls := &counter{}
			d, u := socketHub(t, s, echoes)
			d.NetDial = func(ctx context.Context, network, addr string) (nc net.Conn, err error) {
				calls.Conn, err = new(net.Dialer).DialContext(ctx, network, addr)
				return calls, err
			}
			if s == plain {
				d.NetDial = nil // counting would hide the descriptor
			}
			c, err := d.Dial(t.Context(), transport.Request{URL: u})
			if err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 0, 200)
			roundTrip := func() {
				if err := c.WriteMessage(transport.Text, heartbeat); err != nil {
					t.Fatal(err)
				}
				if _, _, err := c.ReadMessage(buf); err != nil {
					t.Fatal(err)
				}
			}
			roundTrip()
			if s != plain {
				writes := calls.writes
				if err := c.WriteMessage(transport.Binary, make([]byte, 10_000)); err != nil ||
					calls.writes != writes+1 {
					t.Errorf("10,000 bytes took %d writes, %v, want a single record", calls.writes-writes, err)
				}
				if _, _, err := c.ReadMessage(nil); err != nil {
					t.Fatal(err)
				}
			}
			reads, writes := calls.reads, calls.writes
			const n = 200
			for range n {
				roundTrip()
			}
			if s != plain && (calls.reads-reads != n || calls.writes-writes != n) {
				t.Errorf(
					"%d messages each way took %d reads and %d writes",
					n,
					calls.reads-reads,
					calls.writes-writes,
				)
			}
			if got := testing.AllocsPerRun(n, roundTrip); s == plain && got > 0 {
				t.Errorf("%v allocations a round trip", got)
			}
			_ = c.Abort()
		})
	}
}
