package handover

import "github.com/hublink-go/hublink/protocol"

// Reports is the ledger of the update reports that were pushed since the channel joined. The
// updater numbers its reports from one; the numbers rise. The zero Reports is empty.
type Reports struct {
	open []report // pushed, not known to have arrived
	last uint64   // number of the newest report pushed since the join
}

// report is an update report on its way.
type report struct {
	tag uint64 // of the transmission
	seq uint64 // number of the report
	ref string // empty until the transmission went out
}

// Last returns the number of the newest report pushed since the join, 0 for none.
func (r *Reports) Last() uint64 { return r.last }

// Known reports whether the report seq was pushed since the join. An updater that restarted may
// push it a second time. Number 0 is no report and is never known.
func (r *Reports) Known(seq uint64) bool { return seq > 0 && seq <= r.last }

// Pushed records that the report seq was given to the connection as transmission tag. Number 0 is
// no report and is not recorded.
func (r *Reports) Pushed(tag, seq uint64) {
	if seq == 0 {
		return
	}
	r.open = append(r.open, report{tag: tag, seq: seq})
	r.last = seq
}

// Written records that transmission tag went out under ref. It returns the number of the report
// that it carried; ok is false when it carried none or was recorded before.
func (r *Reports) Written(tag uint64, ref string) (seq uint64, ok bool) {
	for i := range r.open {
		if o := &r.open[i]; o.tag == tag && o.ref == "" {
			o.ref = ref
			return o.seq, true
		}
	}
	return 0, false
}

// Confirmed takes in that the hub answered the heartbeat ref. All reports that went out before it
// have arrived, because the hub reads a socket in order. It drops them and returns the highest of
// their numbers; ok is false when there are none.
func (r *Reports) Confirmed(ref string) (seq uint64, ok bool) {
	rest := r.open[:0]
	for _, o := range r.open {
		if o.ref != "" && protocol.RefBefore(o.ref, ref) {
			seq, ok = max(seq, o.seq), true
			continue
		}
		rest = append(rest, o)
	}
	clear(r.open[len(rest):])
	r.open = rest
	if len(rest) == 0 {
		r.open = nil
	}
	return seq, ok
}

// Lost drops the reports on their way: the channel or its socket is gone. A heartbeat that is
// answered before the next join says nothing about them, since the hub handles reports in the
// process of the channel and heartbeats in that of the socket. The updater pushes them again after
// the next join.
func (r *Reports) Lost() { r.open = nil }

// Joined starts an empty ledger: the hub accepted a join.
func (r *Reports) Joined() { *r = Reports{} }
