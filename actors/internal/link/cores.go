package link

import (
	"github.com/hublink-go/hublink/actors/internal/dialplan"
	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/actors/internal/resend"
	"github.com/hublink-go/hublink/protocol"
)

// cores are what decides about the socket. They live in the link, so that a crash of connection
// forgets nothing.
type cores struct {
	core  protocol.Socket              // as of the last finished step
	plan  plan                         // as of the last dial that came to its end
	taken [message.Topics]resend.Taken // the last transmission taken over from each topic
}

// plan decides when and how the hub is dialled.
type plan struct {
	network    dialplan.Network
	urls       dialplan.URLs
	serializer dialplan.Serializer
}
