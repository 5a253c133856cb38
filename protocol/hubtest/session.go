package hubtest

import (
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/time/rate"

	"github.com/hublink-go/hublink/protocol"
)

// The topics of a device's socket.
const (
	topicDevice     = "device"
	topicConsole    = "console"
	topicExtensions = "extensions"
)

const maxChannels = 100 // Phoenix: channels of one socket

// session is the server's end of one socket: its channels and their answers. It is pure: a message
// goes in, messages come out in the order in which they are to be sent, and the device's state
// keeps what the hub learns.
type session struct {
	rules *rules
	dev   *state
	socket
	asks asks // of the step that runs
}

// asks are the acts that a step leaves to the hub, because they concern more than one device.
type asks uint8

const (
	askRollout asks = 1 << iota // an event that a rollout may have waited for
	askCheck                    // check_update
	askOffer                    // request_update
)

// channel is a joined topic.
type channel struct {
	topic   string // as it was joined
	joinRef string
	ext     []extension // of the extensions channel: what may be attached
}

// extension is one that the device and the hub have agreed on.
type extension struct {
	name     string
	version  string
	attached bool
	tokens   *rate.Limiter // nil: its messages are not limited
}

func newSession(r *rules, dev *state) *session { return &session{rules: r, dev: dev} }

// take returns the messages and the asks of the last step.
func (s *session) take() ([]protocol.Message, asks) {
	out, a := s.out, s.asks
	s.out, s.asks = nil, 0
	return out, a
}

// receive handles one message of the device.
func (s *session) receive(now time.Time, m protocol.Message) {
	ch := s.channel(m.Topic)
	switch {
	case m.Topic == protocol.TopicPhoenix && m.Event == protocol.EventHeartbeat:
		s.reply(protocol.Message{Ref: m.Ref, Topic: m.Topic}, true, emptyObject)
	case m.Event == protocol.EventJoin:
		s.join(now, ch, m)
	case ch == nil && m.Event == protocol.EventLeave:
		s.reply(m, true, emptyObject)
	case ch == nil:
		s.unmatched(m)
	case m.Event == protocol.EventLeave:
		if m.JoinRef == ch.joinRef { // otherwise the device has raced a close that it has been told of
			s.leave(ch, m)
		}
	case m.JoinRef == "" && s.rules.dropNullJoinRef, m.JoinRef != "" && m.JoinRef != ch.joinRef:
	default:
		s.handle(now, ch, m)
	}
}

// isDevice reports whether a topic is the device channel. NervesHub rewrites "device" to
// "device:<id>"; it takes any other "device:..." for one too, and sends "device" to the device.
func isDevice(topic string) bool {
	return topic == topicDevice || strings.HasPrefix(topic, topicDevice+":")
}

func outward(topic string) string {
	if isDevice(topic) {
		return topicDevice
	}
	return topic
}

func (s *session) join(now time.Time, old *channel, m protocol.Message) {
	if !isDevice(m.Topic) && m.Topic != topicConsole && m.Topic != topicExtensions {
		s.unmatched(m)
		return
	}
	if old != nil {
		s.drop(old)
	}
	if len(s.channels) >= maxChannels {
		s.reply(m, false, jsontext.Value(`{"reason":"too many channels joined"}`))
		s.closed(old)
		return
	}
	ch := &channel{topic: m.Topic, joinRef: m.JoinRef}
	response, ok := s.admit(now, ch, m)
	s.reply(m, ok, response)
	s.closed(old) // Phoenix: the answer to a join overtakes the close of the channel that it replaces
	if !ok {
		return
	}
	s.channels = append(s.channels, ch)
	if isDevice(ch.topic) {
		s.welcome(now, ch)
	}
}

// admit decides about a join and returns the response.
func (s *session) admit(now time.Time, ch *channel, m protocol.Message) (jsontext.Value, bool) {
	if refusal, ok := s.dev.refusal(outward(ch.topic)); ok {
		return refusal, false
	}
	switch {
	case m.Binary || m.Payload.Kind() != '{':
		return joinCrashed, false
	case isDevice(ch.topic):
		params, ok := parseJoin(m.Payload)
		if !ok {
			return joinCrashed, false
		}
		s.dev.joined(now, s.rules, params)
		s.asks |= askRollout
		return emptyObject, true
	case ch.topic == topicExtensions:
		return s.negotiate(ch, m.Payload)
	default:
		return emptyObject, true
	}
}

func (s *session) leave(ch *channel, m protocol.Message) {
	s.drop(ch)
	s.reply(m, true, emptyObject)
	s.closed(ch)
}

// crash ends a channel as its process dies: phx_error, whose ref is the join_ref. The socket stays.
func (s *session) crash(ch *channel) {
	s.drop(ch)
	payload := emptyObject
	if s.rules.crashReason {
		payload = channelCrash
	}
	s.dev.crashes++
	s.send(protocol.Message{
		JoinRef: ch.joinRef, Ref: ch.joinRef, Topic: ch.topic,
		Event: protocol.EventError, Payload: payload,
	})
}

func (s *session) drop(ch *channel) {
	s.channels = slices.DeleteFunc(s.channels, func(c *channel) bool { return c == ch })
	if isDevice(ch.topic) {
		s.dev.left()
	}
}

// end ends all channels with the socket.
func (s *session) end() {
	for len(s.channels) > 0 {
		s.drop(s.channels[0])
	}
}

func (s *session) handle(now time.Time, ch *channel, m protocol.Message) {
	switch {
	case isDevice(ch.topic):
		s.handleDevice(now, ch, m)
	case ch.topic == topicExtensions:
		s.handleExtensions(now, ch, m)
	default:
		s.handleConsole(ch, m)
	}
}

var (
	emptyObject  = jsontext.Value(`{}`)
	joinCrashed  = jsontext.Value(`{"reason":"join crashed"}`)
	channelCrash = jsontext.Value(`{"reason":"channel_crash"}`)
)
