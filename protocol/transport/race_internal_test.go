package transport

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hublink-go/hublink/protocol/transport/internal/duplex"
)

// closing notes when a connection is closed.
type closing struct {
	net.Conn
	name   string
	closed chan string
}

func (c *closing) Close() error { c.closed <- c.name; return nil }

func TestRace(t *testing.T) {
	slow, refused := time.Hour, time.Duration(-1)
	tests := map[string]struct {
		addrs  []time.Duration // how long each address takes to connect
		winner string
		after  time.Duration
		err    error
		closed string // a connection that came too late
	}{
		"the first answers":    {[]time.Duration{0, 0}, "a", 0, nil, ""},
		"the first is refused": {[]time.Duration{refused, 0}, "b", 0, nil, ""},
		"the first is silent":  {[]time.Duration{slow, 0}, "b", headStart, nil, ""},
		"the first is slow but still faster": {
			[]time.Duration{headStart * 2, headStart * 3, slow},
			"a",
			headStart * 2,
			nil,
			"",
		},
		"all are refused": {
			[]time.Duration{refused, refused},
			"",
			0,
			syscall.ECONNREFUSED,
			"",
		},
		"all are silent": {
			[]time.Duration{slow, slow},
			"",
			10 * time.Second,
			context.DeadlineExceeded,
			"",
		},
		"the loser connects all the same": {
			[]time.Duration{headStart + 2, 1},
			"b",
			headStart + 1,
			nil,
			"a",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				closed := make(chan string, 3)
				dial := func(ctx context.Context, addr string) (net.Conn, error) {
					wait := test.addrs[addr[0]-'a']
					switch {
					case wait == refused:
						return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
					case test.closed == addr: // one that does not look at its context
						time.Sleep(wait)
					default:
						select {
						case <-time.After(wait):
						case <-ctx.Done():
							return nil, ctx.Err()
						}
					}
					end, _ := duplex.New(addr, "hub")
					return &closing{end, addr, closed}, nil
				}
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				start := time.Now()
				nc, err := race(ctx, []string{"a", "b", "c"}[:len(test.addrs)], dial)
				if took := time.Since(start); took != test.after || !errors.Is(err, test.err) {
					t.Errorf("ended after %v with %v, want %v, %v", took, err, test.after, test.err)
				}
				if test.winner != "" && (nc == nil || nc.LocalAddr().String() != test.winner) {
					t.Errorf("got %v, want the connection to %s", nc, test.winner)
				}
				if test.closed != "" {
					if got := <-closed; got != test.closed {
						t.Errorf("closed %s, want the loser %s", got, test.closed)
					}
				}
			})
		})
	}
}
