package update_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/internal/actortest"
	"github.com/hublink-go/hublink/actors/internal/board"
	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/actors/internal/update"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/firmwaretest"
	"github.com/hublink-go/hublink/supervisor"
)

var running = firmware.Metadata{
	"uuid": "u0", "product": "p", "version": "1.0.0", "platform": "x", "architecture": "y",
}

// journal is in memory.
type journal struct{ data []byte }

func (j *journal) Load() ([]byte, error) { return j.data, nil }

func (j *journal) Save(data []byte) error {
	j.data = data
	return nil
}

// alone is updater among peers.
type alone struct {
	*actortest.World
	ref   supervisor.Ref
	slots *firmwaretest.Device
	board board.Board
	notes []firmware.Note
}

func (a *alone) UpdateNoted(note firmware.Note, _, _ string, _ error) {
	a.notes = append(a.notes, note)
}

func updaterAlone(t *testing.T, downloads http.RoundTripper, test func(*alone)) {
	dev := firmwaretest.NewDevice(running, 1<<20)
	updaterWith(t, downloads, dev, dev, func(a *alone) {
		a.slots = dev
		test(a)
	})
}

// updaterWith is updaterAlone with slots and an applier of its own.
func updaterWith(
	t *testing.T, downloads http.RoundTripper, slots firmware.Slots, applier firmware.Applier,
	test func(*alone),
) {
	actortest.Run(t, func(w *actortest.World) {
		a := &alone{World: w}
		transfers := update.Transfers{
			Branch: w.Branch("transfers"),
			Downloads: update.Downloads{
				Client: func() *http.Client { return &http.Client{Transport: downloads} },
			},
			Board: &a.board, Rand: w.Rand, Log: w.Log,
		}
		door := update.Door{
			Machine: firmware.Config{DecideWithin: time.Minute, RebootWithin: time.Minute},
			Slots:   slots, Applier: applier, Journal: &journal{},
			Self: w.Sys.Ref("updater/actor"), Channel: w.Peer("channel"),
			Client:    w.Sys.Ref("client/actor"),
			Transfers: &transfers, Board: &a.board, Events: a, Log: w.Log,
		}
		a.ref = w.Start("updater", func(h supervisor.Heir) supervisor.Behavior {
			return update.New(&door, h)
		})
		test(a)
	})
}

// pushed returns the payloads that went to the channel.
func (a *alone) pushed() (payloads []string) {
	for _, m := range a.Sent("channel") {
		if p, ok := m.(message.Push); ok {
			payloads = append(payloads, string(p.Payload))
		}
	}
	return payloads
}

func (a *alone) offer(data []byte) *firmware.Offer {
	sum := sha256.Sum256(data)
	meta := firmware.Metadata{}
	for k, v := range running {
		meta[k] = v
	}
	meta["uuid"], meta["version"] = "u1", "1.1.0"
	return &firmware.Offer{
		UUID: "u1", Meta: meta, URL: "https://hub.example/fw", Size: int64(len(data)),
		Checksum: hex.EncodeToString(sum[:]),
	}
}

// A client that is being restarted is asked again.
func TestUpdaterAloneAsksTheClientAgain(t *testing.T) {
	updaterAlone(t, nil, func(a *alone) {
		a.Tell(a.ref, message.ChannelUp{}, message.Offered{Offer: a.offer([]byte("new"))})
		a.Settle(3 * time.Second)
		a.Peer("client")
		a.Settle(time.Second)
		require.Len(t, a.Sent("client"), 1)
		a.Settle(10 * time.Second)
		require.Empty(t, a.Sent("client"), "once")
	})
}

func TestUpdaterAloneAsksTheClient(t *testing.T) {
	updaterAlone(t, nil, func(a *alone) {
		a.Peer("client")
		got := a.Sent("channel")
		require.Equal(t, message.AskChannel{}, got[0])
		require.EqualValues(t, running, got[1].(message.JoinParams).Join.Metadata)
		require.Equal(t, "a", a.board.Read().Firmware.Slot)

		a.Tell(a.ref, message.ChannelUp{Validated: true}, message.Offered{Offer: a.offer([]byte("new"))})
		decide, ok := a.Sent("client")[0].(message.Decide)
		require.True(t, ok)
		require.Equal(t, "u1", decide.Offer.UUID)
		a.Sent("channel")
		a.Tell(a.ref, message.Decided{UUID: "u1", Decision: firmware.Ignore("not now")})
		require.Contains(t, a.pushed()[0], "ignored")
		require.Equal(t, []firmware.Note{firmware.NoteOffered, firmware.NoteIgnored}, a.notes)
		require.NotContains(t, a.slots.Calls(), "begin")
	})
}

