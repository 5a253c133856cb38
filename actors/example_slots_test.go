package actors_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/ramdev"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

// vendorLoader is a boot record of the embedder's own around a firmware.Slots, here the one of a
// device in memory: it tells the vendor's boot loader of each flip. firmware.Slots and
// firmware.Applier are all that the agent needs of a flash that it knows nothing of;
// firmwaretest.TestSlots and firmwaretest.TestApplier are their contracts as tests.
type vendorLoader struct {
	*ramdev.Device
	told []string
}

func (l *vendorLoader) Flip(ctx context.Context, t firmware.Target) error {
	if err := l.Device.Flip(ctx, t); err != nil {
		return err
	}
	l.told = append(l.told, "boot "+t.Meta["version"])
	return nil
}

// A device with slots of the embedder's own takes an update: the new firmware is in the other slot
// when Run returns.
func Example_slots() {
	hub, err := hubtest.Start(hubtest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer hub.Close()

	slots := &vendorLoader{Device: ramdev.New(running, 8<<20)}
	secret := hub.Secret("press-7")
	dev, err := actors.New(actors.Config{
		Identity: "press-7",
		Hub:      actors.Hub{URL: hub.URL(), Secret: &secret},
		Firmware: actors.Firmware{Slots: slots, Applier: slots, Journal: slots},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	fw, err := hub.Firmware().Add(hubtest.Metadata{
		UUID: "22222222-2222-5222-8222-222222222222", Product: "press", Platform: "ram",
		Architecture: "generic", Version: "1.1.0",
	}, hubtest.Generated(1, 3<<20))
	if err != nil {
		fmt.Println(err)
		return
	}
	hub.Rollouts().Start(hubtest.Rollout{Firmware: fw}) // the hub offers it when the device has joined

	err = dev.Run(context.Background())
	fmt.Println(errors.Is(err, actors.ErrReboot), slots.told)
	fmt.Println(slots.Boot(), len(slots.Bytes("b")))
	// Output:
	// true [boot 1.1.0]
	// b 3145728
}

var running = firmware.Metadata{
	"uuid": "11111111-1111-5111-8111-111111111111", "product": "press", "platform": "ram",
	"architecture": "generic", "version": "1.0.0",
}
