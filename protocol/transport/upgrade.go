package transport

import (
	"bytes"
	"fmt"
	"net/http"
	"time"
)

// UpgradeOptions configure a link of a server. The zero value is usable.
type UpgradeOptions struct {
	Limits   Limits
	Header   http.Header // added to the answer
	Compress Compression // agreed to when the client offers it; zero means none

	// CloseAnswer returns the code of the answer to a client's close frame; nil repeats the code. code
	// is 1005 for a close without one.
	CloseAnswer func(code int) int
}

// Upgrade answers a client's upgrade request (RFC 6455 section 4.2.2) and takes the connection over
// from the HTTP server, which must use HTTP/1.1. It answers a request that is not an upgrade with
// 400 or 426, and the error wraps ErrNotWebSocket. The caller authorizes the client before.
//
// The goroutine of the handler keeps the HTTP server's buffers of the connection, about 12 KB, so a
// hub with many links passes the Conn to a new goroutine and returns.
func Upgrade(w http.ResponseWriter, r *http.Request, o UpgradeOptions) (Conn, error) {
	if status, err := CheckUpgrade(r); err != nil {
		if status == http.StatusUpgradeRequired {
			w.Header().Set("Sec-WebSocket-Version", "13")
		}
		http.Error(w, err.Error(), status)
		return nil, fmt.Errorf("upgrade %s: %w", r.RemoteAddr, err)
	}
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, fmt.Errorf("upgrade %s: %w", r.RemoteAddr, err)
	}
	limits := o.Limits.orDefault()
	_ = nc.SetDeadline(time.Time{}) // the HTTP server's
	_ = nc.SetWriteDeadline(time.Now().Add(limits.WriteTimeout))
	d, extensions := o.Compress.agree(r.Header)
	if _, err := nc.Write(switching(r, o.Header, extensions)); err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("upgrade %s: %w", r.RemoteAddr, err)
	}
	_ = nc.SetWriteDeadline(time.Time{})
	early, _ := rw.Peek(rw.Reader.Buffered()) // no error: the bytes are buffered
	return answering(NewDeflateConn(nc, RoleServer, o.Limits, early, d), o.CloseAnswer), nil
}

func answering(c Conn, answer func(int) int) Conn {
	if c, ok := c.(*conn); ok {
		c.answer = answer
	}
	return c
}

// switching returns the answer 101.
func switching(r *http.Request, extra http.Header, extensions string) []byte {
	h := extra.Clone()
	if h == nil {
		h = make(http.Header)
	}
	h.Set("Upgrade", "websocket")
	h.Set("Connection", "Upgrade")
	h.Set("Sec-WebSocket-Accept", acceptKey(r.Header.Get("Sec-WebSocket-Key")))
	if extensions != "" {
		h.Set(extensionsName, extensions)
	}
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	_ = h.Write(&b) // into memory
	b.WriteString("\r\n")
	return b.Bytes()
}
