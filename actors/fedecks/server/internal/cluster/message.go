package cluster

import (
	"errors"
	"fmt"
	"time"

	"github.com/hublink-go/hublink/protocol/etf"
)

// The kinds of messages between nodes. Those from KindPush on are for the connections of a node and
// do not pass through the core.
const (
	KindBeat   = "beat"   // the node lives; Seq counts its changes
	KindChange = "change" // the next change of the node
	KindWant   = "want"   // asks for the whole state of the receiver
	KindState  = "state"  // one part of the state of the node
	KindBye    = "bye"    // the node stops

	KindPush       = "push"       // Data is for Device
	KindBroadcast  = "broadcast"  // Data is for the subscribers of Topic
	KindDisconnect = "disconnect" // Device is to be closed with Code and Reason
)

// Message is a message between nodes. Any of them may be lost.
type Message struct {
	Version int    `etf:"v"`
	Kind    string `etf:"k"`
	From    string `etf:"n"` // name of the node
	// when the node started; tells it from an earlier node of the same name
	Epoch int64  `etf:"e,omitempty"`
	Clock int64  `etf:"c,omitempty"` // of the node, microseconds of Unix time
	Seq   uint64 `etf:"q,omitempty"` // number of its last change

	Part    int      `etf:"p,omitempty"` // of Parts, from 0
	Parts   int      `etf:"o,omitempty"`
	Changes []Change `etf:"x,omitempty"`

	Device string `etf:"d,omitempty"`
	Topic  string `etf:"t,omitempty"`
	Data   []byte `etf:"b,omitempty"`
	Code   int    `etf:"i,omitempty"`
	Reason string `etf:"r,omitempty"`
}

// Change is the new state of a device on a node. With Revoked it says only that tokens of the
// device made until then are worthless.
type Change struct {
	Device  string `etf:"d"`
	Entry   Entry  `etf:"e,omitempty"`
	Revoked int64  `etf:"r,omitempty"` // microseconds of Unix time
}

// Entry is the state of a device on one node. The zero Entry means that it is not connected there.
type Entry struct {
	Sessions int `etf:"s,omitempty"`
	// of the oldest connection, microseconds of Unix time by the clock of the node
	Since int64 `etf:"t,omitempty"`
	// of the newest connection, microseconds of the hybrid clock
	Stamp int64             `etf:"c,omitempty"`
	Meta  map[string]string `etf:"m,omitempty"` // of the newest connection
}

const version = 1

// MaxMeta is the largest size in bytes of metadata that is sent to other nodes. The number is ours.
const MaxMeta = 4096

// ErrVersion means that a message has another version of the format, of a node with a newer
// program.
var ErrVersion = errors.New("message of another version")

// Encode returns the octets of m.
func Encode(m Message) ([]byte, error) {
	m.Version = version
	data, err := etf.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode %s for other nodes: %w", m.Kind, err)
	}
	return data, nil
}

// decoder bounds the contents of a message; the bus bounds its size.
var decoder = etf.Decoder{Limits: etf.Limits{Bytes: 64 << 20, Elements: 1 << 20, Depth: 8}}

// latest is the latest time that a message may carry. It protects the hybrid clock.
var latest = time.Date(2250, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

// Decode reads a message. The message does not refer to data.
func Decode(data []byte) (Message, error) {
	var m Message
	if err := decoder.Unmarshal(data, &m); err != nil {
		return Message{}, fmt.Errorf("message of another node: %w", err)
	}
	switch {
	case m.Version != version:
		return Message{}, fmt.Errorf("%w: %d, not %d", ErrVersion, m.Version, version)
	case m.From == "":
		return Message{}, errors.New("message of another node: it has no name")
	case !plausible(m.Clock):
		return Message{}, fmt.Errorf("message of node %q: its clock says %d", m.From, m.Clock)
	}
	for _, c := range m.Changes {
		if c.Entry.Sessions < 0 || !plausible(c.Entry.Stamp) || !plausible(c.Revoked) {
			return Message{}, fmt.Errorf(
				"message of node %q: device %q has an impossible state",
				m.From,
				c.Device,
			)
		}
	}
	return m, nil
}

func plausible(micros int64) bool { return micros >= 0 && micros <= latest }
