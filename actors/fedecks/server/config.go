package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/protocol/etf"
	"github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/supervisor"
)

// Handler has the callbacks of a server. Only Authenticate is required.
type Handler struct {
	// Authenticate reports whether the credentials of a login are right; compare in constant time. An
	// error refuses the request with status 500 and is logged.
	Authenticate func(ctx context.Context, l Login) (bool, error)
	// ConnectionEstablished is called once, before the first message of the device is handled.
	ConnectionEstablished func(ctx context.Context, s *Session) error
	// HandleIn is called for every term of the device.
	HandleIn func(ctx context.Context, s *Session, t etf.Term) (Answer, error)
	// HandleRawIn is called for binary messages that are no term, or one that Config.Codec refuses.
	HandleRawIn func(ctx context.Context, s *Session, data []byte) (Answer, error)
	// HandleInfo is called for the values of Notify and Publish.
	HandleInfo func(ctx context.Context, s *Session, msg any) (Answer, error)
	// SocketError is called for every request that was refused for its header, credentials or token.
	SocketError func(ctx context.Context, e SocketError)
}

// Answer is the result of a callback; see Reply and Stop. The zero Answer does nothing.
type Answer = fedecks.Answer

// Reply returns an Answer that sends v, a term or a Go value as etf.Marshal takes it, to the
// device.
func Reply(v any) Answer { return Answer{Send: v} }

// Stop returns an Answer that closes the connection with code 1000.
func Stop() Answer { return Answer{Stop: true} }

// Login is a request with credentials.
type Login struct {
	Device      string
	Credentials etf.Map // the whole map as the device sent it, with fedecks-device-id
	Request     *http.Request
}

// SocketError is a refused request. Err is a *fedecks.Refusal; errors.Is matches its kinds.
type SocketError struct {
	Device string // empty: the request does not name one
	Addr   string
	Err    error
}

// Duplicates is the policy for a device that connects while it is connected.
type Duplicates uint8

// The policies for a second connection.
const (
	CloseOlder  Duplicates = iota // the older connection is closed with 1008
	RefuseNewer                   // the newer one is refused with 409
	AllowBoth                     // both stay, as in the original
)

// Limits bound the resources that devices use. A zero field means the value given with it.
type Limits struct {
	Message int           // bytes of one message; 16 MiB
	Idle    time.Duration // longest time without any frame of the device; 60 s
	// between pings to the device; none, because clients of the original do not answer them
	Ping         time.Duration
	Handshake    time.Duration // longest time for Authenticate; 10 s
	Pending      int           // pushes and notes that may wait for one connection; 1,024
	PendingBytes int           // bytes of the pushes that wait, if there are several; 16 MiB
	// messages of the device that may wait for a callback; then the server stops reading; 4
	Inbox int
	Rate  float64 // connection attempts per second and address; 10; negative: no limit
	Burst int     // attempts at once; 20
}

// Config configures a server. A zero field means the value given with it.
type Config struct {
	Name    string // first part of the actors' paths; "fedecks"
	Handler Handler
	Salt    string   // of the keys; required
	Secrets []string // the first seals tokens, all open them; required
	// which atoms devices may send; a message with another atom goes to HandleRawIn
	Codec   fedecks.Codec
	Refresh time.Duration // between the tokens that are pushed; 3 h
	Life    time.Duration // of a token; 4 weeks
	// ValidFrom returns the time from which the tokens of a device count; older ones are refused. Nil,
	// or the zero time, means that all count.
	ValidFrom  func(ctx context.Context, device string) (time.Time, error)
	Duplicates Duplicates
	Limits     Limits
	// Address returns the key of the rate limit. Nil means the host of the TCP connection, or its /64
	// network for IPv6. Behind a proxy that is the host of the proxy.
	Address func(r *http.Request) string
	Logger  zerolog.Logger
	System  *supervisor.System // in which the actors live; nil: a System of the server
	Cluster Cluster            // the other nodes, if there are any
}

// defaultLife is the life of a token in the original.
const defaultLife = 28 * 24 * time.Hour

// revocations returns how long a revocation is kept. It is the default life or longer, because
// tokens that were made under an earlier configuration, or by the original, may live longer than
// Life.
func (c Config) revocations() time.Duration { return max(c.Life, defaultLife) }

func (c Config) withDefaults() (Config, error) {
	if c.Handler.Authenticate == nil {
		return c, errors.New("fedecks server: Handler.Authenticate is needed")
	}
	c.Name = cmp.Or(c.Name, "fedecks")
	if c.Cluster.Node == "" && c.Cluster.Bus != nil {
		c.Cluster.Node = "node-" + strings.ToLower(rand.Text()[:10])
	}
	if c.Cluster.Node != "" && !ValidNode(c.Cluster.Node) {
		return c, fmt.Errorf("fedecks server: node %q: %w", c.Cluster.Node, ErrNodeName)
	}
	c.Life = cmp.Or(c.Life, defaultLife)
	if c.Address == nil {
		c.Address = remoteHost
	}
	l := &c.Limits
	l.Message = cmp.Or(l.Message, 16<<20)
	l.Idle = cmp.Or(l.Idle, time.Minute)
	l.Handshake = cmp.Or(l.Handshake, 10*time.Second)
	l.Pending = cmp.Or(l.Pending, 1024)
	l.PendingBytes = cmp.Or(l.PendingBytes, 16<<20)
	l.Inbox = cmp.Or(l.Inbox, 4)
	l.Rate = cmp.Or(l.Rate, 10)
	l.Burst = cmp.Or(l.Burst, 20)
	return c, nil
}

// remoteHost returns the host of the connection, for IPv6 its /64 network: one subscriber has a
// whole network of addresses.
func remoteHost(r *http.Request) string {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	addr := at.Addr().Unmap()
	if addr.Is4() {
		return addr.String()
	}
	return netip.PrefixFrom(addr.WithZone(""), 64).Masked().String()
}
