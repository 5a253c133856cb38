// Package branch starts and stops actors under a dynamic supervisor of the device.
//
// A [Branch] knows where its supervisor lives: Start and Stop name a child, Ref resolves to it.
package branch

import (
	"context"
	"fmt"

	"github.com/hublink-go/hublink/supervisor"
)

// Branch is the place of a dynamic supervisor in the tree. The supervisor itself may be restarted
// at any time.
type Branch struct {
	Sys  *supervisor.System
	Path string
}

// Ref returns the ref of what lives at rel below the branch.
func (b Branch) Ref(rel string) supervisor.Ref { return b.Sys.Ref(b.Path + "/" + rel) }

// Start starts a child and returns supervisor.ErrAlreadyStarted when one with its ID runs.
func (b Branch) Start(ctx context.Context, spec supervisor.ChildSpec) error {
	sup, ok := b.Sys.Supervisor(b.Path)
	if !ok {
		return fmt.Errorf("start %s: its supervisor is not running", spec.ID)
	}
	_, err := sup.StartChild(ctx, spec)
	return err
}

// Stop stops a child; one that does not run is no error.
func (b Branch) Stop(ctx context.Context, id string) {
	if sup, ok := b.Sys.Supervisor(b.Path); ok {
		_ = sup.TerminateChild(ctx, id)
	}
}
