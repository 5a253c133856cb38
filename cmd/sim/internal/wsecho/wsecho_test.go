package wsecho

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestServerEchoes(t *testing.T) {
	for _, compress := range []transport.Compression{transport.Uncompressed, transport.Together} {
		ctx, cancel := context.WithCancel(t.Context())
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		ended := make(chan error, 1)
		go func() { ended <- Serve(ctx, ln, compress) }()

		conn, err := dial(t.Context(), "ws://"+ln.Addr().String(), compress)
		require.NoError(t, err)
		for _, size := range []int{0, 1, 125, 126, 65535, 65536, 9_000_000} {
			want := bytes.Repeat([]byte("e"), size)
			require.NoError(t, conn.WriteMessage(transport.Text, want))
			kind, got, err := conn.ReadMessage(nil)
			require.NoError(t, err)
			require.Equal(t, transport.Text, kind)
			require.True(t, bytes.Equal(want, got), "%d bytes", size)
		}
		cancel()
		require.NoError(t, <-ended)
		_, _, err = conn.ReadMessage(nil)
		require.Error(t, err, "links end with the server")
		_ = conn.Abort()
	}
}

// fuzzer is a fuzzing server with some cases.
type fuzzer struct {
	mu     sync.Mutex
	cases  int
	refuse string // a case that is not let in
	asked  []string
}

func (f *fuzzer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.asked = append(f.asked, r.URL.RequestURI())
	f.mu.Unlock()
	if f.refuse != "" && r.URL.Query().Get("case") == f.refuse {
		http.Error(w, "no", http.StatusForbidden)
		return
	}
	conn, err := transport.Upgrade(w, r, transport.UpgradeOptions{})
	if err != nil {
		return
	}
	if r.URL.Path == "/getCaseCount" {
		_ = conn.WriteMessage(transport.Text, fmt.Appendf(nil, "%d", f.cases))
	}
	if r.URL.Path == "/runCase" {
		_ = conn.WriteMessage(transport.Binary, []byte("case"))
		_, echoed, err := conn.ReadMessage(nil)
		f.mu.Lock()
		f.asked = append(f.asked, fmt.Sprintf("%s %v", echoed, err))
		f.mu.Unlock()
	}
	_ = conn.Close(protocol.CloseNormal, "")
}

func TestClientOfAFuzzingServer(t *testing.T) {
	f := &fuzzer{cases: 2}
	server := httptest.NewServer(f)
	defer server.Close()
	var lines []string
	line := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	target := "ws" + strings.TrimPrefix(server.URL, "http") + "/"
	require.NoError(t, Fuzz(t.Context(), target, "a b", transport.Uncompressed, line))
	require.Equal(t, []string{
		"/getCaseCount",
		"/runCase?case=1&agent=a+b", "case <nil>",
		"/runCase?case=2&agent=a+b", "case <nil>",
		"/updateReports?agent=a+b",
	}, f.asked)
	require.Equal(t, []string{"2 of 2 cases"}, lines)
}

// One case that cannot be dialled costs neither the others nor the report.
func TestCaseThatIsNotLetIn(t *testing.T) {
	f := &fuzzer{cases: 2, refuse: "1"}
	server := httptest.NewServer(f)
	defer server.Close()
	var lines []string
	line := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	err := Fuzz(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http"), "a", transport.Uncompressed,
		line)
	require.EqualError(t, err, "1 of 2 cases could not be dialled: see above")
	require.Len(t, lines, 2)
	require.Contains(t, lines[0], "case 1 of 2: ")
	require.Contains(t, lines[0], "403")
	require.Equal(t, []string{
		"/getCaseCount", "/runCase?case=1&agent=a", "/runCase?case=2&agent=a", "case <nil>",
		"/updateReports?agent=a",
	}, f.asked)
}

func TestWhatIsNoFuzzingServer(t *testing.T) {
	f := &fuzzer{cases: 0}
	server := httptest.NewServer(f)
	defer server.Close()
	u, err := url.Parse(server.URL)
	require.NoError(t, err)
	require.ErrorContains(
		t,
		Fuzz(t.Context(), "ws://"+u.Host, "x", 0, t.Logf),
		"is it a fuzzing server?",
	)
	require.Error(t, Client(t.Context(), "ws://"+u.Host+"%zz", 0))
}
