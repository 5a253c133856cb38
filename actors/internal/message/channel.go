package message

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/hub"
)

// Messages from connection to the channels.
type (
	// LinkState means that the socket of generation Gen is up or gone; Tag is the last transmission
	// that connection took over. Lost with a crash of the channel: it asks when it starts.
	LinkState struct {
		Gen uint64
		Up  bool
		Tag uint64
	}
	// Sent means that transmission Tag has gone out under Ref. Lost with a crash of the channel: it
	// joins anew.
	Sent struct {
		Tag uint64
		Ref string
	}
	// Delivered has a message of the channel's topic. Lost with a crash of the channel: it joins anew.
	Delivered struct {
		Gen uint64
		Msg protocol.Message
	}
	// Confirmed means that the hub has everything that was sent before Ref. Lost: the next heartbeat
	// confirms more.
	Confirmed struct{ Ref string }
)

// Push comes from updater to channel/device; push Event with Payload. A channel that is not joined
// drops it and, when Seq is set, the sender learns of the join later. Lost: as if not joined.
type Push struct {
	Event   string
	Payload jsontext.Value
	Seq     uint64 // the number of an update report; 0 means none
}

// Messages to channel/device.
type (
	// JoinParams comes from updater, the answer to AskParams and its greeting after a restart. Lost:
	// see AskParams.
	JoinParams struct{ Join hub.JoinParams }
	// AskChannel comes from updater when it starts; answered with ChannelUp when the channel has
	// joined. Lost: see ChannelUp.
	AskChannel struct{}
	// AskOffered comes from channel/extensions when it starts or hears of a socket; answered with
	// ExtensionsOffered, or with ExtensionsPending when the hub has not said anything. Lost: the hub
	// says it again at the next join.
	AskOffered struct{}
)

// Messages to channel/extensions.
type (
	// ExtensionsPending comes from channel/device, it has joined; an `extensions:get` may follow.
	// Lost: the next join tells again.
	ExtensionsPending struct{}
	// ExtensionsOffered comes from channel/device, what the hub's `extensions:get` said; nil means
	// that the hub lists nothing. Lost with a crash of channel/extensions: it asks when it starts.
	ExtensionsOffered struct{ Advertised map[string][]string }
	// ExtensionReady comes from an extension's actor when it starts, also after a crash; answered with
	// ExtensionAttached when it is attached. Lost: channel/extensions attaches it anew.
	ExtensionReady struct{ Name string }
	// ExtensionPush comes from any goroutine of an extension; push `<name>:<event>`. Answered with
	// ExtensionSent. Lost: the extension's event is not sent.
	ExtensionPush struct {
		Name    string
		Event   string
		Payload jsontext.Value
	}
	// ExtensionHung comes from an extension's actor whose Handle has passed its deadline. Lost: the
	// hub is not told.
	ExtensionHung struct{ Name string }
)
