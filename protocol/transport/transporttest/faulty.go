package transporttest

import (
	"math/rand/v2"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hublink-go/hublink/protocol/transport/internal/duplex"
)

// Fault is a fault of a stream.
type Fault uint8

// The faults.
const (
	None      Fault = iota
	Drop            // closes both sides in order
	Reset           // resets the connection, with RST on TCP
	HalfClose       // ends the sending side only
	Stall           // stops the bytes of this direction without an error
)

// Direction configures the bytes of one direction.
type Direction struct {
	Fault Fault
	After int           // bytes that pass before Fault
	Slice int           // most bytes of one Read or Write; zero means no limit
	Delay time.Duration // longest random wait of a Read or Write
}

// Plan configures a Faulty. The same plan and the same traffic repeat the same run.
type Plan struct {
	Seed        uint64
	Read, Write Direction
}

// Faulty is a net.Conn with faults. Like every stream of a transport.Conn it has one reader and one
// writer at a time.
type Faulty struct {
	net.Conn
	read, write lane
	stalled     atomic.Bool
}

// lane is the state of a direction.
type lane struct {
	Direction
	rnd     *rand.Rand
	passed  int
	struck  bool
	broken  error       // error after the fault; nil for a stall
	silence *duplex.End // never has data: its Read waits for a deadline or Close
}

// NewFaulty puts plan between nc and its user.
func NewFaulty(nc net.Conn, plan Plan) *Faulty {
	return &Faulty{
		Conn:  nc,
		read:  newLane(plan.Read, plan.Seed, 1),
		write: newLane(plan.Write, plan.Seed, 2),
	}
}

func newLane(d Direction, seed, number uint64) lane {
	silence, _ := duplex.New("silence", "none")
	return lane{
		Direction: d,
		rnd:       rand.New(rand.NewPCG(seed, number)),
		silence:   silence,
	} //nolint:gosec // repeatable
}

// room returns how many of n bytes may pass at once.
func (l *lane) room(n int) int {
	if l.Slice > 0 {
		n = min(n, l.Slice)
	}
	if l.Fault != None {
		n = min(n, l.After-l.passed)
	}
	return n
}

func (l *lane) due() bool { return l.Fault != None && !l.struck && l.passed >= l.After }

func (l *lane) wait() {
	if l.Delay > 0 {
		time.Sleep(time.Duration(l.rnd.Int64N(int64(l.Delay))))
	}
}

// stop returns the error of a Read or a Write after the fault.
func (l *lane) stop() error {
	if l.broken != nil {
		return &net.OpError{Op: "fault", Net: "test", Err: l.broken}
	}
	_, err := l.silence.Read(make([]byte, 1))
	return err
}

// Read reads the bytes that the plan passes.
func (f *Faulty) Read(p []byte) (int, error) {
	l := &f.read
	l.wait()
	if l.due() {
		f.strike(l)
	}
	if l.struck || f.stalled.Load() {
		return 0, l.stop()
	}
	n, err := f.Conn.Read(p[:l.room(len(p))])
	if f.stalled.Load() { // during the wait
		return 0, l.stop()
	}
	l.passed += n
	return n, err
}

// Write writes exactly the bytes that the plan passes.
func (f *Faulty) Write(p []byte) (n int, err error) {
	l := &f.write
	for n < len(p) {
		l.wait()
		if l.due() {
			f.strike(l)
		}
		if l.struck || f.stalled.Load() {
			return n, l.stop()
		}
		k, err := f.Conn.Write(p[n : n+l.room(len(p)-n)])
		n += k
		l.passed += k
		if err != nil {
			return n, err
		}
	}
	if l.due() && l.Fault != Stall {
		f.strike(l) // now, because there may be no next Write
	}
	return n, nil
}

func (f *Faulty) strike(l *lane) {
	l.struck = true
	switch l.Fault {
	case Drop:
		l.broken = net.ErrClosed
		_ = f.Conn.Close()
	case Reset:
		l.broken = syscall.ECONNRESET
		_ = f.Reset()
	case HalfClose:
		l.broken = syscall.EPIPE
		_ = f.CloseWrite()
	case None, Stall:
	}
}

// Stall stops both directions, like a pulled cable.
func (f *Faulty) Stall() { f.stalled.Store(true) }

// Reset resets the connection for both ends.
func (f *Faulty) Reset() error {
	f.endSilence()
	switch c := f.Conn.(type) {
	case interface{ Reset() error }:
		return c.Reset()
	case *net.TCPConn:
		_ = c.SetLinger(0)
	}
	return f.Conn.Close()
}

func (f *Faulty) endSilence() {
	_, _ = f.read.silence.Close(), f.write.silence.Close()
}

// CloseWrite ends the sending side if the stream supports it.
func (f *Faulty) CloseWrite() error {
	if half, ok := f.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Close closes the stream and ends stalled calls.
func (f *Faulty) Close() error {
	f.endSilence()
	return f.Conn.Close()
}

// SetDeadline sets both deadlines, also of stalled calls.
func (f *Faulty) SetDeadline(t time.Time) error {
	_ = f.read.silence.SetReadDeadline(t)
	_ = f.write.silence.SetReadDeadline(t)
	return f.Conn.SetDeadline(t)
}

// SetReadDeadline sets the deadline of reads, stalled ones included.
func (f *Faulty) SetReadDeadline(t time.Time) error {
	_ = f.read.silence.SetReadDeadline(t)
	return f.Conn.SetReadDeadline(t)
}

// SetWriteDeadline sets the deadline of writes, stalled ones included.
func (f *Faulty) SetWriteDeadline(t time.Time) error {
	_ = f.write.silence.SetReadDeadline(t)
	return f.Conn.SetWriteDeadline(t)
}
