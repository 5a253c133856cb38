package compare

import (
	"bytes"
	"fmt"
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// pairings are the two ends of links: every library with itself, which is what the benchmarks
// compare, and ours with the others both ways.
func pairings() [][2]library {
	var all [][2]library
	for _, a := range libraries {
		for _, b := range libraries {
			if a.name == b.name || a.name == ourLibrary.name || b.name == ourLibrary.name {
				all = append(all, [2]library{a, b})
			}
		}
	}
	return all
}

// For each pair of a dialer and a server, in each mode of compression, messages of all sizes come
// back as they were. A library that cannot do a mode takes the next best.
func TestPairings(t *testing.T) {
	var texts [][]byte
	for _, n := range []int{
		0, 1, 125, 126, 127, 128, 300, 4095, 4096, 4097, 65535, 65536, 65537,
		1_000_000,
	} {
		texts = append(texts, report(n, n), report(n, n)) // the second one is known already
	}
	texts = append(texts, bytes.Repeat([]byte("x"), 100_000), []byte("grüße, 設備"))
	for _, p := range pairings() {
		for _, m := range []mode{plain, alone, together} {
			t.Run(fmt.Sprintf("%s dials %s, %s", p[0].name, p[1].name, m), func(t *testing.T) {
				client, server := newLink(t, p[0], p[1], m, nil, nil)
				for _, end := range []peer{client, server} {
					if ours, ok := end.(oursPeer); ok {
						require.Equal(t, m != plain, ours.Info().Deflate != nil, "compressed")
					}
				}
				go echo(server)
				var buf []byte
				for _, text := range texts {
					require.NoError(t, client.send(text))
					got, err := client.receive(buf)
					require.NoError(t, err)
					if !bytes.Equal(got, text) {
						t.Fatalf("%d bytes came back as %d others", len(text), len(got))
					}
					buf = got
				}
			})
		}
	}
}

// counter counts what goes through a connection.
type counter struct {
	net.Conn
	reads, writes, written atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.reads.Add(1)
	return n, err
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.writes.Add(1)
	c.written.Add(int64(n))
	return n, err
}

// counted makes a link whose connections are counted at both ends.
func counted(t *testing.T, l library, m mode) (client, server peer, atClient, atServer *counter) {
	atClient, atServer = &counter{}, &counter{}
	count := func(c *counter) wrapper {
		return func(nc net.Conn) net.Conn {
			c.Conn = nc
			return c
		}
	}
	client, server = newLink(t, l, l, m, count(atClient), count(atServer))
	return client, server, atClient, atServer
}

// bothWays sends a message there and back, each end reading when the message has arrived.
func bothWays(t *testing.T, client, server peer, text, buf []byte) {
	if err := client.send(text); err != nil {
		t.Fatal(err)
	}
	got, err := server.receive(buf)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.send(got); err != nil {
		t.Fatal(err)
	}
	if got, err = client.receive(buf); err != nil || len(got) != len(text) {
		t.Fatalf("%d bytes came back as %d, %v", len(text), len(got), err)
	}
}

// A small message is one write and one read of the connection below, at either end.
func TestOneReadOneWrite(t *testing.T) {
	const n = 100
	client, server, atClient, atServer := counted(t, ourLibrary, plain)
	bothWays(t, client, server, heartbeat, nil)
	before := [4]int64{
		atClient.reads.Load(),
		atClient.writes.Load(),
		atServer.reads.Load(),
		atServer.writes.Load(),
	}
	for range n {
		bothWays(t, client, server, heartbeat, nil)
	}
	require.Equal(t, [4]int64{n, n, n, n}, [4]int64{
		atClient.reads.Load() - before[0], atClient.writes.Load() - before[1],
		atServer.reads.Load() - before[2], atServer.writes.Load() - before[3],
	}, "reads and writes of the client, and of the server")
}

// All libraries compress to about the same size: none saves time by sending more.
func TestSameCompression(t *testing.T) {
	for _, m := range []mode{alone, together} {
		for _, size := range []int{300, 4 << 10, 64 << 10} {
			t.Run(fmt.Sprintf("%s/%d", m, size), func(t *testing.T) {
				sent := map[string]int64{}
				for _, l := range libraries {
					if l.can(m) {
						client, server, atClient, _ := counted(t, l, m)
						bothWays(t, client, server, heartbeat, nil) // both ends have finished the handshake
						before := atClient.written.Load()
						for _, msg := range messages(size)[:5] {
							bothWays(t, client, server, msg, nil)
						}
						sent[l.name] = atClient.written.Load() - before
					}
				}
				for name, n := range sent {
					require.InEpsilon(t, n, sent[ourLibrary.name], 0.02, name)
				}
			})
		}
	}
}
