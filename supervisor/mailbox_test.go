package supervisor_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/supervisor"
)

func TestMailboxPolicies(t *testing.T) {
	for _, c := range []struct {
		overflow supervisor.Overflow
		err      error
		want     []string
		dropped  int
	}{
		{supervisor.Refuse, supervisor.ErrMailboxFull, []string{"receive r/a 1", "receive r/a 2"}, 0},
		{supervisor.DropNewest, nil, []string{"receive r/a 1", "receive r/a 2"}, 2},
		{supervisor.DropOldest, nil, []string{"receive r/a 3", "receive r/a 4"}, 2},
	} {
		inBubble(t, func(w *world) {
			child := w.probe.Child("a")
			child.Mailbox = supervisor.MailboxPolicy{Capacity: 2, Overflow: c.overflow}
			w.start(supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{child}})
			release := make(chan struct{})
			w.do("r/a", hang(release))
			synctest.Wait()
			a := w.sys.Ref("r/a")
			require.NoError(w, a.Send(1))
			require.NoError(w, a.Send(2))
			require.Equal(w, c.err, a.Send(3))
			require.Equal(w, c.err, a.Send(4))
			close(release)
			w.expect("two fit", c.want...)
			require.Len(w, w.events.Events(supervisor.EventDropped), c.dropped)
		})
	}
}

func TestTimersAndDownsAlwaysFit(t *testing.T) {
	inBubble(t, func(w *world) {
		child := w.probe.Child("a")
		child.Mailbox = supervisor.MailboxPolicy{Capacity: 1, Overflow: supervisor.DropOldest}
		w.start(supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{child}})
		w.do("r/a", func(c *supervisor.Ctx) error {
			require.NoError(w, c.Self().Send("before"))
			c.Monitor(w.sys.Ref("none"))
			c.After(time.Millisecond, "timer") // behind the Down, which comes at once
			time.Sleep(time.Second)
			require.NoError(w, c.Self().Send("after")) // makes room for itself
			return nil
		})
		time.Sleep(2 * time.Second)
		w.expect("only what was sent made room", "receive r/a {none no such actor is alive}",
			"receive r/a timer", "receive r/a after")
	})
}

func TestCallThatIsDroppedFails(t *testing.T) {
	for overflow, drops := range map[supervisor.Overflow]int{
		supervisor.Refuse:     1,
		supervisor.DropNewest: 1, supervisor.DropOldest: 0,
	} {
		inBubble(t, func(w *world) {
			child := w.probe.Child("a")
			child.Mailbox = supervisor.MailboxPolicy{Capacity: 1, Overflow: overflow}
			w.start(supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{child}})
			release := make(chan struct{})
			w.do("r/a", hang(release))
			synctest.Wait()
			type result struct {
				call int
				err  error
			}
			results := make(chan result, 2)
			for i := range 2 {
				go func() {
					ctx, cancel := context.WithTimeout(w.Context(), time.Second)
					defer cancel()
					_, err := supervisor.Call[int](ctx, w.sys.Ref("r/a"), i)
					results <- result{i, err}
				}()
				synctest.Wait()
			}
			require.Len(w, results, 1, "%v: the other one still waits", overflow)
			first := <-results
			require.Equal(w, drops, first.call)
			require.ErrorIs(w, first.err, supervisor.ErrMailboxFull, "at once")
			time.Sleep(2 * time.Second)
			close(release)
			synctest.Wait()
		})
	}
}

func TestOrderIsKept(t *testing.T) {
	inBubble(t, func(w *world) {
		var got []int
		a := w.probe.Child("a")
		a.New = func(supervisor.Heir) supervisor.Behavior { return collector{&got} }
		w.start(supervisor.Spec{Name: "r", Children: []supervisor.ChildSpec{a}})
		for i := range 10_000 {
			require.NoError(w, w.sys.Ref("r/a").Send(i))
		}
		synctest.Wait()
		require.Len(w, got, 10_000)
		for i, v := range got {
			require.Equal(w, i, v)
		}
	})
}

type collector struct{ got *[]int }

func (collector) Init(*supervisor.Ctx) error { return nil }

func (c collector) Receive(_ *supervisor.Ctx, msg any) error {
	*c.got = append(*c.got, msg.(int))
	return nil
}

func (collector) Terminate(*supervisor.Ctx, error) {}
