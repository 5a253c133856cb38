// Package branch starts and stops actors under a dynamic supervisor of the device.
//
// A [Branch] knows where its supervisor lives: Start and Stop name a child, Ref resolves to it. The
// supervisor of a branch with a Parent is started when it is needed first.
package branch

import (
	"context"
	"errors"
	"fmt"

	"github.com/hublink-go/hublink/supervisor"
)

// Branch is the place of a dynamic supervisor in the tree. The supervisor itself may be restarted
// at any time.
type Branch struct {
	Sys    *supervisor.System
	Path   string
	Parent string // path of the supervisor that starts this one on demand; empty: it stands
}

// Ref returns the ref of what lives at rel below the branch.
func (b Branch) Ref(rel string) supervisor.Ref { return b.Sys.Ref(b.Path + "/" + rel) }

// Start starts a child and returns supervisor.ErrAlreadyStarted when one with its ID runs.
func (b Branch) Start(ctx context.Context, spec supervisor.ChildSpec) error {
	sup, err := b.open(ctx)
	if err != nil {
		return fmt.Errorf("start %s: %w", spec.ID, err)
	}
	_, err = sup.StartChild(ctx, spec)
	return err
}

// open returns the supervisor of the branch. One that it starts is temporary: a parent that stops
// it together with its siblings forgets it, and the next Start begins anew.
func (b Branch) open(ctx context.Context) (*supervisor.Supervisor, error) {
	if sup, ok := b.Sys.Supervisor(b.Path); ok {
		return sup, nil
	}
	parent, ok := b.Sys.Supervisor(b.Parent)
	if !ok {
		return nil, errNotRunning
	}
	id := b.Path[len(b.Parent)+1:]
	_, err := parent.StartChild(ctx, supervisor.ChildSpec{
		ID: id, Restart: supervisor.Temporary,
		Supervisor: &supervisor.Spec{Name: id, Strategy: supervisor.Dynamic},
	})
	if sup, ok := b.Sys.Supervisor(b.Path); ok { // started now, or meanwhile by another caller
		return sup, nil
	}
	return nil, errors.Join(errNotRunning, err)
}

var errNotRunning = errors.New("its supervisor is not running")

// Stop stops a child; one that does not run is no error.
func (b Branch) Stop(ctx context.Context, id string) {
	if sup, ok := b.Sys.Supervisor(b.Path); ok {
		_ = sup.TerminateChild(ctx, id)
	}
}
