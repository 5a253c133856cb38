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

// Compression says how a link compresses its messages with permessage-deflate (RFC 7692), if the
// peer can.
type Compression uint8

// The ways. A dialer offers its way, a listener agrees to what is offered as far as its own way
// allows.
const (
	// Uncompressed links neither offer nor agree.
	Uncompressed Compression = iota
	// Alone compresses every message by itself (no context takeover): nothing is kept between
	// messages. For fleets.
	Alone
	// Together lets a message refer to those before it (context takeover), as the hub and its own
	// client do: JSON shrinks to a fifth instead of a half. A link keeps the last 32 KiB of each
	// direction, less while less has been said. For a device.
	Together
)

// Deflate is what the two ends of a link have agreed on.
type Deflate struct {
	ServerAlone, ClientAlone bool // that end compresses every message by itself
	ServerBits, ClientBits   int  // that end refers back at most 2^n bytes; 8 to 15, zero: 15
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

// offer is the value of Sec-WebSocket-Extensions in a request, empty for none. Window bits are not
// asked for: the memory that a small window would save is only used while a message is on its way.
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

// confirm checks the answer to offer and returns what is agreed on, nil for no compression.
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
	d.ClientAlone = d.ClientAlone || c == Alone // everybody may forget more than was agreed
	return d, nil
}

// ParseDeflate reads what the header of a server's answer agrees to, nil for no compression. An
// extension other than permessage-deflate and parameters that it does not have are an error, which
// wraps ErrNotWebSocket.
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

// agree picks the first offer of a request that we can keep, nil when there is none, and the value
// of the answer's header. Offers that cannot be read are as good as none.
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

// String is the agreement as the answer to an offer says it, in the hub's spelling.
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

// ends returns what holds for the messages that role sends and for those that it receives.
func (d *Deflate) ends(role Role) (out, in window) {
	server := newWindow(d.ServerAlone, d.ServerBits)
	client := newWindow(d.ClientAlone, d.ClientBits)
	if role == RoleServer {
		return server, client
	}
	return client, server
}

// deflated is the compression of a link: out belongs to whoever holds the write lock, in to the
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

// restore returns the message of its compressed form, in the memory of msg as far as that is enough.
// Text is checked here, because the decoder sees the compressed form only.
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

// deflate reads the parameters of permessage-deflate. In an offer client_max_window_bits may stand
// without a value (RFC 7692 section 7.1.2.2).
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

// parseExtensions reads the header (RFC 6455 section 9.1). No parameter of an extension that we
// know has a separator in its value, so one that is quoted and has is not told from two.
func parseExtensions(h http.Header) (exts []extension, err error) {
	for _, line := range h.Values(extensionsName) {
		for element := range strings.SplitSeq(line, ",") {
			if strings.TrimSpace(element) == "" {
				continue // lists may have empty elements (RFC 9110 section 5.6.1.2)
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