// A whole update, with the two actors of its transfer: bytes come over HTTP and end in the slot.
func TestUpdaterAloneInstalls(t *testing.T) {
	data := make([]byte, 300<<10)
	for i := range data {
		data[i] = byte(i >> 7)
	}
	served := roundTrip(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) })
	updaterAlone(t, served, func(a *alone) {
		a.Peer("client")
		a.Tell(a.ref, message.ChannelUp{Validated: true}, message.Offered{Offer: a.offer(data)})
		a.Tell(a.ref, message.Decided{UUID: "u1", Decision: firmware.Apply()})
		a.Settle(10 * time.Second)
		require.Equal(t, data, a.slots.Bytes("b")[:len(data)])
		require.Contains(t, a.slots.Calls(), "flip")
		require.EqualValues(t, len(data), a.board.Read().Counters.Downloads)
		require.Contains(t, a.notes, firmware.NoteCompleted)
	})
}

// Every kind of applier takes an update through the two actors of its transfer.
func TestUpdaterAloneInstallsWithEveryKind(t *testing.T) {
	payload := make([]byte, 300<<10)
	for i := range payload {
		payload[i] = byte(i >> 7)
	}
	for _, kind := range firmwaretest.Kinds() {
		t.Run(kind.String(), func(t *testing.T) {
			file := kind.Pack(payload)
			disk := firmwaretest.NewDisk(1)
			dev := firmwaretest.NewBoard(disk, running, 1<<20)
			dev.Serve("https://hub.example/fw", file)
			served := roundTrip(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(file) })
			updaterWith(t, served, dev, dev.Applier(kind), func(a *alone) {
				a.Tell(a.ref, message.ChannelUp{Validated: true}, message.Offered{Offer: a.offer(file)})
				a.Tell(a.ref, message.Decided{UUID: "u1", Decision: firmware.Apply()})
				a.Settle(10 * time.Second)
				require.Contains(t, a.notes, firmware.NoteCompleted, "%v", a.notes)
				boot, err := dev.State(t.Context())
				require.NoError(t, err)
				require.Equal(t, "b", boot.Next)
				require.Equal(t, payload, dev.Bytes("b", len(payload)))
			})
		})
	}
}

// An applier that dies over its flip leaves the answer to the boot record.
func TestUpdaterAloneAsksTheBootRecordAfterAFlip(t *testing.T) {
	for _, happened := range []bool{true, false} {
		file := firmwaretest.Installer.Pack(make([]byte, 100<<10))
		dev := firmwaretest.NewBoard(firmwaretest.NewDisk(1), running, 1<<20)
		served := roundTrip(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(file) })
		dies := &diesOverFlip{Applier: dev.Applier(firmwaretest.Installer), after: happened}
		updaterWith(t, served, dev, dies, func(a *alone) {
			a.Tell(a.ref, message.ChannelUp{Validated: true}, message.Offered{Offer: a.offer(file)})
			a.Tell(a.ref, message.Decided{UUID: "u1", Decision: firmware.Apply()})
			a.Settle(10 * time.Second)
			want := firmware.NoteFailed
			if happened {
				want = firmware.NoteCompleted
			}
			require.Contains(t, a.notes, want, "%v", a.notes)
		})
	}
}

// diesOverFlip is an applier whose flip panics, before or after it has happened.
type diesOverFlip struct {
	firmware.Applier
	after bool
}

func (d *diesOverFlip) Begin(ctx context.Context, t firmware.Target) (firmware.Staging, error) {
	s, err := d.Applier.Begin(ctx, t)
	if err != nil {
		return nil, err
	}
	return &dyingStaging{Staging: s, after: d.after}, nil
}

type dyingStaging struct {
	firmware.Staging
	after bool
}

func (s *dyingStaging) Flip(ctx context.Context) error {
	if s.after {
		if err := s.Staging.(firmware.Flipper).Flip(ctx); err != nil {
			return err
		}
	}
	panic("the installer has crashed")
}

// roundTrip is a server without a network.
type roundTrip http.HandlerFunc

// RoundTrip implements http.RoundTripper.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	f(w, r)
	return w.Result(), nil
}
