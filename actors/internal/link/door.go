package link

import (
	"math/rand/v2"
	"net/url"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/internal/board"
	"github.com/hublink-go/hublink/actors/internal/dialplan"
	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/supervisor"
)

// Door is what connection may use. It belongs to the device and does not change while actors run.
type Door struct {
	Hub         *Hub                           // the edge
	Topics      [message.Topics]supervisor.Ref // the channels
	Board       *board.Board
	Events      Events
	URLs        []*url.URL    // of the hub, in the order in which they are tried
	MessagePack bool          // wanted; the hub may refuse it
	Heartbeat   time.Duration // zero means the default of protocol.Socket
	Rand        func(stream uint64) *rand.Rand
	Log         func(actor string) *zerolog.Logger
}

// Events tells the embedder about the socket.
type Events interface {
	SocketLost(cause error)
	ConnectFailed(cause error, advice string)
}

// newLink is the link of a device that has just started.
func (d *Door) newLink() *link {
	l := newLink(protocol.NewSocket(
		protocol.SocketConfig{Heartbeat: d.Heartbeat}, d.Rand(uint64(message.Topics)),
	))
	l.plan = plan{
		urls: dialplan.NewURLs(d.URLs), serializer: dialplan.NewSerializer(d.MessagePack),
	}
	if d.Hub.Network == nil {
		l.plan.network = dialplan.Skip()
	}
	return l
}
