package message

import "github.com/hublink-go/hublink/firmware"

// Messages to client.
type (
	// Decide: from updater, the policy lets Offer pass. Lost: the updater takes the default at its
	// deadline.
	Decide struct{ Offer firmware.Offer }
	// DoReboot: from updater, everything is safe on disk. Lost with a crash: the updater takes the
	// default.
	DoReboot struct{ Reason string }
	// TellProgress, TellError: from updater, for the callbacks. Lost: not told.
	TellProgress struct {
		UUID    string
		Stage   string
		Percent int
	}
	TellError struct{ Err error }
	// TellConnected, TellDisconnected, TellIdentify: from channel/device, for the callbacks. Lost: not
	// told.
	TellConnected    struct{}
	TellDisconnected struct{}
	TellIdentify     struct{}
)
