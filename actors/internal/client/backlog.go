package client

import (
	"slices"
	"time"

	"github.com/hublink-go/hublink/actors/internal/message"
)

// maxWaiting bounds the callbacks that wait for a slow one; beyond it the oldest fact makes room.
const maxWaiting = 64

// backlog is a core: the messages that wait for a callback, and the one whose callback runs. It
// keeps the newest progress only. The zero value is empty.
type backlog struct {
	waiting []any
	until   time.Time // when the running callback is given up; zero: none runs
	number  uint64    // of the newest callback
}

// put adds a message and reports whether another one had to make room.
func (b *backlog) put(msg any) (dropped bool) {
	if isProgress(msg) {
		if i := slices.IndexFunc(b.waiting, isProgress); i >= 0 {
			b.waiting[i] = msg
			return false
		}
	}
	if dropped = len(b.waiting) >= maxWaiting; dropped {
		oldest := max(0, slices.IndexFunc(b.waiting, isFact))
		b.waiting = slices.Delete(b.waiting, oldest, oldest+1)
	}
	b.waiting = append(b.waiting, msg)
	return dropped
}

// next takes out the oldest message, unless a callback runs.
func (b *backlog) next() (msg any, ok bool) {
	if !b.until.IsZero() || len(b.waiting) == 0 {
		return nil, false
	}
	msg, b.waiting = b.waiting[0], b.waiting[1:]
	if len(b.waiting) == 0 {
		b.waiting = nil
	}
	return msg, true
}

// begin notes that a callback runs, until then at most, and returns its number.
func (b *backlog) begin(until time.Time) (number uint64) {
	b.number++
	b.until = until
	return b.number
}

// end notes that the callback of that number has returned; one that was given up does not count.
func (b *backlog) end(number uint64) {
	if number == b.number {
		b.until = time.Time{}
	}
}

// expire gives up a callback whose time is over.
func (b *backlog) expire(now time.Time) {
	if !now.Before(b.until) {
		b.until = time.Time{}
	}
}

// deadline returns when expire has to be called; the zero time means never.
func (b *backlog) deadline() time.Time { return b.until }

func isProgress(msg any) bool {
	_, ok := msg.(message.TellProgress)
	return ok
}

// isFact reports whether the updater does not wait for what the callback does.
func isFact(msg any) bool {
	switch msg.(type) {
	case message.Decide, message.DoReboot:
		return false
	default:
		return true
	}
}
