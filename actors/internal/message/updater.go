package message

import "github.com/hublink-go/hublink/firmware"

// Messages to updater.
type (
	// Offered comes from channel/device; the hub offers a firmware. Lost with a crash: the channel
	// gives it again to the next incarnation, once.
	Offered struct{ Offer *firmware.Offer }
	// ChannelUp comes from channel/device; it has joined, or answers AskChannel: Last is the newest
	// report that it pushed since this join, Validated what the join has said. Lost: the updater asks
	// when it starts.
	ChannelUp struct {
		Last      uint64
		Validated bool
	}
	// ChannelDown comes from channel/device; what is pushed now is dropped. Lost: as if it came later.
	ChannelDown struct{}
	// AskParams comes from channel/device; answered with JoinParams. Lost: the channel asks again.
	AskParams struct{}
	// ReportWritten comes from channel/device; the reports up to Seq went out. Lost: a reboot waits
	// for its deadline.
	ReportWritten struct{ Seq uint64 }
	// ReportConfirmed comes from channel/device; they have arrived. Lost: said again after the next
	// join.
	ReportConfirmed struct{ Seq uint64 }
	// RebootWanted comes from channel/device or Device.Reboot. Lost with a crash: the operator or the
	// caller asks again.
	RebootWanted struct{ Reason string }
	// CommitWanted is a Call from Device.Commit, answered with Committed. Lost: the caller gets an
	// error.
	CommitWanted struct{}
	// Committed answers CommitWanted.
	Committed struct{ Err error }
	// Decided comes from client. Lost: the default counts at the deadline.
	Decided struct {
		UUID     string
		Decision firmware.Decision
	}
)
