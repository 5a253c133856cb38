package actors_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors"
)

// A client that ends over the reboot, by its own fault or not, must not leave the device on the old
// firmware: the default applies at once.
func TestClientThatDiesOverTheReboot(t *testing.T) {
	for name, change := range map[string]func(*rig){
		"the callback panics": func(r *rig) {
			r.cfg.Client.Reboot = func(context.Context, string) error { panic("the embedder's bug") }
		},
		"the actor crashes": func(r *rig) {
			note := r.cfg.OnEvent
			r.cfg.OnEvent = func(e actors.Event) {
				note(e)
				if e.Kind == actors.EventRebooting {
					r.crash("client") // with the next message, which asks for the reboot
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, change, func(r *rig) {
				offer(r, 1<<20)
				began := time.Now()
				waitReboot(r)
				require.Less(t, time.Since(began), 30*time.Second)
				state, err := r.slots.State(t.Context())
				require.NoError(t, err)
				require.Equal(t, "b", state.Next)
			})
		})
	}
}
