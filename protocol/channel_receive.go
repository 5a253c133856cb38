package protocol

import "time"

// received handles a message of the topic. A message with another join_ref belongs to an older
// join. A message without a join_ref is a broadcast of the hub (Phoenix fastlane) and belongs to
// the current join.
func (c *Channel) received(now time.Time, m Message, out []ChannelEffect) []ChannelEffect {
	if m.Event == EventReply {
		return c.replied(now, m, out)
	}
	if c.joinRef == "" || !c.ours(m) {
		return append(out, ChannelEffect{Kind: DoStale, Msg: m})
	}
	switch c.state {
	case Joined:
		return c.heard(now, m, out)
	case Joining:
		if m.Event == EventError || m.Event == EventClose {
			return c.failed(now, lossOf(m), nil, out)
		}
	case Leaving:
		if m.Event == EventError || m.Event == EventClose {
			return c.left(out)
		}
	default:
	}
	return append(out, ChannelEffect{Kind: DoStale, Msg: m})
}

// ours reports whether m may belong to the current join. Phoenix sends phx_close and phx_error with
// the ref of the join, so the ref identifies the join where the join_ref is missing.
func (c *Channel) ours(m Message) bool {
	if m.JoinRef != "" {
		return m.JoinRef == c.joinRef
	}
	return m.Ref == "" || m.Ref == c.joinRef || m.Event != EventError && m.Event != EventClose
}

func (c *Channel) heard(now time.Time, m Message, out []ChannelEffect) []ChannelEffect {
	if m.Event == EventError || m.Event == EventClose {
		return c.failed(now, lossOf(m), nil, out)
	}
	return append(out, ChannelEffect{Kind: DoEvent, Msg: m})
}

func lossOf(m Message) error {
	if m.Event == EventError {
		return ErrChannelCrashed
	}
	return ErrChannelClosed
}

// replied matches a reply with its join, leave or push.
func (c *Channel) replied(now time.Time, m Message, out []ChannelEffect) []ChannelEffect {
	switch {
	case m.Ref == "" || m.JoinRef != "" && m.JoinRef != c.joinRef:
	case c.state == Joining && m.Ref == c.joinRef:
		return c.joinReplied(now, m, out)
	case c.state == Leaving && m.Ref == c.leaveRef:
		return c.left(out)
	case c.state == Joined && disowned(m):
		return c.failed(now, ErrChannelClosed, nil, out)
	case c.state == Joined:
		if p, ok := c.pushes.take(m.Ref); ok {
			return c.pushReplied(p, m, out)
		}
	}
	return append(out, ChannelEffect{Kind: DoStale, Msg: m})
}

// disowned reports whether the hub no longer knows the join: Phoenix answers a push to a topic that
// is not joined with "unmatched topic" and without a join_ref.
func disowned(m Message) bool {
	if m.JoinRef != "" {
		return false
	}
	r := ParseReply(m)
	return !r.OK && reasonOf(r.Response) == reasonUnmatched
}

func (c *Channel) joinReplied(now time.Time, m Message, out []ChannelEffect) []ChannelEffect {
	r := ParseReply(m)
	if !r.OK {
		refusal := &JoinError{Topic: c.cfg.Topic, Reason: reasonOf(r.Response)}
		c.final = c.cfg.UnmatchedIsFinal && refusal.Unmatched()
		return c.failed(now, refusal, r.Response, out)
	}
	c.state, c.due, c.joined, c.awaited = Joined, time.Time{}, now, 0
	m.Payload = r.Response
	return append(out, ChannelEffect{Kind: DoJoined, Msg: m})
}

func (c *Channel) pushReplied(p pendingPush, m Message, out []ChannelEffect) []ChannelEffect {
	r := ParseReply(m)
	m.Payload = r.Response
	e := ChannelEffect{Kind: DoReply, Msg: m, Tag: p.tag, OK: r.OK}
	if !r.OK {
		e.Cause = &ReplyError{Topic: c.cfg.Topic, Reason: reasonOf(r.Response)}
	}
	return append(out, e)
}
