package attach

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyTheNewestStartCounts(t *testing.T) {
	tab := New([]string{"health", "geo"})
	first, ok := tab.Attach("health")
	require.True(t, ok)
	require.True(t, tab.Started("health", first))
	require.True(t, tab.Started("health", first), "a question changes nothing")

	require.True(t, tab.Detach("health"))
	require.False(t, tab.Started("health", first), "it was detached while it started")
	require.False(t, tab.Detach("health"), "it is not attached")

	second, _ := tab.Attach("health")
	require.NotEqual(t, first, second)
	require.False(t, tab.Started("health", first), "the start of an older attach")
	require.True(t, tab.Started("health", second))

	third, _ := tab.Attach("health")
	require.False(t, tab.Started("health", second), "attached again meanwhile")
	require.True(t, tab.Started("health", third))
	require.False(t, tab.Started("geo", third), "another extension")
}

func TestExtensionsThatTheDeviceDoesNotHave(t *testing.T) {
	tab := New([]string{"geo"})
	_, ok := tab.Attach("shell")
	require.False(t, ok)
	require.False(t, tab.Attached("shell"))
	require.False(t, tab.Detach("shell"))
	require.False(t, tab.Started("shell", 0))
	require.Empty(t, tab.Version("shell"))
	require.Empty(t, tab.Names())

	none := New(nil)
	require.Empty(t, none.Except([]string{"geo"}))
}

func TestLists(t *testing.T) {
	tab := New([]string{"health", "geo", "logging"})
	for _, name := range []string{"logging", "health"} {
		tab.Attach(name)
	}
	require.Equal(t, []string{"health", "logging"}, tab.Names(), "sorted")
	require.Equal(t, []string{"geo", "logging"}, tab.Except([]string{"health", "shell"}),
		"attached or not: one may run since an earlier incarnation")
	require.Equal(t, []string{"health", "geo", "logging"}, tab.Except(nil))
}

func TestVersionsAreThoseOfTheLastJoin(t *testing.T) {
	tab := New([]string{"health", "geo"})
	tab.Agree(map[string]string{"health": "0.0.1", "shell": "1.0.0"})
	require.Equal(t, "0.0.1", tab.Version("health"))
	require.Empty(t, tab.Version("geo"))
	tab.Agree(map[string]string{"geo": "0.0.2"})
	require.Empty(t, tab.Version("health"))
	require.Equal(t, "0.0.2", tab.Version("geo"))
}

// A start counts when no attach or detach of the same extension came after it.
func FuzzTable(f *testing.F) {
	f.Add([]byte{0, 8, 1, 9, 0, 16})
	f.Add([]byte{0, 0, 1, 0, 17, 2, 10, 18})
	f.Fuzz(func(t *testing.T, ops []byte) {
		names := []string{"a", "b", "c"}
		tab := New(names)
		newest := map[string]uint64{} // of those attached
		var old []uint64
		for _, op := range ops[:min(len(ops), 500)] {
			name := append(names, "unknown")[op%4]
			switch op / 4 % 2 {
			case 0:
				number, ok := tab.Attach(name)
				require.Equal(t, name != "unknown", ok)
				if ok {
					require.NotContains(t, old, number)
					old = append(old, number)
					newest[name] = number
				}
			case 1:
				_, was := newest[name]
				require.Equal(t, was, tab.Detach(name))
				delete(newest, name)
			}
			attached := tab.Names()
			require.Len(t, attached, len(newest))
			require.True(t, slices.IsSorted(attached))
			for _, n := range names {
				_, is := newest[n]
				require.Equal(t, is, tab.Attached(n))
				for _, number := range old {
					require.Equal(t, is && newest[n] == number, tab.Started(n, number))
				}
			}
		}
	})
}

func TestHangs(t *testing.T) {
	tab := New([]string{"geo"})
	require.False(t, tab.Hang("geo"), "it is not attached")
	require.False(t, tab.Hang("shell"))
	require.False(t, tab.Recover("shell"))
	tab.Attach("geo")
	require.False(t, tab.Recover("geo"), "it does not hang")
	require.True(t, tab.Hang("geo"))
	require.True(t, tab.Recover("geo"))
	require.False(t, tab.Recover("geo"), "the hub is told once")
	require.True(t, tab.Hang("geo"))
	require.True(t, tab.Detach("geo"))
	require.False(t, tab.Recover("geo"), "detached, it is nothing")
}
