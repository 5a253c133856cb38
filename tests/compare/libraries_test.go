package compare

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"

	coder "github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"

	"github.com/hublink-go/hublink/protocol/transport"
)

// mode is how messages are compressed.
type mode string

const (
	plain    mode = "plain"
	alone    mode = "alone"    // every message by itself: no context takeover
	together mode = "together" // a message refers to those before it: context takeover
)

// peer is one end of a link, held by any of the libraries.
type peer interface {
	send(text []byte) error
	receive(buf []byte) ([]byte, error) // the next message, in the memory of buf where that is enough
	drop()
}

// library makes links. Each is used as its documentation says is fast: the reader of a message is
// read into a buffer that is kept.
type library struct {
	name   string
	modes  []mode
	dial   func(ctx context.Context, addr string, m mode, wrap wrapper) (peer, error)
	accept func(w http.ResponseWriter, r *http.Request, m mode) (peer, error)
}

func (l library) can(m mode) bool { return slices.Contains(l.modes, m) }

var (
	ourLibrary     = library{"ours", []mode{plain, alone, together}, dialOurs, acceptOurs}
	gorillaLibrary = library{
		"gorilla",
		[]mode{plain, alone},
		dialGorilla,
		acceptGorilla,
	} // it has no context takeover
	coderLibrary = library{"coder", []mode{plain, alone, together}, dialCoder, acceptCoder}

	libraries = []library{ourLibrary, gorillaLibrary, coderLibrary}
)

// threshold is the size from which messages are compressed: ours, which coder can be told. Gorilla
// compresses all.
const threshold = 128

// wrapper stands between a library and its socket. Nil: nothing between.
type wrapper func(net.Conn) net.Conn

type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// dialer is nil where there is nothing to wrap, so that a library does what it does by itself.
func (w wrapper) dialer() dialFunc {
	if w == nil {
		return nil
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return w(nc), nil
	}
}

type oursPeer struct{ transport.Conn }

func (p oursPeer) send(text []byte) error { return p.WriteMessage(transport.Text, text) }

func (p oursPeer) receive(buf []byte) ([]byte, error) {
	_, msg, err := p.ReadMessage(buf)
	return msg, err
}

func (p oursPeer) drop() { _ = p.Abort() }

func ourCompression(m mode) transport.Compression {
	return map[mode]transport.Compression{alone: transport.Alone, together: transport.Together}[m]
}

func dialOurs(ctx context.Context, addr string, m mode, wrap wrapper) (peer, error) {
	d := transport.WebSocket{Compress: ourCompression(m), NetDial: wrap.dialer()}
	c, err := d.Dial(ctx, transport.Request{URL: &url.URL{Scheme: "ws", Host: addr}})
	return oursPeer{c}, err
}

func acceptOurs(w http.ResponseWriter, r *http.Request, m mode) (peer, error) {
	c, err := transport.Upgrade(w, r, transport.UpgradeOptions{Compress: ourCompression(m)})
	return oursPeer{c}, err
}

type gorillaPeer struct{ *gorilla.Conn }

func (p gorillaPeer) send(text []byte) error { return p.WriteMessage(gorilla.TextMessage, text) }

func (p gorillaPeer) receive(buf []byte) ([]byte, error) {
	_, r, err := p.NextReader()
	if err != nil {
		return nil, err
	}
	return readInto(buf, r)
}

func (p gorillaPeer) drop() { _ = p.Close() }

func dialGorilla(ctx context.Context, addr string, m mode, wrap wrapper) (peer, error) {
	d := gorilla.Dialer{EnableCompression: m != plain, NetDialContext: wrap.dialer()}
	c, resp, err := d.DialContext(ctx, "ws://"+addr, nil)
	if err != nil {
		return nil, err
	}
	return gorillaPeer{c}, resp.Body.Close()
}

func acceptGorilla(w http.ResponseWriter, r *http.Request, m mode) (peer, error) {
	u := gorilla.Upgrader{EnableCompression: m != plain}
	c, err := u.Upgrade(w, r, nil)
	return gorillaPeer{c}, err
}

type coderPeer struct{ *coder.Conn }

func (p coderPeer) send(text []byte) error {
	return p.Write(context.Background(), coder.MessageText, text)
}

func (p coderPeer) receive(buf []byte) ([]byte, error) {
	_, r, err := p.Reader(context.Background())
	if err != nil {
		return nil, err
	}
	return readInto(buf, r)
}

func (p coderPeer) drop() { _ = p.CloseNow() }

func coderCompression(m mode) coder.CompressionMode {
	return map[mode]coder.CompressionMode{
		alone:    coder.CompressionNoContextTakeover,
		together: coder.CompressionContextTakeover,
	}[m]
}

func dialCoder(ctx context.Context, addr string, m mode, wrap wrapper) (peer, error) {
	o := &coder.DialOptions{
		CompressionMode: coderCompression(m), CompressionThreshold: threshold,
		HTTPClient: &http.Client{Transport: &http.Transport{DialContext: wrap.dialer()}},
	}
	c, _, err := coder.Dial(ctx, "ws://"+addr, o)
	if err != nil {
		return nil, err
	}
	c.SetReadLimit(-1)
	return coderPeer{c}, nil
}

func acceptCoder(w http.ResponseWriter, r *http.Request, m mode) (peer, error) {
	c, err := coder.Accept(
		w,
		r,
		&coder.AcceptOptions{CompressionMode: coderCompression(m), CompressionThreshold: threshold},
	)
	if err != nil {
		return nil, err
	}
	c.SetReadLimit(-1)
	return coderPeer{c}, nil
}

// readInto is io.ReadAll into memory that is there.
func readInto(buf []byte, r io.Reader) ([]byte, error) {
	buf = buf[:0]
	for {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, 512)
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch err {
		case nil:
		case io.EOF:
			return buf, nil
		default:
			return buf, err
		}
	}
}
