package message

// Topic numbers the channels that a device can join.
type Topic uint8

// The topics of a device, in the order in which they are joined.
const (
	TopicDevice Topic = iota
	TopicExtensions
	Topics // how many there are
)

// Name returns the topic as the hub knows it; empty for a number that is no topic.
func (t Topic) Name() string {
	switch t {
	case TopicDevice:
		return "device"
	case TopicExtensions:
		return "extensions"
	default:
		return ""
	}
}

// TopicOf returns the topic that has the name.
func TopicOf(name string) (Topic, bool) {
	for t := range Topics {
		if t.Name() == name {
			return t, true
		}
	}
	return 0, false
}
