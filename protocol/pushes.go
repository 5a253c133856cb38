package protocol

import "time"

// pushesMax bounds the pushes that await a reply; one more, and the oldest counts as unanswered.
const pushesMax = 64

// pendingPush awaits its reply.
type pendingPush struct {
	sent uint64 // our transmission
	tag  uint64 // the pusher's
	ref  string // "" until it has gone out
	due  time.Time
}

// pushes are those that await a reply, oldest first.
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

// flush gives up on all of them.
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
