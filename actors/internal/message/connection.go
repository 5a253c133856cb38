package message

import "github.com/hublink-go/hublink/actors/internal/resend"

// Messages to connection.
type (
	// Transmit comes from a channel; send Item. Lost with a crash: the channel sees that in the next
	// LinkState and sends it again, with all that follow.
	Transmit struct {
		Topic Topic
		Item  resend.Item
	}
	// AskLink comes from a channel that has just started; answered with LinkState. Lost: connection
	// tells all channels when it adopts the link.
	AskLink struct{ Topic Topic }
	// DeviceJoined comes from channel/device; ends the backoff. Lost: the next wait is longer than
	// necessary.
	DeviceJoined struct{}
	// Reconnect comes from Device.Reconnect or a channel whose joins keep failing. Lost: the caller,
	// or the channel after its next failed joins, asks again.
	Reconnect struct{}
	// Hangup is a Call from client before a reboot, answered with HungUp; close the socket for good
	// after what was sent. Lost: the hub sees the connection end without a close frame.
	Hangup struct{}
	// HungUp answers Hangup.
	HungUp struct{}
)
