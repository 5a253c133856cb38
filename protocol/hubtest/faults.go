package hubtest

import (
	"net/http"
	"time"
)

// Fault makes requests for a firmware go wrong. Several faults apply together; each counts its own
// requests.
type Fault struct {
	kind  faultKind
	n     int64
	skip  int
	times int // requests that it applies to; negative: all
}

type faultKind uint8

const (
	faultCut faultKind = iota
	faultStall
	faultSlow
	faultStatus
	faultFlip
	faultResize
	faultRedirect
	faultNoRange
	faultETag
	faultRangeTotal
)

func fault(kind faultKind, n int64) Fault { return Fault{kind: kind, n: n, times: -1} }

// Cut drops the connection after n bytes of the body.
func Cut(n int64) Fault { return fault(faultCut, n) }

// Stall sends nothing after n bytes of the body, until the device closes the connection.
func Stall(n int64) Fault { return fault(faultStall, n) }

// Slow limits the body to bytesPerSecond.
func Slow(bytesPerSecond int64) Fault { return fault(faultSlow, max(1, bytesPerSecond)) }

// Answer answers with a status instead of the file: 500, 503, 404, 403 for a URL that has expired,
// 416.
func Answer(status int) Fault { return fault(faultStatus, int64(status)) }

// Flip changes one bit of the byte at an offset of the file. What was announced stays.
func Flip(offset int64) Fault { return fault(faultFlip, offset) }

// Resize serves a file that is longer or shorter than announced by so many bytes, in a response
// that is consistent in itself.
func Resize(by int64) Fault { return fault(faultResize, by) }

// Redirect sends the device through so many hops first.
func Redirect(hops int) Fault { return fault(faultRedirect, int64(hops)) }

// NoRange answers requests for a range with 200 and the whole file.
func NoRange() Fault { return fault(faultNoRange, 0) }

// NewETag changes the ETag of the file at each request.
func NewETag() Fault { return fault(faultETag, 0) }

// WrongTotal claims in Content-Range that the file is longer by so many bytes.
func WrongTotal(by int64) Fault { return fault(faultRangeTotal, by) }

// Times limits a fault to so many requests.
func (f Fault) Times(k int) Fault {
	f.times = k
	return f
}

// After spares the first requests.
func (f Fault) After(requests int) Fault {
	f.skip = requests
	return f
}

// Inject adds faults.
func (f *Firmware) Inject(faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range faults {
		one := faults[i]
		f.faults = append(f.faults, &one)
	}
}

// Heal removes all faults.
func (f *Firmware) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = nil
}

// plan is the sum of the faults of one request.
type plan struct {
	cut, stall int64 // bytes of the body; negative: not
	slow       int64 // bytes a second; zero: not
	status     int   // zero: the file
	flip       int64 // negative: not
	resize     int64
	hops       int
	noRange    bool
	etag       bool
	total      int64
}

// plan counts a request and returns its plan.
func (f *Firmware) plan() plan {
	p := plan{cut: -1, stall: -1, flip: -1}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range f.faults {
		switch {
		case fault.skip > 0:
			fault.skip--
		case fault.times != 0:
			fault.times = max(-1, fault.times-1)
			fault.apply(&p)
		}
	}
	return p
}

func (f *Fault) apply(p *plan) {
	switch f.kind {
	case faultCut:
		p.cut = f.n
	case faultStall:
		p.stall = f.n
	case faultSlow:
		p.slow = f.n
	case faultStatus:
		p.status = int(f.n)
	case faultFlip:
		p.flip = f.n
	case faultResize:
		p.resize = f.n
	case faultRedirect:
		p.hops = int(f.n)
	case faultNoRange:
		p.noRange = true
	case faultETag:
		p.etag = true
	case faultRangeTotal:
		p.total = f.n
	}
}

// faultyContent is the file with its faults.
type faultyContent struct {
	Content
	plan plan
}

func (c faultyContent) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	if off < c.Size {
		n, _ = c.Content.ReadAt(p[:min(int64(len(p)), c.Size-off)], off) // what is behind the end is zero
	}
	clear(p[n:])
	if at := c.plan.flip - off; c.plan.flip >= 0 && at >= 0 && at < int64(len(p)) {
		p[at] ^= 1
	}
	return len(p), nil
}

const slowTicks = 20 // a second

// faultyWriter is a response with faults in its body.
type faultyWriter struct {
	http.ResponseWriter
	r    *http.Request
	plan plan
	sent int64
}

func (w *faultyWriter) Write(p []byte) (int, error) {
	done := 0
	for len(p) > 0 {
		chunk := w.chunk(p)
		if len(chunk) == 0 {
			w.strike()
		}
		n, err := w.ResponseWriter.Write(chunk)
		done, w.sent = done+n, w.sent+int64(n)
		if err != nil {
			return done, err
		}
		p = p[n:]
		if w.plan.slow > 0 {
			w.flush()
			w.wait(time.Duration(n) * time.Second / time.Duration(w.plan.slow))
		}
	}
	return done, nil
}

// chunk returns the part of p that may be sent now.
func (w *faultyWriter) chunk(p []byte) []byte {
	if w.plan.slow > 0 {
		p = p[:min(int64(len(p)), max(1, w.plan.slow/slowTicks))]
	}
	for _, limit := range []int64{w.plan.cut, w.plan.stall} {
		if limit >= 0 {
			p = p[:max(0, min(int64(len(p)), limit-w.sent))]
		}
	}
	return p
}

// strike cuts the connection, or stalls until the device or the hub ends it. It does not return.
func (w *faultyWriter) strike() {
	w.flush()
	if w.plan.stall >= 0 && (w.plan.cut < 0 || w.plan.stall < w.plan.cut) {
		<-w.r.Context().Done()
	}
	panic(http.ErrAbortHandler) // what net/http offers for this
}

func (w *faultyWriter) flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

func (w *faultyWriter) wait(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-w.r.Context().Done():
		panic(http.ErrAbortHandler)
	}
}
