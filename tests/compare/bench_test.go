package compare

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// messages returns reports of n bytes, so many that one has left every window when it comes again.
func messages(n int) [][]byte {
	msgs := make([][]byte, 4+256<<10/n)
	for i := range msgs {
		msgs[i] = report(i, n)
	}
	return msgs
}

// BenchmarkRoundTrip sends a message and waits for its echo, over TCP on this machine, in the same
// run for every library. They take turns of a few milliseconds, in changing order, and a ratio is
// the median of those of all rounds: what else the machine does then meets all of them alike.
// x-gorilla and x-coder are our time by theirs.
func BenchmarkRoundTrip(b *testing.B) {
	cases := []struct {
		mode mode
		msgs [][]byte
	}{
		{plain, [][]byte{heartbeat}},
		{plain, messages(64 << 10)},
		{alone, messages(300)},
		{alone, messages(64 << 10)},
		{together, messages(300)},
		{together, messages(4 << 10)},
		{together, messages(64 << 10)},
	}
	for _, c := range cases {
		b.Run(
			fmt.Sprintf("%s/%d", c.mode, len(c.msgs[0])),
			func(b *testing.B) { compare(b, c.mode, c.msgs) },
		)
	}
}

// turnBytes is about how much a library sends in its turn.
const turnBytes = 1 << 20

func compare(b *testing.B, m mode, msgs [][]byte) {
	var racers []*racer
	for _, l := range libraries {
		if l.can(m) {
			racers = append(racers, newRacer(b, l, m, msgs))
		}
	}
	trips := min(300, turnBytes/len(msgs[0]))
	for _, r := range racers {
		r.turn(b, trips)
	}
	for round := 0; b.Loop(); round++ {
		for i := range racers {
			r := racers[(i+round)%len(racers)]
			r.times = append(r.times, r.turn(b, trips))
		}
	}
	b.ReportMetric(0, "ns/op") // of a round, which means nothing
	for _, r := range racers {
		b.ReportMetric(median(r.times)/float64(trips), r.name+"-ns")
		if r != racers[0] {
			b.ReportMetric(median(ratios(racers[0].times, r.times)), "x-"+r.name)
		}
	}
}

// racer is a link of one library, whose server echoes.
type racer struct {
	name   string
	client peer
	msgs   [][]byte
	next   int
	buf    []byte
	times  []float64 // ns, a turn each
}

func newRacer(b *testing.B, l library, m mode, msgs [][]byte) *racer {
	client, server := newLink(b, l, l, m, nil, nil)
	go echo(server)
	return &racer{name: l.name, client: client, msgs: msgs}
}

// turn makes trips and returns how long they took, in ns. The first few are not counted: they warm
// up what the others have cooled.
func (r *racer) turn(b *testing.B, trips int) float64 {
	for range 1 + trips/10 {
		r.trip(b)
	}
	start := time.Now()
	for range trips {
		r.trip(b)
	}
	return float64(time.Since(start))
}

func (r *racer) trip(b *testing.B) {
	msg := r.msgs[r.next%len(r.msgs)]
	r.next++
	if err := r.client.send(msg); err != nil {
		b.Fatalf("%s: %v", r.name, err)
	}
	got, err := r.client.receive(r.buf)
	if err != nil || len(got) != len(msg) {
		b.Fatalf("%s: %d bytes came back as %d, %v", r.name, len(msg), len(got), err)
	}
	r.buf = got
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

func ratios(ours, theirs []float64) []float64 {
	x := make([]float64, len(ours))
	for i := range x {
		x[i] = ours[i] / theirs[i]
	}
	return x
}
