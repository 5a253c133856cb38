// Package bustest is the contract of server.Bus as tests. The tests of a Bus call [Run] with it.
package bustest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hublink-go/hublink/actors/fedecks/server"
)

// Options describe the bus under test.
type Options struct {
	// Open returns the bus of a node, numbered 0 to 2; nodes may share one. It closes the bus at the
	// end of the test.
	Open func(t *testing.T, node int) server.Bus
	// Max is the largest size in bytes of data; 0: there is no limit.
	Max int
	// Within is how long nodes may take to find each other, and a message to arrive; zero: 10 s.
	Within time.Duration
}

// Run runs the tests of the contract.
func Run(t *testing.T, o Options) {
	if o.Within == 0 {
		o.Within = 10 * time.Second
	}
	for name, test := range map[string]func(*crew){
		"to all": toAll, "to one": toOne, "in order": inOrder, "from many goroutines": fromMany,
		"large": large, "leaving": leaving, "an odd name": oddName,
	} {
		t.Run(name, func(t *testing.T) { test(meet(t, o)) })
	}
}

// crew has three nodes that hear each other.
type crew struct {
	t     *testing.T
	o     Options
	buses [3]server.Bus
	inbox [3]chan string
	leave [3]func()
}

func name(node int) string { return fmt.Sprintf("Node_%d-x", node) }

// meet opens the nodes and waits until each hears the others, for which a bus may need some time.
func meet(t *testing.T, o Options) *crew {
	c := &crew{t: t, o: o}
	var mu sync.Mutex
	met := map[string]bool{}
	all := make(chan struct{})
	for i := range c.buses {
		c.buses[i] = o.Open(t, i)
		c.inbox[i] = make(chan string, 10_000)
		leave, err := c.buses[i].Join(name(i), func(data []byte) {
			if !strings.HasPrefix(string(data), "hello ") {
				c.inbox[i] <- string(data)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			key := fmt.Sprint(i, string(data))
			if from := string(data[len("hello "):]); from != fmt.Sprint(i) && !met[key] {
				if met[key] = true; len(met) == 6 {
					close(all)
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		c.leave[i] = sync.OnceFunc(leave)
		t.Cleanup(c.leave[i])
	}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	timeout := time.After(o.Within)
	for {
		for i, b := range c.buses {
			_ = b.Publish("", fmt.Append(nil, "hello ", i)) // fails while the bus connects
		}
		select {
		case <-all:
			return c
		case <-again.C:
		case <-timeout:
			t.Fatalf("nodes have not found each other within %s, only %v", o.Within, met)
		}
	}
}

// expect takes messages of a node until one is want, and returns those before it.
func (c *crew) expect(node int, want string) (before []string) {
	c.t.Helper()
	timeout := time.After(c.o.Within)
	for {
		select {
		case got := <-c.inbox[node]:
			if got == want {
				return before
			}
			before = append(before, got)
		case <-timeout:
			c.t.Fatalf("node %d has not got %.40q within %s", node, want, c.o.Within)
		}
	}
}

func (c *crew) publish(node int, to, data string) {
	c.t.Helper()
	if err := c.buses[node].Publish(to, []byte(data)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *crew) none(got []string, why string) {
	c.t.Helper()
	if len(got) > 0 {
		c.t.Fatalf("got %q: %s", got, why)
	}
}

func toAll(c *crew) {
	for from := range c.buses {
		c.publish(from, "", fmt.Sprint("from ", from))
		c.publish(from, "", fmt.Sprint("end ", from))
	}
	for to := range c.buses {
		got := map[string]int{}
		timeout := time.After(c.o.Within)
		for from := 0; from < len(c.buses); {
			if from == to || got[fmt.Sprint("end ", from)] > 0 {
				from++ // the contract leaves open whether a node hears itself
				continue
			}
			select {
			case s := <-c.inbox[to]:
				got[s]++
			case <-timeout:
				c.t.Fatalf("node %d has got %v, and nothing of node %d, within %s", to, got, from, c.o.Within)
			}
		}
		for s, n := range got {
			if n > 1 {
				c.t.Fatalf("node %d has got %q %d times", to, s, n)
			}
		}
		for from := range c.buses {
			if from != to && got[fmt.Sprint("from ", from)] != 1 {
				c.t.Fatalf("node %d has got %v, want what node %d said first", to, got, from)
			}
		}
	}
}

func toOne(c *crew) {
	c.publish(0, name(1), "for 1")
	c.publish(0, name(2), "for 2")
	c.publish(0, "", "end")
	c.none(c.expect(1, "for 1"), "data for one node reaches no other")
	c.none(c.expect(1, "end"), "data for one node reaches no other")
	c.none(c.expect(2, "for 2"), "data for one node reaches no other")
	c.none(c.expect(2, "end"), "data for one node reaches no other")
	c.publish(0, "absent", "lost")
}

func inOrder(c *crew) {
	const n = 2000
	for i := range n {
		to := ""
		if i%2 == 1 {
			to = name(1)
		}
		c.publish(0, to, fmt.Sprint(i))
	}
	for i := range n {
		c.none(c.expect(1, fmt.Sprint(i)), "data of one goroutine arrives in order")
	}
}

func fromMany(c *crew) {
	var wg sync.WaitGroup
	const n = 200
	for g := range 8 {
		wg.Go(func() {
			for i := range n {
				if err := c.buses[0].Publish(name(1), fmt.Append(nil, g, " ", i)); err != nil {
					c.t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	c.publish(0, name(1), "end")
	next := [8]int{}
	for _, got := range c.expect(1, "end") {
		var g, i int
		if _, err := fmt.Sscan(got, &g, &i); err != nil || next[g] != i {
			c.t.Fatalf("got %q, want number %d: %v", got, next[g], err)
		}
		next[g]++
	}
	if next != [8]int{n, n, n, n, n, n, n, n} {
		c.t.Fatalf("got %v of %d each", next, n)
	}
}

func large(c *crew) {
	size := 900_000
	if c.o.Max > 0 {
		size = c.o.Max
	}
	whole := string(bytes.Repeat([]byte("x"), size))
	c.publish(0, name(1), whole)
	c.expect(1, whole)
	if c.o.Max == 0 {
		return
	}
	err := c.buses[0].Publish(name(1), append([]byte(whole), 'x'))
	if !errors.Is(err, server.ErrTooLarge) {
		c.t.Fatalf("a byte more: %v, want ErrTooLarge", err)
	}
	c.publish(0, name(1), "after")
	c.expect(1, "after")
}

func leaving(c *crew) {
	c.leave[1]()
	c.leave[1]()
	got := make(chan string, 100)
	leave, err := c.buses[1].Join(name(1), func(data []byte) { got <- string(data) })
	if err != nil {
		c.t.Fatalf("join again: %v", err)
	}
	defer leave()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	timeout := time.After(c.o.Within)
	for {
		c.publish(0, name(1), "back")
		select {
		case s := <-got:
			if s != "back" {
				continue // of meet
			}
			if len(c.inbox[1]) > 0 {
				c.t.Fatalf("the subscription that was left has got %q", <-c.inbox[1])
			}
			return
		case <-again.C:
		case <-timeout:
			c.t.Fatal("a node that joined again hears nothing")
		}
	}
}

func oddName(c *crew) {
	for _, odd := range []string{"", "a.b", "a b", "*", ">"} {
		if leave, err := c.buses[0].Join(odd, func([]byte) {}); err == nil {
			leave()
			c.t.Errorf("%q was taken for a name", odd)
		}
	}
}
