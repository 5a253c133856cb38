package message

import "github.com/hublink-go/hublink/firmware"

// Messages to client.
type (
	// Decide comes from updater, the policy lets Offer pass. Lost: the updater takes the default at
	// its deadline.
	Decide struct{ Offer firmware.Offer }
	// DoReboot comes from updater, everything is safe on disk. Lost with a crash: the updater takes
	// the default.
	DoReboot struct{ Reason string }
	// TellProgress comes from updater, for a callback. Lost: not told.
	TellProgress struct {
		UUID    string
		Stage   string
		Percent int
	}
	// TellError comes from updater, for a callback. Lost: not told.
	TellError struct{ Err error }
	// TellConnected comes from channel/device, for a callback. Lost: not told.
	TellConnected struct{}
	// TellDisconnected comes from channel/device, for a callback. Lost: not told.
	TellDisconnected struct{}
	// TellIdentify comes from channel/device, for a callback. Lost: not told.
	TellIdentify struct{}
)
