package branch_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/internal/branch"
	"github.com/hublink-go/hublink/supervisor"
	"github.com/hublink-go/hublink/supervisor/supervisortest"
)

// The supervisor of a branch starts with its first child, goes with a restart of its siblings, and
// comes again when it is needed.
func TestBranchStartsOnDemand(t *testing.T) {
	ctx := context.Background()
	sys, err := supervisor.NewSystem(supervisor.Options{Name: "test"})
	require.NoError(t, err)
	defer func() {
		report, err := sys.Shutdown(ctx)
		require.NoError(t, err)
		require.NoError(t, report.Err())
	}()
	probe := supervisortest.NewProbe()
	root, err := sys.Start(ctx, supervisor.Spec{
		Name: "root", Strategy: supervisor.RestForOne,
		Children: []supervisor.ChildSpec{probe.Child("first")},
	})
	require.NoError(t, err)
	b := branch.Branch{Sys: sys, Path: "root/branch", Parent: "root"}
	child := probe.Child("child")
	child.Restart = supervisor.Temporary

	b.Stop(ctx, "child") // nothing runs
	_, stands := sys.Supervisor("root/branch")
	require.False(t, stands)
	require.NoError(t, b.Start(ctx, child))
	require.True(t, b.Ref("child").Alive())
	require.ErrorIs(t, b.Start(ctx, child), supervisor.ErrAlreadyStarted)
	b.Stop(ctx, "child")
	require.False(t, b.Ref("child").Alive())

	require.NoError(t, b.Start(ctx, child))
	require.NoError(t, root.TerminateChild(ctx, "branch"))
	require.False(t, b.Ref("child").Alive())
	require.NoError(t, b.Start(ctx, child))
	require.True(t, b.Ref("child").Alive())

	none := branch.Branch{Sys: sys, Path: "nowhere/branch", Parent: "nowhere"}
	require.ErrorContains(t, none.Start(ctx, child), "its supervisor is not running")
}
