package transport_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/protocol/transport/transporttest"
)

// conversation is what the faulty end sends: short, long and empty messages.
func conversation() [][]byte {
	return [][]byte{
		[]byte("one"),
		bytes.Repeat([]byte("2"), 130),
		{},
		bytes.Repeat([]byte("long "), 1000),
	}
}

// Whatever byte a stream breaks at, the other end delivers whole messages only, in order, and comes
// to an end with a reason.
func TestBreakAtEveryByte(t *testing.T) {
	length := 0
	for _, m := range conversation() {
		length += len(m) + 8
	}
	faults := map[transporttest.Fault]func(err error) bool{
		transporttest.Drop:      isCode(protocol.CloseAbnormal),
		transporttest.HalfClose: isCode(protocol.CloseAbnormal),
		transporttest.Reset:     func(err error) bool { var op *net.OpError; return errors.As(err, &op) },
		transporttest.Stall:     func(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) },
	}
	for fault, good := range faults {
		// every byte of the short ones, samples of the long one
		for at := 0; at < length-8; at += 1 + at/200*37 {
			t.Run(fmt.Sprintf("%d/%d", fault, at), func(t *testing.T) {
				synctest.Test(
					t,
					func(t *testing.T) { breakAt(t, transporttest.Direction{Fault: fault, After: at}, good) },
				)
			})
		}
	}
}

func isCode(code int) func(error) bool {
	return func(err error) bool {
		var ce *transport.CloseError
		return errors.As(err, &ce) && ce.Code == code && !ce.Received
	}
}

func breakAt(t *testing.T, d transporttest.Direction, good func(error) bool) {
	client, server := transport.Pipe(transport.PipeOptions{
		Client: transport.Limits{WriteTimeout: time.Hour}, // the faulty end itself gives nothing away
		Server: transport.Limits{ReadIdle: time.Minute},
		WrapClient: func(nc net.Conn) net.Conn {
			return transporttest.NewFaulty(nc,
				transporttest.Plan{Write: d})
		},
	})
	go func() {
		for _, m := range conversation() {
			if client.WriteMessage(transport.Binary, m) != nil {
				break
			}
		}
		_ = client.Close(protocol.CloseNormal, "")
	}()
	want := conversation()
	for {
		_, got, err := server.ReadMessage(nil)
		if err != nil {
			if !good(err) {
				t.Errorf("ended with %v", err)
			}
			break
		}
		if !bytes.Equal(got, want[0]) {
			t.Fatalf("got a message of %d bytes, want one of %d", len(got), len(want[0]))
		}
		want = want[1:]
	}
	_, _ = client.Abort(), server.Abort()
}

// The same seed gives the same run, to the nanosecond.
func TestDelaysRepeat(t *testing.T) {
	run := func(seed uint64) (took time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			slow := transporttest.Direction{Slice: 10, Delay: time.Second}
			client, server := transport.Pipe(transport.PipeOptions{WrapClient: func(nc net.Conn) net.Conn {
				return transporttest.NewFaulty(nc, transporttest.Plan{Seed: seed, Read: slow, Write: slow})
			}, Client: transport.Limits{WriteTimeout: time.Hour}})
			go transporttest.Echo(server)
			for range 5 {
				if err := client.WriteMessage(transport.Text,
					[]byte("forty bytes or so, in slices of ten bytes")); err != nil {
					t.Fatal(err)
				}
				if _, _, err := client.ReadMessage(nil); err != nil {
					t.Fatal(err)
				}
			}
			took = time.Since(start)
			_, _ = client.Abort(), server.Abort()
		})
		return took
	}
	if a, b, c := run(1), run(1), run(2); a != b || a == c || a < time.Second {
		t.Errorf("took %v and %v with one seed and %v with another", a, b, c)
	}
}

// A peer whose cable is pulled is noticed by silence alone, and closing does not wait for it for
// long.
func TestStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cable *transporttest.Faulty
		client, server := transport.Pipe(transport.PipeOptions{
			Client: transport.Limits{ReadIdle: time.Minute},
			WrapClient: func(nc net.Conn) net.Conn {
				cable = transporttest.NewFaulty(nc,
					transporttest.Plan{})
				return cable
			},
		})
		go transporttest.Echo(server)
		for range 2 {
			if err := client.WriteMessage(transport.Text, []byte("hello")); err != nil {
				t.Fatal(err)
			}
			if _, _, err := client.ReadMessage(nil); err != nil {
				t.Fatal(err)
			}
			time.Sleep(50 * time.Second)
		}
		cable.Stall()
		start := time.Now()
		if _, _, err := client.ReadMessage(nil); !errors.Is(err, os.ErrDeadlineExceeded) ||
			time.Since(start) != time.Minute {
			t.Errorf("reading ended with %v after %v, want a timeout after a minute", err, time.Since(start))
		}
		start = time.Now()
		if err := client.Close(protocol.CloseNormal, ""); err == nil || time.Since(start) > time.Second {
			t.Errorf("close over a dead cable: %v after %v", err, time.Since(start))
		}
		_ = server.Abort()
	})
}

// What the hub said before it went away is not lost because our own write failed first.
func TestCloseCodeAfterFailedWrite(t *testing.T) {
	client, server := transport.Pipe(transport.PipeOptions{})
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Close(protocol.CloseServiceRestart, "drain") }()
	<-done // nothing was read: the hub dropped the link after its drain
	if err := client.WriteMessage(transport.Text, []byte("heartbeat")); err == nil {
		t.Fatal("wrote to a hub that is gone")
	}
	_, _, err := client.ReadMessage(nil)
	var ce *transport.CloseError
	if !errors.As(err, &ce) || ce.Code != protocol.CloseServiceRestart {
		t.Errorf("got %v, want the hub's 1012", err)
	}
}

// Pings are answered in a burst and then at most ten a second.
func TestPongRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &counter{}
		client, server := transport.Pipe(transport.PipeOptions{
			WrapServer: func(nc net.Conn) net.Conn { return &floodOfPings{Conn: nc} },
			WrapClient: func(nc net.Conn) net.Conn { out.Conn = nc; return out },
		})
		go func() { _ = server.WriteMessage(transport.Text, []byte("end")) }()
		if _, got, err := client.ReadMessage(nil); err != nil || string(got) != "end" {
			t.Fatalf("%q, %v", got, err)
		}
		if out.writes < 32 || out.writes > 32+10*10+1 {
			t.Errorf("%d pongs to 1000 pings within 10 s, want about 32 and 10 a second", out.writes)
		}
		_, _ = client.Abort(), server.Abort()
	})
}

// floodOfPings sends 1000 pings over 10 s before the first message.
type floodOfPings struct {
	net.Conn
	sent bool
}

func (f *floodOfPings) Write(p []byte) (int, error) {
	for range 1000 {
		if f.sent {
			break
		}
		time.Sleep(10 * time.Millisecond)
		_ = f.SetWriteDeadline(time.Time{})
		if _, err := f.Conn.Write([]byte{0x89, 0}); err != nil {
			return 0, err
		}
	}
	f.sent = true
	return f.Conn.Write(p)
}

// counter counts calls.
type counter struct {
	net.Conn
	reads, writes int
}

func (c *counter) Read(p []byte) (int, error)  { c.reads++; return c.Conn.Read(p) }
func (c *counter) Write(p []byte) (int, error) { c.writes++; return c.Conn.Write(p) }
