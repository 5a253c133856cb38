package channels

import (
	"errors"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/internal/board"
	"github.com/hublink-go/hublink/actors/internal/handover"
	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/protocol/hub"
)

// updates is the concern of firmware updates on the device topic: offers go to the updater, its
// reports to the hub, and it hears which of them have arrived.
type updates struct {
	door      *DeviceDoor
	offers    handover.Offer
	reports   handover.Reports
	validated bool // what the join has said of the running firmware
	log       *zerolog.Logger
}

// offer takes in an offer of the hub and returns what to push at once.
func (u *updates) offer(payload jsontext.Value) []hub.Push {
	parsed, err := hub.ParseUpdate(payload)
	switch {
	case errors.Is(err, hub.ErrNoUpdate):
		return nil
	case err != nil: // the updater tells the hub, which would otherwise wait for half an hour
		u.door.Board.Count(func(n *board.Counters) { n.BadFrames++ })
	}
	u.offers.Set(offerOf(parsed, err))
	return u.pass()
}

// asked answers an updater that has started: what the hub has been told, and the offer that the
// updater may have lost.
func (u *updates) asked() []hub.Push {
	u.up()
	return u.pass()
}

// pass gives the updater the offer of the hub, or refuses an offer over which the updater crashes.
func (u *updates) pass() []hub.Push {
	offer, verdict := u.offers.Next()
	switch verdict {
	case handover.Pass:
		_ = u.door.Updater.Send(message.Offered{Offer: offer}) // being restarted: it asks
	case handover.Drop:
		return u.drop(offer.UUID)
	case handover.Nothing:
	}
	return nil
}

func (u *updates) drop(uuid string) []hub.Push {
	const reason = "the agent crashed over this offer and has dropped it: see the crashes in its log"
	u.log.Error().Str("update", uuid).
		Msg("the updater crashes over an offer of the hub; offer dropped; report the crashes")
	u.door.Events.UpdateNoted(firmware.NoteFailed, uuid, reason, nil)
	return []hub.Push{hub.Received(), hub.Failed(reason)}
}

// pushing reports whether a push of the updater has to go out. An updater that has restarted may
// push a report again that went out before its crash. A report proves that the journal knows the
// offer.
func (u *updates) pushing(m message.Push) bool {
	if u.reports.Known(m.Seq) {
		return false
	}
	if m.Seq > 0 {
		u.offers.Clear()
	}
	return true
}

// pushed notes that a push was given to connection as transmission tag.
func (u *updates) pushed(tag, seq uint64) { u.reports.Pushed(tag, seq) }

// written tells the updater that a report went out.
func (u *updates) written(m message.Sent) {
	if seq, ok := u.reports.Written(m.Tag, m.Ref); ok {
		_ = u.door.Updater.Send(message.ReportWritten{Seq: seq})
	}
}

// confirmed tells the updater which of its reports have arrived.
func (u *updates) confirmed(m message.Confirmed) {
	if seq, ok := u.reports.Confirmed(m.Ref); ok {
		_ = u.door.Updater.Send(message.ReportConfirmed{Seq: seq})
	}
}

// joining notes what the join says of the running firmware.
func (u *updates) joining(m message.JoinParams) {
	u.validated = m.Join.Validated != nil && *m.Join.Validated
}

// joined begins an empty ledger and tells the updater that pushes reach the hub from now on.
func (u *updates) joined() {
	u.reports.Joined()
	u.offers.Clear()
	u.up()
}

func (u *updates) up() {
	// being restarted: it asks
	_ = u.door.Updater.Send(message.ChannelUp{Last: u.reports.Last(), Validated: u.validated})
}

// lost tells the updater that pushes are dropped until the next join.
func (u *updates) lost() {
	u.reports.Lost()
	_ = u.door.Updater.Send(message.ChannelDown{})
}

// offerOf returns the hub's offer as the update machine knows it; problem is why it cannot be read,
// nil if it can.
func offerOf(u hub.Update, problem error) *firmware.Offer {
	o := &firmware.Offer{
		UUID: u.UUID(), Meta: u.Meta, URL: firmware.SignedURL(u.URL), Size: u.Size,
		Checksum: u.Checksum, Partials: u.Partials, DeploymentID: u.DeploymentID,
	}
	if problem != nil {
		o.Problem = problem.Error()
	}
	return o
}
