package extension

import (
	"slices"

	"github.com/hublink-go/hublink/extensions"
)

// backlog is how many messages of the hub wait for a slow Handle; the hub asks again for
// what is lost.
const backlog = 256

// eventQueue holds the events that wait for Handle. Messages of the hub are bounded; the others
// always fit: there is at most one tick for each timer, and attachments are few.
type eventQueue struct {
	list     []extensions.Event
	messages int
}

// add appends event and reports whether it had room. A tick whose timer has one waiting is merged
// with that.
func (q *eventQueue) add(event extensions.Event) bool {
	switch event.Kind {
	case extensions.Message:
		if q.messages == backlog {
			return false
		}
		q.messages++
	case extensions.Tick:
		waits := func(w extensions.Event) bool { return w.Kind == event.Kind && w.Name == event.Name }
		if slices.ContainsFunc(q.list, waits) {
			return true
		}
	case extensions.Attached, extensions.Detached:
	}
	q.list = append(q.list, event)
	return true
}

// take removes the oldest event; false means that there is none.
func (q *eventQueue) take() (extensions.Event, bool) {
	if len(q.list) == 0 {
		return extensions.Event{}, false
	}
	event := q.list[0]
	q.list[0] = extensions.Event{} // its payload may go
	if q.list = q.list[1:]; len(q.list) == 0 {
		q.list = nil
	}
	if event.Kind == extensions.Message {
		q.messages--
	}
	return event, true
}
