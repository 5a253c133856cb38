package actors_test

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/extensions"
	"github.com/hublink-go/hublink/firmware/ramdev"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

// location is an extension of the embedder's own: it answers the hub's question where the device
// stands, with what its goroutine has read last.
type location struct {
	host extensions.Host
	mu   sync.Mutex
	last map[string]any
}

// watch reads positions until the incarnation ends. Its panic or error would start the extension
// fresh.
func (l *location) watch(ctx context.Context, positions <-chan [2]float64) error {
	for {
		select {
		case p := <-positions:
			l.mu.Lock()
			l.last = map[string]any{"latitude": p[0], "longitude": p[1], "source": "gps"}
			l.mu.Unlock()
			l.host.Timer("moved", 0)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *location) Handle(e extensions.Event) error {
	asked := e.Kind == extensions.Message && e.Name == "location:request"
	if !asked && e.Kind != extensions.Tick {
		return nil // attached, detached, or a message of a hub that is newer than this code
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == nil {
		return nil
	}
	err := l.host.Push("location:update", l.last)
	if errors.Is(err, extensions.ErrDetached) || errors.Is(err, extensions.ErrBusy) {
		return nil // the hub asks again
	}
	return err
}

// An extension of the embedder's own is one more supervised actor: if it crashes, it starts fresh,
// and nothing else notices.
func Example_extension() {
	hub, err := hubtest.Start(hubtest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer hub.Close()

	positions := make(chan [2]float64, 1)
	positions <- [2]float64{47.6, 9.2}
	secret := hub.Secret("press-7")
	slots := ramdev.New(running, 8<<20)
	dev, err := actors.New(actors.Config{
		Identity: "press-7",
		Hub:      actors.Hub{URL: hub.URL(), Secret: &secret},
		Firmware: actors.Firmware{Slots: slots, Applier: slots, Journal: slots},
		Extensions: []extensions.Factory{{
			Name:     "geo",
			Versions: []string{"0.0.1"},
			New: func(host extensions.Host) (extensions.Extension, error) {
				l := &location{host: host}
				host.Go("watch", func(ctx context.Context) error { return l.watch(ctx, positions) })
				return l, nil
			},
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	if err := dev.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	seen := hub.Device("press-7")
	fmt.Println(seen.Extensions().WaitReport(ctx, "geo:location:update"))
	fmt.Println(string(seen.Extensions().Report("geo:location:update").Last))
	fmt.Println(dev.Stop(ctx))
	// Output:
	// <nil>
	// {"latitude":47.6,"longitude":9.2,"source":"gps"}
	// <nil>
}
