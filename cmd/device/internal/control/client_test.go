package control

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClient(t *testing.T) {
	device := &fake{}
	s := serve(t, device)
	c, err := Dial(t.Context(), s.opts.Path, "test")
	require.NoError(t, err)
	defer c.Close()
	var status Status
	require.NoError(t, c.Call(t.Context(), MethodStatus, nil, &status))
	require.Equal(t, device.Status(), status)
	require.NoError(t, c.Call(t.Context(), MethodReboot, map[string]string{"reason": "why not"}, nil))
	require.Equal(t, []string{"reboot: why not"}, device.calls())

	err = c.Call(t.Context(), "dance", nil, nil)
	var answered *Error
	require.ErrorAs(t, err, &answered)
	require.Equal(t, CodeUnknownMethod, answered.Code)
}

func TestClientWithoutAgent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	_, err := Dial(t.Context(), path, "test")
	require.ErrorContains(t, err, "no agent answers at "+path)
}

// hanging never answers a commit.
type hanging struct{ fake }

func (*hanging) Commit(ctx context.Context) error {
	<-ctx.Done()
	return errors.New("the agent stops")
}

func TestCloseEndsRequestsThatRun(t *testing.T) {
	s, err := Listen(Options{Path: filepath.Join(t.TempDir(), "s"), Mode: 0o600}, &hanging{})
	require.NoError(t, err)
	c, err := Dial(t.Context(), s.opts.Path, "test")
	require.NoError(t, err)
	defer c.Close()
	ended := make(chan error, 1)
	go func() { ended <- c.Call(context.Background(), MethodMarkValid, nil, nil) }()
	require.NoError(t, s.Close())
	require.Error(t, <-ended)
}
