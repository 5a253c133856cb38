package supervisor_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/supervisor"
	"github.com/hublink-go/hublink/tests/output"
)

func logged(t *testing.T, level zerolog.Level, f func(w *world)) string {
	t.Helper()
	var out output.Text
	inBubbleWith(
		t,
		supervisor.Options{Name: "fleet", Logger: zerolog.New(&out).Level(level)},
		func(w *world) {
			f(w)
			synctest.Wait()
			_, err := w.sys.Shutdown(w.Context())
			require.NoError(w, err)
		},
	)
	return out.String()
}

func TestLogLevels(t *testing.T) {
	scenario := func(w *world) {
		root := w.start(
			supervisor.Spec{
				Name:      "r",
				Intensity: supervisor.Intensity{Max: 1, Within: time.Minute},
				Children:  w.children("a"),
			},
		)
		w.end("r/a", errBoom)
		w.do("r/a", func(c *supervisor.Ctx) error { return panics(c, nil) })
		require.Error(w, root.Wait())
	}
	require.Contains(t, logged(t, zerolog.DebugLevel, scenario), `"event":"started"`)
	warnings := logged(t, zerolog.WarnLevel, scenario)
	require.NotContains(t, warnings, "started")
	require.Contains(
		t,
		warnings,
		`{"level":"warn","system":"fleet","actor":"r/a","event":"exited","incarnation":2,"error":"boom","message":"supervision"}`,
	)
	require.Contains(t, warnings, "panics(", "a panic is logged with its stack")
	failures := logged(t, zerolog.ErrorLevel, scenario)
	require.NotContains(t, failures, `"exited"`)
	require.Contains(t, failures, `"event":"gave-up"`)
	require.Empty(t, logged(t, zerolog.Disabled, scenario))
}

func TestLogsShowNoMessages(t *testing.T) {
	type credential struct{ Secret string }
	out := logged(t, zerolog.TraceLevel, func(w *world) {
		w.start(supervisor.Spec{Name: "r", Children: w.children("a", "b")})
		root := w.sys.ActorSystem().Root
		pid, _ := w.sys.Ref("r/a").PID()
		w.end("r/a", errBoom)
		for _, msg := range []any{
			"hush",
			credential{"hush"},
			&credential{"hush"}, []byte("hush"),
			map[string]string{"hush": "hush"},
		} {
			root.Send(pid, msg) // a dead letter
			root.Send(actor.NewPID("nonhost", "none"), msg)
			time.Sleep(time.Second)
			w.do("r/b", func(c *supervisor.Ctx) error {
				c.Reply(msg)
				return c.Unexpected(msg)
			})
			w.do("r/b", func(c *supervisor.Ctx) error {
				require.NoError(w, c.Self().Send(msg))
				panic(msg)
			})
			time.Sleep(time.Minute)
		}
	})
	require.Contains(t, out, "DeadLetter", "they are logged")
	require.Contains(t, out, `"event":"dropped"`)
	require.Contains(t, out, "supervisor_test.credential", "by type")
	require.NotContains(t, out, `"hush`)
	require.NotContains(t, out, `{hush`)
	require.NotContains(t, out, `[hush`)
}

func TestEventHookThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys, err := supervisor.NewSystem(
			supervisor.Options{OnEvent: func(supervisor.Event) { panic("hook") }},
		)
		require.NoError(t, err)
		_, err = sys.Start(t.Context(),
			supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{{ID: "a", New: newEcho}}})
		require.NoError(t, err, "its panic is recovered")
		_, err = sys.Shutdown(t.Context())
		require.NoError(t, err)
	})
}
