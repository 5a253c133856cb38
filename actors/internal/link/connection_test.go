package link_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/internal/actortest"
	"github.com/hublink-go/hublink/actors/internal/board"
	"github.com/hublink-go/hublink/actors/internal/link"
	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/actors/internal/resend"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/supervisor"
)

// alone is connection among peers, and the hub's end of its sockets.
type alone struct {
	*actortest.World
	ref    supervisor.Ref
	mu     sync.Mutex // of the fields below
	door   link.Door
	board  board.Board
	events []string
	dialed []string // URLs
	dial   func() error
	hub    transport.Conn
}

func (a *alone) SocketLost(error) { a.note("lost") }

func (a *alone) note(event string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, event)
}

// urls returns what was dialled.
func (a *alone) urls() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.dialed
}

// happened returns the events.
func (a *alone) happened() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.events
}

func (a *alone) ConnectFailed(err error, _ string) { a.note(err.Error()) }

// Dial implements transport.Dialer.
func (a *alone) Dial(_ context.Context, r transport.Request) (transport.Conn, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.dialed = append(a.dialed, r.URL.String())
	if a.dial != nil {
		if err := a.dial(); err != nil {
			return nil, err
		}
	}
	conn, hub := transport.Pipe(transport.PipeOptions{})
	a.hub = hub
	return conn, nil
}

func connectionAlone(t *testing.T, change, test func(*alone)) {
	actortest.Run(t, func(w *actortest.World) {
		a := &alone{World: w}
		clock := &link.Clock{}
		clock.Start(time.Time{})
		urls := []*url.URL{{Scheme: "wss", Host: "a"}, {Scheme: "wss", Host: "b"}}
		a.door = link.Door{
			Hub:  &link.Hub{Dialer: a, Clock: clock},
			URLs: urls, Board: &a.board, Events: a, Rand: w.Rand, Log: w.Log,
		}
		a.door.Topics[message.TopicDevice] = w.Peer("device")
		if change != nil {
			change(a)
		}
		a.ref = w.Start("connection", func(h supervisor.Heir) supervisor.Behavior {
			return link.New(&a.door, h)
		})
		defer func() {
			if a.hub != nil {
				_ = a.hub.Abort()
			}
		}()
		test(a)
	})
}

// read returns what the hub's end has got.
func (a *alone) read() string {
	a.T.Helper()
	var got string
	go func() {
		_, data, err := a.hub.ReadMessage(nil)
		if err != nil {
			got = err.Error()
			return
		}
		got = string(data)
	}()
	synctest.Wait()
	return got
}

func TestConnectionAloneCarriesMessages(t *testing.T) {
	connectionAlone(t, nil, func(a *alone) {
		require.Equal(t, []string{"wss://a?vsn=2.0.0"}, a.urls())
		a.Require("device", message.LinkState{Gen: 1, Up: true})

		item := resend.Item{Tag: 1, Msg: protocol.Message{Topic: "device", Event: "phx_join"}}
		transmit := message.Transmit{Topic: message.TopicDevice, Item: item}
		require.NoError(t, a.ref.Send(transmit))
		require.NoError(t, a.ref.Send(transmit))
		require.Equal(t, `["1","1","device","phx_join",{}]`, a.read())
		a.Require("device", message.Sent{Tag: 1, Ref: "1"})

		require.NoError(t, a.hub.WriteMessage(transport.Text, []byte(`[null,null,"device","ping",{}]`)))
		a.Settle(0)
		got := a.Sent("device")
		require.Len(t, got, 1, "the second Transmit was refused")
		require.Equal(t, "ping", got[0].(message.Delivered).Msg.Event)

		require.NoError(t, a.hub.Abort())
		a.Settle(0)
		a.Require("device", message.LinkState{Gen: 1, Tag: 1})
		require.Equal(t, "lost", a.happened()[0])
	})
}

// A dial that fails moves on to the next URL; the wait and its reason are shown.
func TestConnectionAloneTriesTheNextURL(t *testing.T) {
	failed := errors.New("no route")
	connectionAlone(t, func(a *alone) { a.dial = func() error { return failed } }, func(a *alone) {
		require.Equal(t, "no route", a.board.Read().Problem)
		require.Equal(t, board.Disconnected, a.board.Read().Connection)
		a.mu.Lock()
		a.dial = nil
		a.mu.Unlock()
		a.Settle(10 * time.Second)
		require.Equal(t, []string{"wss://a?vsn=2.0.0", "wss://b?vsn=2.0.0"}, a.urls())
		require.Equal(t, []string{"no route"}, a.happened())
	})
}

// A hub that refuses MessagePack is asked for JSON in the same attempt.
func TestConnectionAloneFallsBackToJSON(t *testing.T) {
	connectionAlone(t, func(a *alone) {
		a.door.MessagePack = true
		a.dial = func() error {
			a.dial = nil
			return &transport.RefusedError{Status: http.StatusForbidden}
		}
	}, func(a *alone) {
		require.Equal(t, []string{"wss://a?vsn=3.0.0", "wss://a?vsn=2.0.0"}, a.urls())
		require.Equal(t, "json", a.board.Read().Serializer)
	})
}

// A crash while the first dial waits for the network probes anew.
func TestConnectionAloneWaitsForTheNetwork(t *testing.T) {
	probes := 0
	connectionAlone(t, func(a *alone) {
		a.door.Hub.Network = func(context.Context, *url.URL) error {
			if probes++; probes <= 4 { // two probes of two URLs
				return io.ErrNoProgress
			}
			return nil
		}
	}, func(a *alone) {
		require.Empty(t, a.urls())
		require.Contains(t, a.board.Read().Problem, "waiting for the network")
		a.Settle(time.Second)
		require.Empty(t, a.urls())
		a.Settle(time.Second)
		require.Len(t, a.urls(), 1)
		require.Empty(t, a.board.Read().Problem)
	})
}
