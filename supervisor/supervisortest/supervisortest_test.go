package supervisortest_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hublink-go/hublink/supervisor"
	"github.com/hublink-go/hublink/supervisor/supervisortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run starts one actor, which passes the checkpoint "half way" in each Receive, sends it n messages
// and returns what was recorded.
func run(
	t *testing.T,
	n int,
	arrange func(in *supervisortest.Injector),
) (*supervisortest.Probe, *supervisortest.Recorder) {
	t.Helper()
	probe, events, in := supervisortest.NewProbe(), supervisortest.NewRecorder(),
		supervisortest.NewInjector(7)
	synctest.Test(t, func(t *testing.T) {
		sys, err := supervisor.NewSystem(supervisor.Options{OnEvent: events.OnEvent, Inject: in.Inject})
		require.NoError(t, err)
		_, err = sys.Start(t.Context(), supervisor.Spec{
			Name: "r", Intensity: supervisor.Intensity{Max: 100, Within: time.Minute},
			Children: []supervisor.ChildSpec{
				probe.ChildWith("a", supervisortest.Hooks{Receive: func(c *supervisor.Ctx, _ any) error {
					c.Checkpoint("half way")
					return nil
				}}),
			},
		})
		require.NoError(t, err)
		arrange(in)
		for i := range n {
			require.NoError(t, sys.Ref("r/a").Send(i))
			synctest.Wait()
		}
		_, err = sys.Shutdown(t.Context())
		require.NoError(t, err)
	})
	return probe, events
}

func TestCrashAt(t *testing.T) {
	for n, want := range map[int]supervisortest.Crash{
		1: {Path: "r/a", Point: supervisor.BeforeReceive, Msg: "int"},
		2: {Path: "r/a", Point: "half way", Msg: "int"},
		3: {Path: "r/a", Point: supervisor.AfterReceive, Msg: "int"},
		5: {Path: "r/a", Point: "half way", Msg: "int"},
	} {
		var shot *supervisortest.Shot
		_, events := run(t, 3, func(in *supervisortest.Injector) { shot = in.CrashAt("r/a", n) })
		hit, ok := shot.Hit()
		require.True(t, ok)
		require.Equal(t, want, hit, "point %d", n)
		exits := events.Of("r/a", supervisor.EventExited)
		require.Len(t, exits, 2, "one crash, one shutdown")
		var crash *supervisortest.Crash
		require.True(t, errors.As(exits[0].Reason, &crash), "the exit reason carries it")
		require.Equal(t, want, *crash)
	}
}

func TestCrashThatDoesNotHit(t *testing.T) {
	var far, other, cancelled *supervisortest.Shot
	probe, _ := run(t, 1, func(in *supervisortest.Injector) {
		far, other = in.CrashAt("r/a", 4), in.CrashAtPoint("r/a", "nowhere", 1)
		cancelled = in.CrashAt("r/a", 1)
		require.True(t, cancelled.Cancel())
		require.False(t, cancelled.Cancel())
	})
	for _, s := range []*supervisortest.Shot{far, other, cancelled} {
		_, ok := s.Hit()
		require.False(t, ok, "a shot that missed says so")
	}
	require.Equal(t, []string{"init r/a", "receive r/a 0", "terminate r/a shutdown"}, probe.Notes())
}

func TestCrashWithinIsSeeded(t *testing.T) {
	places := func() (points []string) {
		var shots []*supervisortest.Shot
		_, _ = run(t, 40, func(in *supervisortest.Injector) {
			for range 4 {
				shots = append(shots, in.CrashWithin("r/a", 60))
			}
		})
		for _, s := range shots {
			hit, ok := s.Hit()
			require.True(t, ok)
			points = append(points, hit.Point)
		}
		return points
	}
	require.Equal(t, places(), places(), "same seed, same places")
}

func TestPoints(t *testing.T) {
	var in *supervisortest.Injector
	run(t, 4, func(i *supervisortest.Injector) { in = i })
	require.Equal(t, 12, in.Points("r/a"))
	require.Zero(t, in.Points("r/b"))
}

func TestRecorder(t *testing.T) {
	_, events := run(t, 1, func(*supervisortest.Injector) {})
	require.Equal(t,
		[]string{"started r/a", "started r", "exited r/a: shutdown", "exited r: shutdown"},
		events.Lines())
	require.Len(t, events.Of("r", supervisor.EventStarted), 1)
	events.Reset()
	require.Empty(t, events.Events())
}
