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

// Handler is what a server does with its devices. Only Authenticate is needed.
type Handler struct {
	// Authenticate says whether the credentials of a login are right; compare in constant time. An
	// error is a refusal too, and logged.
	Authenticate func(ctx context.Context, l Login) (bool, error)
	// ConnectionEstablished is called once, before anything of the device is handled.
	ConnectionEstablished func(ctx context.Context, s *Session) error
	// HandleIn is called for every term of the device.
	HandleIn func(ctx context.Context, s *Session, t etf.Term) (Answer, error)
	// HandleRawIn is called for binary messages that are no acceptable term.
	HandleRawIn func(ctx context.Context, s *Session, data []byte) (Answer, error)
	// HandleInfo is called for values of Notify and Publish.
	HandleInfo func(ctx context.Context, s *Session, msg any) (Answer, error)
	// SocketError is told of every request that was refused for its header, credentials or token.
	SocketError func(ctx context.Context, e SocketError)
}

// Answer is what a callback wants done; see Reply and Stop. The zero Answer is nothing.
type Answer = fedecks.Answer

// Reply sends v, a term or a Go value as etf.Marshal takes it, to the device.
func Reply(v any) Answer { return Answer{Send: v} }

// Stop ends the connection with close code 1000.
func Stop() Answer { return Answer{Stop: true} }

// Login is who wants in.
type Login struct {
	Device      string
	Credentials etf.Map // the whole map as it was sent, fedecks-device-id included
	Request     *http.Request
}

// SocketError is a refusal. Err is a *fedecks.Refusal; errors.Is knows its kinds.
type SocketError struct {
	Device string // empty: not known
	Addr   string
	Err    error
}

// Duplicates says what happens when a device that is connected connects again.
type Duplicates uint8

// The policies.
const (
	CloseOlder  Duplicates = iota // the older connection is closed with 1008
	RefuseNewer                   // the newer one is refused with 409
	AllowBoth                     // as the original does
)

// Limits bound what devices can cost. Zero means the value given with the field.
type Limits struct {
	Message int           // bytes of one message; 16 MiB
	Idle    time.Duration // longest time without a sign of the device; 60 s
	// between pings to the device; none: clients of the original do not answer them
	Ping         time.Duration
	Handshake    time.Duration // for Authenticate; 10 s
	Pending      int           // pushes and notes that may wait for one connection; 1,024
	PendingBytes int           // and the bytes of the pushes, if they are several; 16 MiB
	// messages of the device that may wait for a callback, then its stream stands; 4
	Inbox int
	Rate  float64 // connection attempts per second and address; 10. Negative: no limit
	Burst int     // of them at once; 20
}

// Config of a server. Zero fields mean the value given with them.
type Config struct {
	Name    string // first part of the actors' paths; "fedecks"
	Handler Handler
	Salt    string   // of the keys; needed
	Secrets []string // the first makes tokens, all open them; needed
	// which atoms devices may send; a term with another one is none, and goes to HandleRawIn
	Codec   fedecks.Codec
	Refresh time.Duration // a new token is pushed this often; 3 h
	Life    time.Duration // of a token; 4 weeks
	// ValidFrom says from when on a device's tokens count; older ones are refused. Nil or the zero
	// time: all count.
	ValidFrom  func(ctx context.Context, device string) (time.Time, error)
	Duplicates Duplicates
	Limits     Limits
	// Address names who asks, for the rate limit. Nil: the host of the TCP connection (of IPv6 its
	// /64), which behind a proxy is the proxy's.
	Address func(r *http.Request) string
	Logger  zerolog.Logger
	System  *supervisor.System // to live in; nil: an own one
	Cluster Cluster            // other servers to be one with
}

// defaultLife of a token is that of the original.
const defaultLife = 28 * 24 * time.Hour

// revocations is how long they matter. Not less than what is usual: tokens made under an earlier
// configuration, or by the original, may live longer.
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

// remoteHost is the host of the connection; of IPv6 the network, because whoever has one address
// there has very many.
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
