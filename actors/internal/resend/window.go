package resend

import "github.com/hublink-go/hublink/protocol"

// Item is one transmission on its way from a channel to the connection.
type Item struct {
	Tag   uint64 // of this transmission; tags rise by one in a channel
	After uint64 // tag of the newest earlier transmission not known to be out; 0 when there is none
	Msg   protocol.Message
}

// Link is what the connection reports of its socket to a channel.
type Link struct {
	Gen   uint64 // generation of the socket
	Up    bool   // the socket is open
	Taken uint64 // tag of the last transmission of this channel that the connection took over
}

// Change is what a [Link] means to a channel.
type Change uint8

// What a Link can mean.
const (
	Unchanged Change = iota // the channel goes on as before
	// Resend: the connection lost transmissions with a crash. The returned items are to be sent.
	Resend
	// Unknown: the connection counts the tags of an earlier incarnation of the channel. The channel
	// has to ask for the state of the socket again.
	Unknown
	Opened // another socket is open: the channel has to join on it
	Closed // the socket is gone
)

// Window is the channel's end: its view of the socket and the transmissions that the connection
// has not yet reported as out. The zero Window has no socket and no transmissions.
type Window struct {
	gen  uint64
	up   bool
	last uint64
	open []Item // in the order of their tags
}

// Up reports whether the last Link had an open socket.
func (w *Window) Up() bool { return w.up }

// Gen returns the generation of the socket of the last Link that changed the window.
func (w *Window) Gen() uint64 { return w.gen }

// Last returns the tag of the newest transmission, 0 before the first.
func (w *Window) Last() uint64 { return w.last }

// Len returns how many transmissions are not known to be out.
func (w *Window) Len() int { return len(w.open) }

// Add keeps msg under tag until it is out and returns the item to send.
func (w *Window) Add(tag uint64, msg protocol.Message) Item {
	it := Item{Tag: tag, Msg: msg}
	if n := len(w.open); n > 0 {
		it.After = w.open[n-1].Tag
	}
	w.last, w.open = tag, append(w.open, it)
	return it
}

// Sent drops the transmission of tag: it went out and is never sent again. An empty window keeps
// no memory.
func (w *Window) Sent(tag uint64) {
	for i, it := range w.open {
		if it.Tag == tag {
			w.open = append(w.open[:i], w.open[i+1:]...)
			break
		}
	}
	if len(w.open) == 0 {
		w.open = nil
	}
}

// Link takes in the state of the socket and returns what it means. For Resend it returns the
// transmissions behind l.Taken, in order; they are valid until the next call of a method. Opened
// and Closed drop all transmissions, because a channel joins anew on another socket.
func (w *Window) Link(l Link) (Change, []Item) {
	switch {
	case l.Taken > w.last:
		return Unknown, nil
	case l.Up && w.up && l.Gen == w.gen:
		return w.resend(l.Taken)
	case !l.Up && !w.up:
		return Unchanged, nil
	}
	w.up, w.gen, w.open = l.Up, l.Gen, nil
	if l.Up {
		return Opened, nil
	}
	return Closed, nil
}

func (w *Window) resend(taken uint64) (Change, []Item) {
	first, after := len(w.open), uint64(0)
	for i := range w.open {
		it := &w.open[i]
		if it.Tag > taken && i < first {
			first = i
		}
		it.After, after = after, it.Tag
	}
	if first == len(w.open) {
		return Unchanged, nil
	}
	return Resend, w.open[first:]
}

// Taken is the connection's end for one topic: the tag of the last transmission that it took over,
// 0 before the first.
type Taken uint64

// Take reports whether the connection has to send it. It refuses an item that it took over before,
// and one whose predecessor got lost: the channel sends both again, in order.
func (t *Taken) Take(it Item) bool {
	if last := uint64(*t); it.Tag <= last || it.After > last {
		return false
	}
	*t = Taken(it.Tag)
	return true
}

// Restart starts again at 0 for a new incarnation of the channel, which counts its tags from one.
func (t *Taken) Restart() { *t = 0 }
