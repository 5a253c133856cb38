package actors_test

import (
	"context"
	"fmt"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/extensions"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

// location is an extension of the embedder's own: it answers the hub's question where the device
// stands.
type location struct {
	host                extensions.Host
	latitude, longitude float64
}

func (l *location) Handle(e extensions.Event) error {
	if e.Kind != extensions.Message || e.Name != "location:request" {
		return nil // not for us, or from a hub that is newer than we are
	}
	return l.host.Push("location:update", map[string]any{
		"latitude": l.latitude, "longitude": l.longitude, "source": "configured",
	})
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

	secret := hub.Secret("press-7")
	slots := newRAMSlots(running)
	dev, err := actors.New(actors.Config{
		Identity: "press-7",
		Hub:      actors.Hub{URL: hub.URL(), Secret: &secret},
		Firmware: actors.Firmware{Slots: slots, Applier: slots, Journal: &ramJournal{}},
		Extensions: []extensions.Factory{{
			Name:     "geo",
			Versions: []string{"0.0.1"},
			New: func(host extensions.Host) (extensions.Extension, error) {
				return &location{host: host, latitude: 47.6, longitude: 9.2}, nil
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
	// {"latitude":47.6,"longitude":9.2,"source":"configured"}
	// <nil>
}
