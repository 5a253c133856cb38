package client

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/internal/message"
)

func TestBacklogKeepsWhatIsWaitedFor(t *testing.T) {
	var b backlog
	require.False(t, b.put(message.Decide{}))
	for range maxWaiting - 1 {
		require.False(t, b.put(message.TellIdentify{}))
	}
	require.True(t, b.put(message.DoReboot{}), "a fact makes room")
	require.Len(t, b.waiting, maxWaiting)
	msg, ok := b.next()
	require.True(t, ok)
	require.Equal(t, message.Decide{}, msg, "the updater waits for it")
	require.Equal(t, message.DoReboot{}, b.waiting[len(b.waiting)-1])
}

func TestBacklogKeepsTheNewestProgress(t *testing.T) {
	var b backlog
	b.put(message.TellProgress{Percent: 1})
	b.put(message.TellConnected{})
	b.put(message.TellProgress{Percent: 2})
	require.Equal(t, []any{message.TellProgress{Percent: 2}, message.TellConnected{}}, b.waiting)
}

func TestBacklogRunsOneAtATime(t *testing.T) {
	var b backlog
	start := time.Unix(0, 0)
	b.put(message.TellConnected{})
	b.put(message.TellDisconnected{})
	_, ok := b.next()
	require.True(t, ok)
	first := b.begin(start.Add(time.Second))
	_, ok = b.next()
	require.False(t, ok, "a callback runs")
	b.expire(start)
	_, ok = b.next()
	require.False(t, ok, "its time is not over")
	b.expire(b.deadline())
	_, ok = b.next()
	require.True(t, ok)
	second := b.begin(start.Add(3 * time.Second))
	b.end(first)
	require.False(t, b.deadline().IsZero(), "the end of one that was given up does not count")
	b.end(second)
	require.True(t, b.deadline().IsZero())
	require.Nil(t, b.waiting, "an empty backlog keeps no memory")
}
