package dialplan

import "github.com/hublink-go/hublink/protocol"

// Outcome is how a dial ended.
type Outcome uint8

// How a dial can end.
const (
	Open Outcome = iota // the socket is open
	// Forbidden is HTTP status 403, which a hub answers that does not know the protocol version.
	Forbidden
	Refused     // an HTTP status other than 101 and 403
	Unreachable // no HTTP answer: name, route, TLS, proxy, timeout
)

// Verdict is what follows from the outcome of a dial.
type Verdict uint8

// What can follow from a dial.
const (
	Done  Verdict = iota // the attempt is over
	Retry                // dial again at once, with the serializer of Codec
	// Settled: the attempt is over, and the hub speaks JSON only. All later attempts ask for JSON, and
	// the log says so once.
	Settled
)

// Serializer decides which serializer a dial asks for. A hub that does not know MessagePack answers
// 403, and so may a proxy or a firewall. An attempt that got a 403 therefore dials again for JSON,
// and JSON is kept only when that got further: to an open socket or to another HTTP status.
// Otherwise the next attempt asks for MessagePack again.
//
// The zero Serializer always asks for JSON.
type Serializer struct {
	packed bool // an attempt asks for MessagePack first
	second bool // this attempt has got its 403 and asks for JSON
}

// NewSerializer returns a Serializer that asks for MessagePack first when packed is set, and for
// JSON only when it is not.
func NewSerializer(packed bool) Serializer { return Serializer{packed: packed} }

// Begin starts an attempt, also when the attempt before it has not ended, and returns the codec to
// dial for.
func (s *Serializer) Begin() protocol.Codec {
	s.second = false
	return s.Codec()
}

// Codec returns the codec that the current dial asks for.
func (s *Serializer) Codec() protocol.Codec {
	if s.packed && !s.second {
		return protocol.MessagePack{}
	}
	return protocol.JSON{}
}

// Ended takes in how the dial for Codec ended and returns what follows.
func (s *Serializer) Ended(o Outcome) Verdict {
	switch {
	case !s.packed:
		return Done
	case !s.second:
		if o != Forbidden {
			return Done
		}
		s.second = true
		return Retry
	}
	s.second = false
	if o == Open || o == Refused {
		s.packed = false
		return Settled
	}
	return Done
}
