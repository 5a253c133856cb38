//go:build !(386 || arm || mips || mipsle)

// A given ActorSystem does not work where an int has 32 bits, see supervisor.ErrNarrow.

package actors_test

import (
	"context"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/firmware/ramdev"
	"github.com/hublink-go/hublink/protocol/hubtest"
	"github.com/hublink-go/hublink/supervisor"
)

// A service that has an actor system already runs the device under it. Several devices may share
// one system. On 32-bit platforms it is the other way round: the service's actors live in
// sys.ActorSystem().
func Example_embed() {
	hub, err := hubtest.Start(hubtest.Config{}) // in the field: the real one
	if err != nil {
		fmt.Println(err)
		return
	}
	defer hub.Close()

	service := actor.NewActorSystem() // the service's own
	defer service.Shutdown()
	sys, err := supervisor.NewSystem(supervisor.Options{ActorSystem: service})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	defer func() { _, _ = sys.Shutdown(ctx) }()

	secret := hub.Secret("gateway-0042")
	slots := ramdev.New(running, 8<<20)
	connected := make(chan struct{}, 1)
	dev, err := actors.New(actors.Config{
		Identity: "gateway-0042",
		Hub:      actors.Hub{URL: hub.URL(), Secret: &secret},
		Firmware: actors.Firmware{Slots: slots, Applier: slots, Journal: slots},
		System:   sys,
		OnEvent: func(e actors.Event) {
			if e.Kind == actors.EventConnected {
				connected <- struct{}{}
			}
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := dev.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	<-connected
	fmt.Println(dev.Status().Connection, dev.Status().Firmware["version"])
	fmt.Println(dev.Stop(ctx), dev.Wait())
	// Output:
	// connected 1.0.0
	// <nil> <nil>
}
