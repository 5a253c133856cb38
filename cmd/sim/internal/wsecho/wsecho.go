package wsecho

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hublink-go/hublink/protocol/transport"
)

// Limits are wider than the agent's: suites send large messages in tiny frames.
func Limits() transport.Limits {
	return transport.Limits{Message: 64 << 20, Fragments: 1 << 20, WriteTimeout: time.Minute}
}

// echo sends back what comes until the peer closes. The buffer is the message's own: the next one
// may overwrite it.
func echo(ctx context.Context, conn transport.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Abort() })
	defer stop()
	var buf []byte
	for {
		kind, message, err := conn.ReadMessage(buf)
		if err != nil || conn.WriteMessage(kind, message) != nil {
			_ = conn.Abort() // it has ended already, or nothing can be said any more
			return
		}
		buf = message
	}
}

// Serve accepts links on ln until ctx ends and echoes on each of them.
func Serve(ctx context.Context, ln net.Listener, compress transport.Compression) error {
	links, stop := context.WithCancel(ctx)
	server := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, err := transport.Upgrade(w, r,
				transport.UpgradeOptions{Limits: Limits(), Compress: compress})
			if err == nil { // else the client has been told
				echo(links, conn)
			}
		}),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ln) }()
	defer stop()
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
		_ = server.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
}

// Client connects to a URL and echoes until the server closes or ctx ends.
func Client(ctx context.Context, target string, compress transport.Compression) error {
	conn, err := dial(ctx, target, compress)
	if err != nil {
		return err
	}
	echo(ctx, conn)
	return nil
}

func dial(
	ctx context.Context,
	target string,
	compress transport.Compression,
) (transport.Conn, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("the URL cannot be read: %w", err)
	}
	d := &transport.WebSocket{Limits: Limits(), Compress: compress, UserAgent: "hublink-sim"}
	return d.Dial(ctx, transport.Request{URL: u})
}

// Fuzz goes through all cases of a fuzzing server, whose URL has no path, as agent, and asks it for
// its report. line is told how far it is, and of cases whose handshake has failed, which the error
// counts.
func Fuzz(
	ctx context.Context,
	server, agent string,
	compress transport.Compression,
	line func(format string, args ...any),
) error {
	server = strings.TrimSuffix(server, "/")
	cases, err := countCases(ctx, server, compress)
	if err != nil {
		return err
	}
	as := "agent=" + url.QueryEscape(agent)
	failed := 0
	for i := 1; i <= cases; i++ {
		err := Client(ctx, fmt.Sprintf("%s/runCase?case=%d&%s", server, i, as), compress)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			failed++
			line("case %d of %d: %v", i, cases, err)
		}
		if i%50 == 0 || i == cases {
			line("%d of %d cases", i, cases)
		}
	}
	if err := Client(ctx, server+"/updateReports?"+as, compress); err != nil {
		return fmt.Errorf("ask for the report: %w", err)
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d cases could not be dialled: see above", failed, cases)
	}
	return nil
}

// countCases asks the server, which answers with one message.
func countCases(ctx context.Context, server string, compress transport.Compression) (int, error) {
	conn, err := dial(ctx, server+"/getCaseCount", compress)
	if err != nil {
		return 0, fmt.Errorf("ask for the cases: %w", err)
	}
	defer func() { _ = conn.Abort() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Abort() })
	defer stop()
	_, text, err := conn.ReadMessage(nil)
	if err != nil {
		return 0, fmt.Errorf("ask for the cases: %w", err)
	}
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 1 {
		return 0, errors.New("ask for the cases: the answer is not a number: is it a fuzzing server?")
	}
	_, _, _ = conn.ReadMessage(nil) // its close
	return n, nil
}
