package transport

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hublink-go/hublink/protocol"
)

// Compression is the way in which a link compresses messages with permessage-deflate (RFC 7692), if
// the peer agrees.
type Compression uint8

// The ways. A dialer offers its way. A listener agrees to an offer as far as its own way allows.
const (
	// Uncompressed means no offer and no agreement.
	Uncompressed Compression = iota
	// Alone compresses every message by itself (no context takeover, RFC 7692 7.1.1) and keeps no
	// memory between messages. It is for fleets.
	Alone
	// Together lets a message refer to earlier ones (context takeover), as NervesHub and its client
	// do: JSON shrinks to a fifth instead of a half. A link keeps up to the last 32 KiB of each
	// direction. It is for a device.
	Together
)

// Deflate is the agreement of the two ends of a link (RFC 7692 section 7.1).
type Deflate struct {
	ServerAlone, ClientAlone bool // the end compresses every message by itself
	ServerBits, ClientBits   int  // the end refers back at most 2^n bytes; 8 to 15, zero means 15
}

const (
	deflateName    = "permessage-deflate"
	serverAlone    = "server_no_context_takeover"
	clientAlone    = "client_no_context_takeover"
	serverBits     = "server_max_window_bits"
	clientBits     = "client_max_window_bits"
	extensionsName = "Sec-WebSocket-Extensions"
)

// maxBits is the largest window of deflate, as an exponent of two.
const maxBits = 15

// offer returns the value of Sec-WebSocket-Extensions in a request, or "". It does not ask for
// window bits, because a small window saves memory only during a message.
func (c Compression) offer() string {
	switch c {
	case Alone:
		return deflateName + "; " + serverAlone + "; " + clientAlone
	case Together:
		return deflateName
	case Uncompressed:
	}
	return ""
}

// confirm checks the answer to offer and returns the agreement, or nil for no compression.
func (c Compression) confirm(answer http.Header) (*Deflate, error) {
	d, err := ParseDeflate(answer)
	switch {
	case d == nil:
		return nil, err
	case c == Uncompressed:
		return nil, fmt.Errorf("%w: answer with an extension that was not asked for", ErrNotWebSocket)
	case d.ClientBits != 0:
		return nil, fmt.Errorf("%w: answer with %s, which was not offered", ErrNotWebSocket, clientBits)
	case c == Alone && !d.ServerAlone:
		return nil, fmt.Errorf("%w: answer without %s, which was asked for", ErrNotWebSocket, serverAlone)
	}
	d.ClientAlone = d.ClientAlone || c == Alone // an end may keep less than agreed
	return d, nil
}

// ParseDeflate reads the agreement in the header of a server's answer; nil means no compression.
// Another extension than permessage-deflate, or an unknown parameter, is an error that wraps
// ErrNotWebSocket.
func ParseDeflate(answer http.Header) (*Deflate, error) {
	exts, err := parseExtensions(answer)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrNotWebSocket, err)
	case len(exts) == 0:
		return nil, nil //nolint:nilnil // no compression, no error
	case exts[0].name != deflateName:
		return nil, fmt.Errorf("%w: answer with an extension that was not asked for", ErrNotWebSocket)
	case len(exts) > 1:
		return nil, fmt.Errorf("%w: answer with two extensions", ErrNotWebSocket)
	}
	d, err := exts[0].deflate(false)
	if err != nil {
		return nil, fmt.Errorf("%w: answer with %w", ErrNotWebSocket, err)
	}
	return d, nil
}

// agree returns the first offer of a request that c can keep, or nil, and the value of the answer's
// header. It ignores unreadable offers.
func (c Compression) agree(request http.Header) (d *Deflate, answer string) {
	if c == Uncompressed {
		return nil, ""
	}
	exts, _ := parseExtensions(request)
	for _, e := range exts {
		if e.name != deflateName {
			continue
		}
		d, err := e.deflate(true)
		if err != nil {
			continue
		}
		if c == Alone {
			d.ServerAlone, d.ClientAlone = true, true
		}
		answer = d.String()
		return d, answer
	}
	return nil, ""
}

// String returns the agreement as the value of the answer's header, in NervesHub's spelling.
func (d *Deflate) String() string {
	s := deflateName
	if d.ServerAlone {
		s += ";" + serverAlone
	}
	if d.ClientAlone {
		s += ";" + clientAlone
	}
	if d.ServerBits != 0 {
		s += fmt.Sprintf(";%s=%d", serverBits, d.ServerBits)
	}
	if d.ClientBits != 0 {
		s += fmt.Sprintf(";%s=%d", clientBits, d.ClientBits)
	}
	return s
}

