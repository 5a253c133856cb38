package firmware

import (
	"testing"
	"time"
)

// BenchmarkStep is one chunk that was written.
func BenchmarkStep(b *testing.B) {
	m := NewMachine(Config{})
	out := m.Step(epoch, Started(OnDisk{Boot: BootRead{State: onA()}}), nil)
	m.Step(epoch, ChannelUp(0, false), nil)
	m.Step(epoch, Offered(offer()), nil)
	m.Step(epoch, Decided("u2", Apply()), nil)
	m.Step(epoch, Prepared(m.update.transfer.run, 0), nil)
	now := epoch
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Microsecond)
		out = m.Step(now, Advanced(m.update.transfer.run, 65536, 0), out[:0])
	}
}

// BenchmarkTick is a tick of an idle machine.
func BenchmarkTick(b *testing.B) {
	m := NewMachine(Config{})
	out := m.Step(epoch, Started(OnDisk{Boot: BootRead{State: onA()}}), nil)
	b.ReportAllocs()
	for b.Loop() {
		out = m.Step(epoch, Tick(), out[:0])
	}
}

// BenchmarkCheckpoint is the journal of an offer of 64 MiB with part hashes.
func BenchmarkCheckpoint(b *testing.B) {
	j := fullJournal()
	for len(j.Offer.Partials) < 64 {
		j.Offer.Partials = append(j.Offer.Partials, j.Offer.Partials[0])
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := j.Encode(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifier(b *testing.B) {
	data := content(4*PartSize, 1)
	for name, parts := range map[string]bool{"parts": true, "whole": false} {
		b.Run(name, func(b *testing.B) {
			o := describe(data, parts)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if err := feed(NewVerifier(o.Source(), 0), data, chunk); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
