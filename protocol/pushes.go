package protocol

import "time"

// pushesMax bounds the pushes that wait for a reply. The next one makes the oldest time out. The
// number is a decision.
const pushesMax = 64

// pendingPush is a push that waits for its reply.
type pendingPush struct {
	sent uint64 // tag of the transmission
	tag  uint64 // the pusher's
	ref  string // "" until it was sent
	due  time.Time
}

// pushes are the pushes that wait for a reply, oldest first.
type pushes struct {
	now  time.Time // of the last step
	list []pendingPush
}

func (p *pushes) add(push pendingPush, out []ChannelEffect) []ChannelEffect {
	if len(p.list) == pushesMax {
		out = append(out, ChannelEffect{Kind: DoPushTimeout, Tag: p.list[0].tag})
		p.remove(0)
	}
	p.list = append(p.list, push)
	return out
}

func (p *pushes) sent(transmission uint64, ref string) {
	for i := range p.list {
		if p.list[i].sent == transmission {
			p.list[i].ref = ref
			return
		}
	}
}

func (p *pushes) take(ref string) (pendingPush, bool) {
	for i, push := range p.list {
		if push.ref == ref {
			p.remove(i)
			return push, true
		}
	}
	return pendingPush{}, false
}

func (p *pushes) remove(i int) {
	p.list = append(p.list[:i], p.list[i+1:]...)
}

func (p *pushes) deadline() (time.Time, bool) {
	if len(p.list) == 0 {
		return time.Time{}, false
	}
	return p.list[0].due, true
}

func (p *pushes) expire(now time.Time, out []ChannelEffect) []ChannelEffect {
	for len(p.list) > 0 && !now.Before(p.list[0].due) {
		out = append(out, ChannelEffect{Kind: DoPushTimeout, Tag: p.list[0].tag})
		p.remove(0)
	}
	return out
}

// flush times all pushes out.
func (p *pushes) flush(out []ChannelEffect) []ChannelEffect {
	for _, push := range p.list {
		out = append(out, ChannelEffect{Kind: DoPushTimeout, Tag: push.tag})
	}
	p.list = nil
	return out
}

func (p *pushes) moveBack(by time.Duration) {
	for i := range p.list {
		p.list[i].due = earlier(p.list[i].due, by)
	}
}
