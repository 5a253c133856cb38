package handover

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware"
)

func TestReportsAreConfirmedByALaterHeartbeat(t *testing.T) {
	type written struct {
		tag uint64
		ref string
	}
	for name, c := range map[string]struct {
		pushed  []uint64 // tags 1, 2, ...
		written []written
		beat    string
		want    uint64
		left    int
	}{
		"before it":             {[]uint64{1}, []written{{1, "4"}}, "5", 1, 0},
		"after it":              {[]uint64{1}, []written{{1, "6"}}, "5", 0, 1},
		"not written yet":       {[]uint64{1}, nil, "5", 0, 1},
		"some of them":          {[]uint64{1, 2, 3}, []written{{1, "3"}, {2, "4"}, {3, "6"}}, "5", 2, 1},
		"refs are numbers":      {[]uint64{1}, []written{{1, "9"}}, "10", 1, 0},
		"a ref that is not one": {[]uint64{1}, []written{{1, "9"}}, "x", 0, 1},
		"pushes between them":   {[]uint64{1, 0, 2}, []written{{1, "3"}, {2, "4"}, {3, "5"}}, "9", 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var r Reports
			for i, seq := range c.pushed {
				r.Pushed(uint64(i)+1, seq)
			}
			for _, w := range c.written {
				r.Written(w.tag, w.ref)
			}
			seq, ok := r.Confirmed(c.beat)
			require.Equal(t, c.want, seq)
			require.Equal(t, c.want > 0, ok)
			require.Len(t, r.open, c.left)
			_, ok = r.Confirmed(c.beat)
			require.False(t, ok, "once")
		})
	}
}

func TestReportIsWrittenOnce(t *testing.T) {
	var r Reports
	r.Pushed(7, 3)
	_, ok := r.Written(6, "11")
	require.False(t, ok, "another transmission")
	seq, ok := r.Written(7, "12")
	require.True(t, ok)
	require.EqualValues(t, 3, seq)
	_, ok = r.Written(7, "13")
	require.False(t, ok)
	seq, _ = r.Confirmed("13")
	require.EqualValues(t, 3, seq, "the first ref counts")
}

func TestReportsKnowWhatWasPushed(t *testing.T) {
	var r Reports
	require.False(t, r.Known(0), "no report")
	require.False(t, r.Known(1))
	r.Pushed(1, 4)
	require.True(t, r.Known(4), "by an updater that crashed and does not know")
	require.False(t, r.Known(5))
	require.False(t, r.Known(0))
	r.Lost()
	require.EqualValues(t, 4, r.Last())
	r.Joined()
	require.Zero(t, r.Last())
	require.False(t, r.Known(4), "another join has not been told")
}

// The process of the socket answers heartbeats when that of the channel has crashed.
func TestLostReportsAreNotConfirmed(t *testing.T) {
	var r Reports
	r.Pushed(1, 1)
	r.Written(1, "5")
	r.Lost()
	_, ok := r.Confirmed("6")
	require.False(t, ok)
}

// A report is confirmed only after it was written and by a later ref, in rising order, once.
func FuzzReports(f *testing.F) {
	f.Add([]byte{0, 1, 0, 1, 2, 3, 0, 1, 4, 2})
	f.Add([]byte{0, 0, 0, 1, 1, 1, 2, 3, 2})
	f.Fuzz(func(t *testing.T, ops []byte) {
		var r Reports
		var tag, seq, ref, confirmed uint64
		refs := map[uint64]uint64{} // of each report that was written since the join
		next := uint64(1)           // tag to write
		for _, op := range ops[:min(len(ops), 500)] {
			switch op % 5 {
			case 0:
				tag, seq = tag+1, seq+1
				r.Pushed(tag, seq)
				require.True(t, r.Known(seq))
			case 1:
				if next > tag {
					continue
				}
				ref++
				if got, ok := r.Written(next, strconv.FormatUint(ref, 10)); ok {
					refs[got] = ref
				}
				next++
			case 2:
				ref++
				got, ok := r.Confirmed(strconv.FormatUint(ref, 10))
				if !ok {
					continue
				}
				require.Greater(t, got, confirmed)
				require.Contains(t, refs, got, "written on this join")
				require.Less(t, refs[got], ref)
				confirmed = got
			case 3:
				r.Lost()
				clear(refs)
			case 4:
				r.Joined()
				clear(refs)
				seq, confirmed = 0, 0
			}
		}
	})
}

func TestOfferIsDroppedAfterCrashes(t *testing.T) {
	first, second := &firmware.Offer{UUID: "a"}, &firmware.Offer{UUID: "b"}
	var o Offer
	expect := func(want *firmware.Offer, verdict Verdict, because string) {
		t.Helper()
		got, v := o.Next()
		require.Equal(t, verdict, v, because)
		require.Same(t, want, got, because)
	}
	expect(nil, Nothing, "none was made")
	o.Set(first)
	expect(first, Pass, "it is new")
	expect(first, Pass, "a crash may have lost it")
	expect(first, Drop, "it is the reason of the crashes")
	expect(nil, Nothing, "it was dropped")

	o.Set(first)
	expect(first, Pass, "the hub made it again")
	o.Clear()
	expect(nil, Nothing, "the updater recorded it")

	o.Set(first)
	expect(first, Pass, "it is new")
	expect(first, Pass, "a crash may have lost it")
	o.Set(second)
	expect(second, Pass, "it is another offer")
	expect(second, Pass, "the crashes before were not because of it")
	expect(second, Drop, "now they were")
}

// An offer is passed MaxPassed times at most, then dropped once.
func FuzzOffer(f *testing.F) {
	f.Add([]byte{0, 1, 1, 1, 1, 0, 1, 2, 1})
	f.Fuzz(func(t *testing.T, ops []byte) {
		var o Offer
		var current *firmware.Offer
		passed := 0
		for _, op := range ops {
			switch op % 3 {
			case 0:
				current, passed = &firmware.Offer{}, 0
				o.Set(current)
			case 1:
				got, v := o.Next()
				switch {
				case current == nil:
					require.Equal(t, Nothing, v)
				case passed < MaxPassed:
					require.Equal(t, Pass, v)
					passed++
				default:
					require.Equal(t, Drop, v)
					require.Same(t, current, got)
					current = nil
				}
			case 2:
				current = nil
				o.Clear()
			}
		}
	})
}
