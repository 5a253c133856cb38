package logging

import (
	"fmt"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/extensions"
)

// Limits of what waits to be sent.
const (
	waitingMax   = 1000
	waitingBytes = 1 << 20
)

// Writer takes log lines as zerolog writes them. It implements zerolog.LevelWriter; any goroutine
// may use it.
type Writer struct {
	level zerolog.Level
	now   func() time.Time

	mu    sync.Mutex
	host  extensions.Host // woken by new lines; nil while detached
	queue queue
	stats Stats
}

// Stats count since the start of the program, except for Waiting.
type Stats struct {
	Waiting int    // lines that wait to be sent
	Sent    uint64 // lines handed over
	Dropped uint64 // lines that found no room
	Unknown uint64 // messages of the hub that this version does not know
}

// Stats returns the counts.
func (w *Writer) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stats
	s.Waiting = len(w.queue.lines)
	return s
}

// Write takes a line whose level is in the line itself: zerolog's JSON, or any text, which counts
// as info. It always succeeds.
func (w *Writer) Write(p []byte) (int, error) { return w.WriteLevel(zerolog.NoLevel, p) }

// WriteLevel takes a line of a level. It always succeeds: a line that cannot be kept is counted,
// and the program goes on.
func (w *Writer) WriteLevel(level zerolog.Level, p []byte) (int, error) {
	if level < w.level {
		return len(p), nil
	}
	l := parse(level, p)
	if l.level < w.level || l.own {
		return len(p), nil
	}
	now := w.now()
	if host := w.add(entry{at: now, data: l.encode(now)}); host != nil {
		host.Wake(0) // not under the lock: the host may log
	}
	return len(p), nil
}

// add keeps a line and returns the host to wake, or nil: the first line and the one that fills a
// batch wake it.
func (w *Writer) add(e entry) extensions.Host {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.Dropped += uint64(w.queue.add(e))
	if n := len(w.queue.lines); n == 1 || n == batchMax {
		return w.host
	}
	return nil
}

// listen sets the host that new lines wake; nil means none.
func (w *Writer) listen(host extensions.Host) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.host = host
}

// waiting returns how many lines wait and the time of the oldest.
func (w *Writer) waiting() (int, time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue.lines) == 0 {
		return 0, time.Time{}
	}
	return len(w.queue.lines), w.queue.lines[0].at
}

// mark is what a peek has returned, so that forget drops exactly that.
type mark struct {
	next    uint64 // the line after the last one seen
	dropped int    // drops that were announced
}

// peek returns the oldest lines, at most n and not more bytes than a message should have, without
// forgetting them. When lines were dropped since the last message, the first one says so.
func (w *Writer) peek(n int) ([]jsontext.Value, mark) {
	w.mu.Lock()
	defer w.mu.Unlock()
	q := &w.queue
	m := mark{next: q.first, dropped: q.dropped}
	var out []jsontext.Value
	if q.dropped > 0 {
		notice := line{level: zerolog.WarnLevel, message: fmt.Sprintf("dropped %d lines", q.dropped)}
		out = append(out, notice.encode(q.droppedAt))
	}
	size := 0
	for _, e := range q.lines {
		size += len(e.data)
		if len(out) == n || (len(out) > 0 && size > batchBytes) {
			break
		}
		out = append(out, e.data)
		m.next++
	}
	return out, m
}

// forget drops the lines that were handed over.
func (w *Writer) forget(m mark) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue.dropped -= m.dropped
	w.stats.Sent += uint64(w.queue.forget(m.next))
}

func (w *Writer) countUnknown() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.Unknown++
}

// entry is a line as it will be sent.
type entry struct {
	at   time.Time
	data jsontext.Value
}

// queue holds the newest lines, within limits. It is not safe for concurrent use.
type queue struct {
	lines     []entry
	first     uint64 // number of lines[0]; lines are numbered from the start of the program
	bytes     int
	dropped   int // not yet announced
	droppedAt time.Time
}

// add keeps e, at the cost of the oldest lines if need be, and returns how many that were.
func (q *queue) add(e entry) int {
	q.lines = append(q.lines, e)
	q.bytes += len(e.data)
	n := 0
	for len(q.lines) > waitingMax || q.bytes > waitingBytes {
		q.pop()
		n++
	}
	if n > 0 {
		q.dropped += n
		q.droppedAt = e.at
	}
	return n
}

// forget removes the lines before number next and returns how many those were.
func (q *queue) forget(next uint64) int {
	n := 0
	for len(q.lines) > 0 && q.first < next {
		q.pop()
		n++
	}
	return n
}

func (q *queue) pop() {
	q.bytes -= len(q.lines[0].data)
	q.lines[0] = entry{} // the array lives on, the line must not
	q.lines = q.lines[1:]
	q.first++
}
