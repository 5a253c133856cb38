package hubtest

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Channel acts on one channel of one device; see [Device.Channel].
type Channel struct {
	dev   *Device
	topic string
}

// Push sends an event to the device. payload is anything that can be written as JSON; nil means {}.
func (c Channel) Push(event string, payload any) error {
	value := emptyObject
	if payload != nil {
		var err error
		if value, err = json.Marshal(payload, json.Deterministic(true)); err != nil {
			return fmt.Errorf("push %s to device %s: %w", event, c.dev.id, err)
		}
	}
	return c.dev.step(func(s *session) bool {
		if c.topic == topicDevice {
			return s.broadcast(c.topic, event, value)
		}
		return s.push(c.topic, event, value)
	})
}

// Crash kills the channel as an exception on the hub does: the device gets phx_error, its socket
// stays.
func (c Channel) Crash() error {
	return c.dev.step(func(s *session) bool {
		ch := s.channel(c.topic)
		if ch != nil {
			s.crash(ch)
		}
		return ch != nil
	})
}

// Close ends the channel in order, as its process on the hub does when it stops: the device gets
// phx_close, its socket stays.
func (c Channel) Close() error {
	return c.dev.step(func(s *session) bool {
		ch := s.channel(c.topic)
		if ch != nil {
			s.drop(ch)
			s.closed(ch)
		}
		return ch != nil
	})
}

// RefuseJoins answers the next joins of the channel with an error, the real hub's for an empty
// response. Zero times takes back what is left.
func (c Channel) RefuseJoins(times int, response jsontext.Value) {
	if len(response) == 0 {
		response = jsontext.Value(`{"error":"could not connect"}`)
	}
	c.dev.mu.Lock()
	defer c.dev.mu.Unlock()
	s := &c.dev.state
	s.refusals = slices.DeleteFunc(s.refusals, func(r refusal) bool {
		return r.times <= 0 || times == 0 && r.topic == c.topic
	})
	if times > 0 {
		s.refusals = append(s.refusals, refusal{topic: c.topic, times: times, response: response})
	}
}
