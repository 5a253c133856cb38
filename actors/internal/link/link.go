package link

import (
	"sync"

	"github.com/hublink-go/hublink/actors/internal/dialplan"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/supervisor"
)

// What may wait for the connection actor; a full inbox stops the reader, and with it the hub. A
// single frame always fits: how large it may be is the transport's business.
const (
	inboxLimit = 32      // frames
	inboxBytes = 1 << 20 // of payload
)

// wake: from the reader or the dialer of the link; something waits there. Lost: the next start
// drains it.
type wake struct{}

// link is what the connection actor keeps in its heir slot: everything that is tied to the byte
// stream, and nothing else. When the actor crashes, its next incarnation finds the stream exactly
// where it was: a frame that was taken from the inbox is never seen twice, an effect that was
// decided on is still carried out, and the socket stays open.
//
// The fields of the first group belong to the connection actor alone; those of the second are
// shared with the goroutines that dial and read, under mu. Those goroutines are tied to the link,
// not to an incarnation of the actor.
type link struct {
	cores
	todo  []protocol.SocketEffect // decided by finished steps, not carried out yet
	conn  transport.Conn          // nil while there is none
	codec protocol.Codec          // what conn was dialed for
	// a Write is under way: after a crash the stream's state is unknown
	writing bool

	mu      sync.Mutex
	space   sync.Cond
	attempt uint64 // the current dial; answers to older ones are closed
	outcome *dialed
	inbox   []frame
	size    int   // of inbox, in bytes
	lost    error // why the reader of conn ended; nil while it runs
	reader  uint64
	closed  bool
}

// frame is one message as it came from the wire.
type frame struct {
	kind transport.Kind
	data []byte
}

// dialed is how a dial ended.
type dialed struct {
	conn  transport.Conn
	codec protocol.Codec // that the hub and conn speak
	err   error

	serializer dialplan.Serializer // what the attempt has taught
	settled    bool                // the hub turned out to speak JSON only
}

func newLink(core protocol.Socket) *link {
	l := &link{cores: cores{core: core}}
	l.space.L = &l.mu
	return l
}

// Close drops the stream. The supervisor calls it when no incarnation takes the link over.
func (l *link) Close() error {
	l.mu.Lock()
	l.closed = true
	l.attempt++
	outcome := l.outcome
	l.outcome = nil
	l.space.Broadcast()
	l.mu.Unlock()
	if outcome != nil && outcome.conn != nil {
		_ = outcome.conn.Abort()
	}
	if l.conn != nil {
		return l.conn.Abort()
	}
	return nil
}

// beginDial starts a new attempt and returns its number.
func (l *link) beginDial() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attempt++
	l.outcome = nil
	return l.attempt
}

// endDial hands over how the attempt ended. It closes a connection that is no longer waited for.
func (l *link) endDial(attempt uint64, d dialed) {
	l.mu.Lock()
	if !l.closed && attempt == l.attempt {
		l.outcome = &d
		l.mu.Unlock()
		return
	}
	l.mu.Unlock()
	if d.conn != nil {
		_ = d.conn.Abort()
	}
}

// dialed reports whether the current attempt has ended and takeDial was not called since.
func (l *link) dialed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.outcome != nil
}

// takeDial returns how the current attempt ended, once.
func (l *link) takeDial() (dialed, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.outcome == nil {
		return dialed{}, false
	}
	d := *l.outcome
	l.outcome = nil
	return d, true
}

// open makes conn the link's stream and starts its reader. The reader ends when conn fails or is
// closed.
func (l *link) open(conn transport.Conn, owner supervisor.Ref) {
	l.mu.Lock()
	l.reader++
	id := l.reader
	l.inbox, l.size, l.lost = nil, 0, nil
	l.mu.Unlock()
	if l.conn != nil {
		_ = l.conn.Abort() // it was hung up and never ended
	}
	l.conn, l.writing = conn, false
	go l.read(conn, id, owner)
}

// read moves frames from conn into the inbox and wakes the owner, in one goroutine after another
// (transport.Receive). Started by open, ended by the end of conn.
func (l *link) read(conn transport.Conn, id uint64, owner supervisor.Ref) {
	take := func(f frame, err error) bool {
		first, ok := l.put(id, f, err)
		if first {
			_ = owner.Send(wake{}) // an owner that is being restarted drains the inbox when it starts
		}
		return ok
	}
	more, err := transport.Receive(conn, func(kind transport.Kind, data []byte) bool {
		return take(frame{kind: kind, data: data}, nil)
	})
	switch {
	case more:
		go l.read(conn, id, owner)
	case err != nil:
		take(frame{}, err)
	}
}

// put appends a frame or notes the end. first says that the owner has to be told; ok that the
// reader goes on.
func (l *link) put(id uint64, f frame, err error) (first, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for err == nil && id == l.reader && !l.closed && l.full(f) {
		l.space.Wait()
	}
	if id != l.reader || l.closed {
		return false, false
	}
	if err != nil {
		l.lost = err
		return true, false
	}
	l.inbox = append(l.inbox, f)
	l.size += len(f.data)
	return len(l.inbox) == 1, true
}

// full reports whether f has to wait for others to be taken out first. The lock is held.
func (l *link) full(f frame) bool {
	return len(l.inbox) >= inboxLimit || len(l.inbox) > 0 && l.size+len(f.data) > inboxBytes
}

// next takes the oldest frame out of the inbox: from here on it counts as consumed. After the last
// frame it returns the reason for which the stream ended, if it did.
func (l *link) next() (f frame, ok bool, lost error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.inbox) == 0 {
		return frame{}, false, l.lost
	}
	f = l.inbox[0]
	l.inbox[0] = frame{}
	l.size -= len(f.data)
	l.inbox = l.inbox[1:]
	if len(l.inbox) == 0 {
		l.inbox = nil
	}
	l.space.Signal()
	return f, true, nil
}

// drop forgets the stream; frames that were not consumed are gone with it.
func (l *link) drop() {
	l.mu.Lock()
	l.reader++
	l.inbox, l.size, l.lost = nil, 0, nil
	l.space.Broadcast()
	l.mu.Unlock()
	l.conn, l.writing = nil, false
}
