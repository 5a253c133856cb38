package hubtest

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Request is one download, or a part of one.
type Request struct {
	Range  string // header, empty: the whole file
	Status int
	Sent   int64 // bytes of the body
}

const maxRequests = 4096

// serveLog counts and keeps the requests for a file.
type serveLog struct {
	count, bytes atomic.Int64
	etags        atomic.Int64
	mu           sync.Mutex
	requests     []Request
}

// Requests returns the last 4096 downloads that have ended, in the order of their ends.
func (f *Firmware) Requests() []Request {
	f.log.mu.Lock()
	defer f.log.mu.Unlock()
	return append([]Request(nil), f.log.requests...)
}

// Served counts the requests that have ended and the bytes of their bodies.
func (f *Firmware) Served() ServeStats {
	return ServeStats{Requests: int(f.log.count.Load()), Bytes: f.log.bytes.Load()}
}

func (l *serveLog) add(r Request) {
	l.count.Add(1)
	l.bytes.Add(r.Sent)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.requests) >= maxRequests {
		l.requests = append(l.requests[:0], l.requests[maxRequests/2:]...)
	}
	l.requests = append(l.requests, r)
}

// serve is the handler of the download listener. It behaves like a bucket with signed URLs:
// ranges, ETag and If-Range, 403 for a signature that is wrong or over and for HEAD.
func (s *Store) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.hub.cfg.Now().UTC().Format(http.TimeFormat))
	f, ok := s.find(r.URL, s.hub.cfg.Now())
	if !ok || r.Method != http.MethodGet {
		s.hub.stats.requests.Add(1)
		if f != nil {
			f.log.add(Request{Range: r.Header.Get("Range"), Status: http.StatusForbidden})
		}
		http.Error(w, "the URL is not signed, or no longer valid", http.StatusForbidden)
		return
	}
	p := f.redirected(r)
	body := &faultyWriter{ResponseWriter: w, r: r, plan: p}
	seen := &statusWriter{ResponseWriter: body}
	defer func() { // also when the connection is cut
		s.hub.stats.requests.Add(1)
		s.hub.stats.bytes.Add(body.sent)
		f.log.add(Request{Range: r.Header.Get("Range"), Status: seen.status, Sent: body.sent})
	}()
	f.serve(seen, r, p)
}

// redirected returns the plan of a request. It does not count requests again that follow a
// redirect.
func (f *Firmware) redirected(r *http.Request) plan {
	if hop := r.URL.Query().Get("hop"); hop != "" {
		left, _ := strconv.Atoi(hop)
		p := plan{cut: -1, stall: -1, flip: -1, hops: left}
		if left == 0 {
			p = f.plan()
			p.hops = 0
		}
		return p
	}
	p := f.plan()
	if p.hops > 0 { // the other faults are for the request at the end
		return plan{cut: -1, stall: -1, flip: -1, hops: p.hops}
	}
	return p
}

func (f *Firmware) serve(w http.ResponseWriter, r *http.Request, p plan) {
	switch {
	case p.hops > 0:
		next := *r.URL
		q := next.Query()
		q.Set("hop", strconv.Itoa(p.hops-1))
		next.RawQuery = q.Encode()
		http.Redirect(w, r, next.RequestURI(), http.StatusFound)
		return
	case p.status != 0:
		w.WriteHeader(p.status)
		return
	}
	r = r.Clone(r.Context())
	if p.noRange || strings.Contains(r.Header.Get("Range"), ",") { // a bucket knows single ranges only
		r.Header.Del("Range")
	}
	etag := `"` + f.Checksum[:32] + `"`
	if p.etag {
		etag = fmt.Sprintf(`"%s-%d"`, f.Checksum[:16], f.log.etags.Add(1))
	}
	w.Header().Set("ETag", etag)
	w.Header().Set("Content-Type", "application/octet-stream")
	size := max(0, f.Content.Size+p.resize)
	content := io.NewSectionReader(faultyContent{f.Content, p}, 0, size)
	http.ServeContent(w, r, "", time.Time{}, content)
}

// statusWriter keeps the status and applies the faults of headers.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	body, ok := w.ResponseWriter.(*faultyWriter)
	if ok && body.plan.noRange {
		w.Header().Del("Accept-Ranges")
	}
	if ok && body.plan.total != 0 {
		if head, total, found := strings.Cut(w.Header().Get("Content-Range"), "/"); found {
			n, _ := strconv.ParseInt(total, 10, 64)
			w.Header().Set("Content-Range", head+"/"+strconv.FormatInt(n+body.plan.total, 10))
		}
	}
	w.ResponseWriter.WriteHeader(status)
}
