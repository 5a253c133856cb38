package conformance

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/tests/needs"
)

const patience = time.Minute

// peer is another implementation: how it is started, and as what it can be.
type peer struct {
	command []string
	needs   []string
	server  bool // it can be one; undici is a client only
}

func peers() map[string]peer {
	const python = "/usr/bin/python3" // Debian's, which has Debian's packages
	return map[string]peer{
		"npm ws": {
			[]string{"node", "testdata/ws.mjs"},
			[]string{"node", "testdata/node_modules/ws"},
			true,
		},
		"npm undici": {
			[]string{"node", "testdata/undici.mjs"},
			[]string{"node", "testdata/node_modules/undici"},
			false,
		},
		"python3-websockets": {
			[]string{python, "testdata/peer.py"},
			[]string{python, "/usr/lib/python3/dist-packages/websockets"},
			true,
		},
	}
}

func ways() map[string]transport.Compression {
	return map[string]transport.Compression{
		"plain":   transport.Uncompressed,
		"deflate": transport.Together,
	}
}

func each(
	t *testing.T,
	peers map[string]peer,
	test func(t *testing.T, p peer, way string, compress transport.Compression),
) {
	for name, p := range peers {
		for way, compress := range ways() {
			t.Run(name+"/"+way, func(t *testing.T) {
				for _, program := range p.needs {
					needs.Program(t, program, "WebSocket against "+name)
				}
				test(t, p, way, compress)
			})
		}
	}
}

// squares is n bytes of text that compresses as the device's messages do: repetitions would go out
// uncompressed.
func squares(n int) []byte {
	var b []byte
	for i := 0; len(b) < n; i++ {
		b = strconv.AppendInt(append(b, `{"n":`...), int64(i*i%9973), 10)
	}
	return b[:n]
}

// Other clients talk to our server, in all sizes around the borders of a frame's length.
func TestOtherClients(t *testing.T) {
	each(t, peers(), func(t *testing.T, p peer, way string, compress transport.Compression) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, err := transport.Upgrade(w, r, transport.UpgradeOptions{Compress: compress})
			if err != nil {
				return
			}
			defer func() { _ = conn.Abort() }()
			for {
				kind, message, err := conn.ReadMessage(nil)
				if err != nil || conn.WriteMessage(kind, message) != nil {
					return
				}
			}
		}))
		defer server.Close()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		args := append(p.command[1:], "client", "ws"+strings.TrimPrefix(server.URL, "http"), way)
		out, err := exec.CommandContext(ctx, p.command[0], args...).CombinedOutput()
		require.NoError(t, err, string(out))
	})
}

// Our client talks to other servers.
func TestOtherServers(t *testing.T) {
	servers := peers()
	maps.DeleteFunc(servers, func(_ string, p peer) bool { return !p.server })
	each(t, servers, func(t *testing.T, p peer, way string, compress transport.Compression) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, p.command[0], append(p.command[1:], "server", way)...)
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		var log bytes.Buffer
		cmd.Stderr = &log
		require.NoError(t, cmd.Start())
		lines := bufio.NewReader(out)
		port, err := lines.ReadString('\n')
		require.NoError(t, err, "it does not say its port")

		d := transport.WebSocket{Compress: compress}
		conn, err := d.Dial(
			ctx,
			transport.Request{
				URL: &url.URL{Scheme: "ws", Host: "127.0.0.1:" + strings.TrimSpace(port), Path: "/"},
			},
		)
		require.NoError(t, err)
		for _, size := range []int{0, 1, 2, 124, 125, 126, 127, 128, 1000, 65534, 65535, 65536, 65537} {
			for _, kind := range []transport.Kind{transport.Text, transport.Binary} {
				want := squares(size)
				require.NoError(t, conn.WriteMessage(kind, want))
				got, echoed, err := conn.ReadMessage(nil)
				require.NoError(t, err)
				require.Equal(t, kind, got, "%d bytes", size)
				require.True(t, bytes.Equal(want, echoed), "%d bytes", size)
			}
		}
		require.NoError(t, conn.Close(protocol.CloseNormal, "done"))
		require.NoError(t, in.Close())
		_, _ = io.Copy(io.Discard, lines)
		require.NoError(t, cmd.Wait(), log.String())
	})
}
