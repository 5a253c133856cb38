// Package actortest runs one actor alone, among peers that only keep what they are sent.
//
// [Run] makes a [World] under virtual time. Peer makes the refs for the actor's door, Start starts
// the actor, and Sent returns what a peer has got:
//
//	actortest.Run(t, func(w *actortest.World) {
//		door := client.Door{Updater: w.Peer("updater"), Log: w.Log}
//		ref := w.Start("client", func(supervisor.Heir) supervisor.Behavior { return client.New(&door) })
//		w.Tell(ref, message.Decide{})
//		w.Require("updater", message.Decided{Decision: firmware.Apply()})
//	})
package actortest

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/internal/branch"
	"github.com/hublink-go/hublink/supervisor"
)

// World is a supervision system with peers. It belongs to one test.
type World struct {
	T   *testing.T
	Sys *supervisor.System

	mu   sync.Mutex
	sent map[string][]any
	log  zerolog.Logger
}

// Run calls test with a World in a bubble of virtual time and shuts it down afterwards.
func Run(t *testing.T, test func(w *World)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sys, err := supervisor.NewSystem(supervisor.Options{Name: "test"})
		require.NoError(t, err)
		w := &World{T: t, Sys: sys, sent: map[string][]any{}, log: zerolog.Nop()}
		t.Cleanup(func() {
			report, err := sys.Shutdown(context.Background())
			require.NoError(t, err)
			require.NoError(t, report.Err())
		})
		test(w)
	})
}

// Peer starts an actor that keeps its messages and returns its ref.
func (w *World) Peer(name string) supervisor.Ref {
	return w.Start(name, func(supervisor.Heir) supervisor.Behavior { return &peer{w: w, name: name} })
}

// Start starts an actor below a supervisor of its own and returns its ref.
func (w *World) Start(name string, fresh func(supervisor.Heir) supervisor.Behavior) supervisor.Ref {
	w.T.Helper()
	_, err := w.Sys.Start(context.Background(), supervisor.Spec{
		Name: name, Children: []supervisor.ChildSpec{{ID: "actor", New: fresh}},
	})
	require.NoError(w.T, err)
	w.Settle(0)
	return w.Sys.Ref(name + "/actor")
}

// Branch starts a dynamic supervisor.
func (w *World) Branch(name string) branch.Branch {
	w.T.Helper()
	_, err := w.Sys.Start(context.Background(),
		supervisor.Spec{Name: name, Strategy: supervisor.Dynamic})
	require.NoError(w.T, err)
	return branch.Branch{Sys: w.Sys, Path: name}
}

// Tell sends messages and waits until all actors are idle.
func (w *World) Tell(ref supervisor.Ref, msgs ...any) {
	w.T.Helper()
	for _, m := range msgs {
		require.NoError(w.T, ref.Send(m))
	}
	w.Settle(0)
}

// Settle lets virtual time pass and waits until all actors are idle.
func (w *World) Settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// Sent returns what the peer has got since the last call.
func (w *World) Sent(peer string) []any {
	w.mu.Lock()
	defer w.mu.Unlock()
	got := w.sent[peer]
	delete(w.sent, peer)
	return slices.Clone(got)
}

// Require requires that the peer has got exactly these messages since the last call.
func (w *World) Require(peer string, want ...any) {
	w.T.Helper()
	require.Equal(w.T, want, w.Sent(peer), peer)
}

// Log is the Log of a door: silent.
func (w *World) Log(string) *zerolog.Logger { return &w.log }

// Rand is the Rand of a door: the same for every test.
func (w *World) Rand(stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(1, stream)) //nolint:gosec // a test that can be repeated
}

// peer keeps its messages.
type peer struct {
	w    *World
	name string
}

func (*peer) Init(*supervisor.Ctx) error { return nil }

func (p *peer) Receive(_ *supervisor.Ctx, msg any) error {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.w.sent[p.name] = append(p.w.sent[p.name], msg)
	return nil
}

func (*peer) Terminate(*supervisor.Ctx, error) {}
