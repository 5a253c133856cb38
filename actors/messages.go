package actors

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/hublink-go/hublink/protocol"
)

// topic numbers the channels that a device can join; the table of refs and names is indexed by it.
type topic uint8

const (
	topicDevice topic = iota
	topicExtensions
	topics // how many there are
)

func (t topic) name() string {
	switch t {
	case topicDevice:
		return "device"
	case topicExtensions:
		return "extensions"
	default:
		return ""
	}
}

func topicOf(name string) (topic, bool) {
	for t := range topics {
		if t.name() == name {
			return t, true
		}
	}
	return 0, false
}

// Messages to connection.
type (
	// wake: from the reader or the dialer of the link; something waits there. Lost: the next start
	// drains it.
	wake struct{}
	// adopted: from connection to itself, first message after a crash. Never lost alone.
	adopted struct{}
	// transmit: from a channel; send msg. Tags rise by one per channel; after is the one before that
	// was not known to have gone out, 0 when there is none. Lost with a crash: the channel sees that
	// in the next linkState and sends it again, with all behind it.
	transmit struct {
		topic topic
		tag   uint64
		after uint64
		msg   protocol.Message
	}
	// askLink: from a channel that has just started; answered with linkState. Lost: adoption tells all
	// channels anyway.
	askLink struct{ topic topic }
	// deviceJoined: from channel/device; ends the backoff. Lost: the next wait is longer than need be.
	deviceJoined struct{}
	// reconnect: from Device.Reconnect or a channel whose joins keep failing. Lost: the user asks
	// again.
	reconnect struct{}
	// hangup: a Call from client before a reboot; close the socket for good after what was sent. Lost:
	// the peer sees a bare end.
	hangup struct{}
	hungUp struct{}
)

// Messages from connection to the channels.
type (
	// linkState: the socket of generation gen is up or gone; tag is the last transmission taken over.
	// Lost with a crash of the channel: it asks when it starts.
	linkState struct {
		gen uint64
		up  bool
		tag uint64
	}
	// sent: transmission tag has gone out under ref. Lost with a crash of the channel: it joins anew.
	sent struct {
		tag uint64
		ref string
	}
	// delivered: a message of the channel's topic. Lost with a crash of the channel: it joins anew.
	delivered struct {
		gen uint64
		msg protocol.Message
	}
	// confirmed: the hub has everything that was sent before ref. Lost: the next heartbeat confirms
	// more.
	confirmed struct{ ref string }
)

// push: from anybody to a channel; push event with payload. A channel that is not joined drops it
// and, when seq is set, the sender learns of the join later. Lost: as if not joined.
type push struct {
	event   string
	payload jsontext.Value
	// channel/device: the number of an update report, 0 for none; channel/extensions: which extension
	seq   uint64
	reply bool // the hub may refuse it with a reply
}
