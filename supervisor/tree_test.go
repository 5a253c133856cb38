package supervisor_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/supervisor"
)

func TestTree(t *testing.T) {
	inBubble(t, func(w *world) {
		link := supervisor.Spec{
			Strategy: supervisor.RestForOne, Intensity: supervisor.Intensity{
				Max:    5,
				Within: 30 * time.Second,
			},
			Backoff:  supervisor.Backoff{Min: time.Minute, Max: time.Minute},
			Children: w.children("connection", "channel/device"),
		}
		client := w.probe.Child("client")
		client.Restart = supervisor.Transient
		root := w.start(supervisor.Spec{Name: "device-x", Children: []supervisor.ChildSpec{
			{ID: "link", Supervisor: &link},
			client,
			{
				ID:         "extensions",
				Restart:    supervisor.Temporary,
				Supervisor: &supervisor.Spec{Strategy: supervisor.Dynamic},
			},
		}})
		extensions, _ := w.sys.Supervisor("device-x/extensions")
		_, err := extensions.StartChild(w.Context(), w.probe.Child("health"))
		require.NoError(w, err)
		w.end("device-x/link/channel/device", errBoom)
		w.end("device-x/client", supervisor.ErrNormal)
		w.end("device-x/extensions/health", errBoom)
		w.end("device-x/extensions/health", errBoom)

		tree, err := supervisor.Tree(w.Context(), root)
		require.NoError(w, err)
		require.Equal(w, strings.TrimPrefix(`
device-x               one_for_one 3 in 5s
├─ link                rest_for_one 5 in 30s
│  ├─ connection       permanent
│  └─ channel/device   permanent, restarted once, restarting
├─ client              transient, down
└─ extensions          dynamic, temporary
   └─ health           permanent, restarted 2 times
`, "\n"), tree.String())
		require.Equal(w, "device-x/link/channel/device", tree.Children[0].Children[1].Path)
		require.Equal(w, w.incarnation("device-x/extensions/health"),
			tree.Children[2].Children[0].Incarnation)

		below, err := supervisor.Tree(w.Context(), extensions)
		require.NoError(w, err)
		require.Equal(w, "extensions", below.ID)
		_, err = root.Stop(w.Context())
		require.NoError(w, err)
		_, err = supervisor.Tree(w.Context(), root)
		require.ErrorIs(w, err, supervisor.ErrNoProc)
		synctest.Wait()
	})
}
