package actors_test

import (
	"context"
	"fmt"
	"time"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/ramdev"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

// A client of the embedder's own puts updates off while the machine is busy, and blinks when the
// hub asks for it.
func Example_client() {
	hub, err := hubtest.Start(hubtest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer hub.Close()

	secret := hub.Secret("press-7")
	slots := ramdev.New(running, 8<<20)
	blinked := make(chan struct{}, 1)
	dev, err := actors.New(actors.Config{
		Identity: "press-7",
		Hub:      actors.Hub{URL: hub.URL(), Secret: &secret},
		Firmware: actors.Firmware{Slots: slots, Applier: slots, Journal: slots},
		Client: actors.Client{
			UpdateAvailable: func(_ context.Context, o firmware.Offer) firmware.Decision {
				return firmware.Reschedule(15*time.Minute, o.Version()+" has to wait: a batch is running")
			},
			Identify: func(context.Context) { blinked <- struct{}{} },
			Deadline: 5 * time.Second, // of each callback; then the default applies
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- dev.Run(ctx) }()

	fw, err := hub.Firmware().Add(hubtest.Metadata{
		UUID: "22222222-2222-5222-8222-222222222222", Product: "press", Platform: "ram",
		Architecture: "generic", Version: "1.1.0",
	}, hubtest.Generated(1, 1<<20))
	if err != nil {
		fmt.Println(err)
		return
	}
	seen := hub.Device("press-7")
	fmt.Println(seen.WaitJoined(ctx))
	fmt.Println(seen.Update().Offer(fw)) // pushed by hand
	fmt.Println(seen.Update().WaitStatus(ctx, "rescheduled"))
	fmt.Println(seen.Identify())
	<-blinked
	cancel()
	fmt.Println(<-ended)
	// Output:
	// <nil>
	// <nil>
	// <nil>
	// <nil>
	// <nil>
}
