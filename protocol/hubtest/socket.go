package hubtest

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hublink-go/hublink/protocol"
)

// socket is a Phoenix socket: its joined channels, and the messages that the running step has made.
type socket struct {
	channels []*channel
	out      []protocol.Message
}

// channel returns a joined channel, or nil.
func (s *socket) channel(topic string) *channel {
	for _, ch := range s.channels {
		if ch.topic == topic {
			return ch
		}
	}
	return nil
}

// closed tells the device that a channel has ended in order.
func (s *socket) closed(ch *channel) {
	if ch != nil {
		s.send(protocol.Message{
			JoinRef: ch.joinRef, Ref: ch.joinRef, Topic: ch.topic,
			Event: protocol.EventClose, Payload: emptyObject,
		})
	}
}

// broadcast pushes to a channel without a join_ref, as NervesHub does with what comes through its
// publish-subscribe.
func (s *socket) broadcast(topic, event string, payload jsontext.Value) bool {
	if s.channel(topic) == nil {
		return false
	}
	s.send(protocol.Message{Topic: topic, Event: event, Payload: payload})
	return true
}

// push pushes to a channel with its join_ref. False means that the channel is not joined.
func (s *socket) push(topic, event string, payload jsontext.Value) bool {
	ch := s.channel(topic)
	if ch == nil {
		return false
	}
	s.send(protocol.Message{JoinRef: ch.joinRef, Topic: ch.topic, Event: event, Payload: payload})
	return true
}

func (s *socket) unmatched(m protocol.Message) {
	m.JoinRef = ""
	s.reply(m, false, jsontext.Value(`{"reason":"unmatched topic"}`))
}

// reply answers a message.
func (s *socket) reply(to protocol.Message, ok bool, response jsontext.Value) {
	status := "error"
	if ok {
		status = "ok"
	}
	payload := slices.Concat(
		jsontext.Value(`{"response":`), response, jsontext.Value(`,"status":"`+status+`"}`))
	s.send(protocol.Message{
		JoinRef: to.JoinRef, Ref: to.Ref, Topic: to.Topic,
		Event: protocol.EventReply, Payload: payload,
	})
}

func (s *socket) send(m protocol.Message) {
	m.Topic = outward(m.Topic)
	s.out = append(s.out, m)
}
