package transport

import (
	"bytes"
	"fmt"
	"net/http"
	"time"
)

// UpgradeOptions say how a server takes a link over. The zero value will do.
type UpgradeOptions struct {
	Limits   Limits
	Header   http.Header // goes with the answer
	Compress Compression // what is agreed to when the client offers it; zero: nothing

	// CloseAnswer is the code that a client's close frame is answered with; nil: its own. The code is
	// 1005 when there was none.
	CloseAnswer func(code int) int
}

// Upgrade answers a client's upgrade request and takes the connection over from the HTTP server,
// which must speak HTTP/1.1 on it. A request that is no upgrade is answered with 400 or 426, and
// the error wraps ErrNotWebSocket; the caller has already refused whom it does not want.
//
// The handler's goroutine keeps the HTTP server's buffers of the connection alive as long as it
// runs, about 12 KB: hubs with many links hand the Conn to a new goroutine and return.
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
	early, _ := rw.Peek(rw.Reader.Buffered()) // never more than is buffered, so never an error
	return answering(NewDeflateConn(nc, RoleServer, o.Limits, early, d), o.CloseAnswer), nil
}

func answering(c Conn, answer func(int) int) Conn {
	if c, ok := c.(*conn); ok {
		c.answer = answer
	}
	return c
}

// switching is the 101 answer.
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
