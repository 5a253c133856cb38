package firmware

import (
	"errors"
	"testing"
	"time"
)

func FuzzDecodeJournal(f *testing.F) {
	j := fullJournal()
	data, _ := j.Encode()
	f.Add(data)
	f.Add(seal("1", `{"state":"idle","seq":3,"reports":[{"seq":3,"status":"failed"}]}`))
	f.Add(seal("2", `{}`))
	f.Add([]byte("hublink-journal"))
	f.Fuzz(func(t *testing.T, data []byte) {
		// as it is, and behind a good first line
		for _, in := range [][]byte{data, seal("1", string(data))} {
			j, err := DecodeJournal(in)
			if err != nil {
				if !errors.Is(err, ErrJournal) {
					t.Fatal(err)
				}
				continue
			}
			again, err := j.Encode()
			if err != nil {
				continue // larger than one of ours
			}
			if _, err := DecodeJournal(again); err != nil {
				t.Fatalf("%v: %q", err, again)
			}
			m := NewMachine(Config{})
			m.Step(epoch, Started(OnDisk{Boot: BootRead{State: onA()}, Journal: in}), nil)
		}
	})
}

// FuzzStep plays any sequence of inputs. Two bytes are one input: what, and how.
func FuzzStep(f *testing.F) {
	f.Add([]byte{1, 0, 5, 0, 3, 0, 4, 0, 8, 0, 9, 0, 10, 9, 11, 0, 13, 0, 16, 1, 0, 9})
	f.Add([]byte{1, 0, 5, 0, 3, 0, 4, 0, 8, 0, 15, 0, 0, 1, 8, 0, 9, 0, 12, 1, 0, 3, 2, 0})
	f.Add([]byte{1, 2, 5, 0, 19, 0, 17, 2, 0, 200, 18, 1, 20, 0, 0, 255})
	f.Fuzz(func(t *testing.T, script []byte) {
		script = script[:min(len(script), 400)]
		m := NewMachine(Config{})
		now := epoch
		var journal []byte
		boots := []BootState{
			onA(),
			{Active: "a", Next: "b", Meta: meta("u1", "1.0.0"), Other: meta("u2", "2.0.0"), Validated: true},
			{Meta: meta("u2", "2.0.0")},
		}
		seq := uint64(0)
		for ; len(script) >= 2; script = script[2:] {
			how := int(script[1])
			now = now.Add(time.Duration(how) * time.Second)
			off := int64(how) << 18
			in := Input{
				kind: inputKind(script[0] % byte(inputs)), run: m.update.transfer.run,
				written: off, synced: off / 2,
				rare: &rare{
					disk: OnDisk{Journal: journal, Boot: BootRead{State: boots[how%len(boots)]}},
					boot: BootRead{State: boots[how%len(boots)]}, uuid: m.journal.UUID,
					seq: uint64(how % 8), committed: how%2 == 0, flips: how%3 == 0, total: off / 2,
				},
			}
			switch in.kind {
			case started:
				m = NewMachine(Config{})
			case offered:
				in.rare.offer = offer()
				in.rare.offer.DeploymentID = int64(how % 2)
			case decided:
				in.rare.decision = Decision{
					Verdict: Verdict(how % 4), Delay: time.Duration(how) * time.Second,
				}
			default:
				if how%2 == 1 {
					in.err = []error{errors.New("no"), &MismatchError{Part: 3}, &ShortError{}}[how%3]
				}
			}
			for i, e := range step(t, &m, now, in) {
				switch e.Kind {
				case DoPersist:
					if i != 0 {
						t.Fatal("nothing is done before it is on disk")
					}
					journal = e.Journal
					if _, err := DecodeJournal(journal); err != nil {
						t.Fatalf("%v: %s", err, journal)
					}
				case DoReport:
					if m.State() != Starting && e.Report.Seq <= seq && in.kind != channelUp &&
						in.kind != persistFailed {
						t.Fatalf("report %d after %d", e.Report.Seq, seq)
					}
					seq = e.Report.Seq
				case DoFlip:
					if in.kind != applied {
						t.Fatal("a flip without a verified firmware")
					}
				}
			}
			if in.kind == started {
				seq = 0
			}
			if d := m.Deadline(); !d.IsZero() && d.Before(epoch) {
				t.Fatalf("deadline %v", d)
			}
		}
	})
}
