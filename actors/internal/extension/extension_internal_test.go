package extension

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/extensions"
)

func TestQueue(t *testing.T) {
	var q eventQueue
	for i := range backlog {
		require.True(t, q.add(extensions.Event{Kind: extensions.Message, Name: strconv.Itoa(i)}))
	}
	require.False(t, q.add(extensions.Event{Kind: extensions.Message}), "full")
	require.True(t, q.add(extensions.Event{Kind: extensions.Tick, Name: "a"}), "ticks always fit")
	require.True(t, q.add(extensions.Event{Kind: extensions.Tick, Name: "a"}), "merged")
	require.True(t, q.add(extensions.Event{Kind: extensions.Detached}), "so do attachments")
	require.Len(t, q.list, backlog+2)
	first, ok := q.take()
	require.True(t, ok)
	require.Equal(t, "0", first.Name)
	require.True(t, q.add(extensions.Event{Kind: extensions.Message}), "there is room again")
	for range backlog + 2 {
		_, ok = q.take()
		require.True(t, ok)
	}
	_, ok = q.take()
	require.False(t, ok)
	require.Equal(t, eventQueue{}, q, "an empty queue keeps no memory")
}

func TestWindow(t *testing.T) {
	var w pushWindow
	require.ErrorIs(t, w.take(1), extensions.ErrDetached, "closed at first")
	w.open()
	require.NoError(t, w.take(2*windowBytes), "one push always fits")
	require.ErrorIs(t, w.take(1), extensions.ErrBusy)
	w.sent(2 * windowBytes)
	for range windowPushes {
		require.NoError(t, w.take(1))
	}
	require.ErrorIs(t, w.take(1), extensions.ErrBusy)
	w.open()
	require.NoError(t, w.take(1), "an attach empties it")
	for range 100 {
		w.sent(1) // of pushes before the attach
	}
	for range windowPushes {
		require.NoError(t, w.take(1))
	}
	require.ErrorIs(t, w.take(1), extensions.ErrBusy, "they give no more room than there is")

	waited := make(chan error)
	go func() { waited <- w.wait(t.Context(), 1) }()
	w.sent(1)
	require.NoError(t, <-waited)
	go func() { waited <- w.wait(t.Context(), 1) }()
	w.close()
	require.ErrorIs(t, <-waited, extensions.ErrDetached)
}

func TestIntensityFollowsTheDeadline(t *testing.T) {
	for deadline, within := range map[time.Duration]time.Duration{
		0: 30 * time.Second, time.Second: 30 * time.Second, time.Minute: 185 * time.Second,
	} {
		require.Equal(t, within, intensity(&extensions.Factory{Deadline: deadline}).Within)
	}
}