// ends returns the windows of the messages that role sends and of those that it receives.
func (d *Deflate) ends(role Role) (out, in window) {
	server := newWindow(d.ServerAlone, d.ServerBits)
	client := newWindow(d.ClientAlone, d.ClientBits)
	if role == RoleServer {
		return server, client
	}
	return client, server
}

// deflated is the compression of a link. out belongs to the holder of the write lock, in to the
// reader.
type deflated struct {
	Deflate
	out deflater
	in  inflater
}

func newDeflated(d Deflate, role Role) *deflated {
	out, in := d.ends(role)
	return &deflated{Deflate: d, out: deflater{window: out}, in: inflater{window: in}}
}

// restore returns the message whose compressed form is msg, in the memory of msg if it is large
// enough. It checks that text is UTF-8, because the decoder sees the compressed form only.
func (d *deflated) restore(k Kind, msg []byte, limit int) ([]byte, error) {
	b := getWriteBuffer()
	defer putWriteBuffer(b)
	*b = append(*b, msg...)
	*b = append(*b, inflateTail...)
	msg, err := d.in.inflate(msg[:0], *b, limit)
	if err == nil && k == Text && !utf8.Valid(msg) {
		err = &CloseError{Code: protocol.CloseInvalidData, Err: ErrInvalidUTF8}
	}
	return msg, err
}

// extension is one element of Sec-WebSocket-Extensions.
type extension struct {
	name   string
	params []param
}

type param struct {
	name, value string
	valued      bool
}

// deflate reads the parameters of permessage-deflate. In an offer client_max_window_bits can have
// no value (RFC 7692 section 7.1.2.2).
func (e extension) deflate(offer bool) (*Deflate, error) {
	d := &Deflate{}
	seen := make(map[string]bool, len(e.params))
	for _, p := range e.params {
		if seen[p.name] {
			return nil, fmt.Errorf("the parameter %.50q twice", p.name)
		}
		seen[p.name] = true
		err := d.set(p, offer)
		if err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (d *Deflate) set(p param, offer bool) error {
	switch {
	case p.name == serverAlone && !p.valued:
		d.ServerAlone = true
	case p.name == clientAlone && !p.valued:
		d.ClientAlone = true
	case p.name == clientBits && !p.valued && offer:
		d.ClientBits = maxBits
	case p.name == serverBits:
		return setBits(&d.ServerBits, p)
	case p.name == clientBits:
		return setBits(&d.ClientBits, p)
	default:
		return fmt.Errorf("the parameter %.50q, which %s does not have in this form", p.name, deflateName)
	}
	return nil
}

func setBits(to *int, p param) error {
	n, err := strconv.Atoi(p.value)
	if err != nil || n < 8 || n > maxBits || strconv.Itoa(n) != p.value {
		return fmt.Errorf("%s = %.20q, allowed are 8 to 15", p.name, p.value)
	}
	*to = n
	return nil
}

var errExtensions = errors.New("unreadable " + extensionsName)

// parseExtensions reads the header (RFC 6455 section 9.1). It splits at every separator, also
// within quotes: no known extension has a separator in a value.
func parseExtensions(h http.Header) (exts []extension, err error) {
	for _, line := range h.Values(extensionsName) {
		for element := range strings.SplitSeq(line, ",") {
			if strings.TrimSpace(element) == "" {
				continue // a list can have empty elements (RFC 9110 section 5.6.1.2)
			}
			var e extension
			for i, part := range strings.Split(element, ";") {
				name, value, valued := strings.Cut(part, "=")
				p := param{strings.ToLower(strings.TrimSpace(name)), unquote(strings.TrimSpace(value)), valued}
				if p.name == "" || valued && (p.value == "" || i == 0) {
					return nil, errExtensions
				}
				if i == 0 {
					e.name = p.name
				} else {
					e.params = append(e.params, p)
				}
			}
			exts = append(exts, e)
		}
	}
	return exts, nil
}

func unquote(s string) string {
	if n := len(s); n >= 2 && s[0] == '"' && s[n-1] == '"' {
		return s[1 : n-1]
	}
	return s
}
