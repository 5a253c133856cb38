package fetch

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// judge decides how an answer continues the download. A part without body means that the sink has
// the whole file already.
func (r *run) judge(ctx context.Context, resp *http.Response) (part, error) {
	switch code := resp.StatusCode; {
	case code == http.StatusOK || code == http.StatusPartialContent:
		if e := resp.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
			return part{}, &EncodingError{Encoding: e}
		}
		if code == http.StatusOK {
			return r.full(ctx, resp)
		}
		return r.rest(ctx, resp)
	case code == http.StatusRequestedRangeNotSatisfiable:
		return part{}, r.beyond(ctx, resp)
	case code == http.StatusRequestTimeout,
		code == http.StatusTooEarly,
		code == http.StatusTooManyRequests,
		code >= 500:
		return part{}, &again{
			error: &StatusError{Status: code},
			after: retryAfter(resp.Header.Get("Retry-After"), time.Now()),
		}
	default:
		return part{}, &StatusError{Status: code}
	}
}

// full takes an answer with the file from its first byte. When it is provably the file that the
// sink has the beginning of, full skips that beginning; otherwise it restarts the sink.
func (r *run) full(ctx context.Context, resp *http.Response) (part, error) {
	v := versionOf(resp.Header)
	p := part{body: resp.Body, end: resp.ContentLength}
	if r.pos > 0 && r.version.same(v) && (p.end < 0 || p.end >= r.pos) {
		p.skip = r.pos
	} else if err := r.restart(ctx); err != nil {
		return part{}, err
	}
	return p, r.measure(resp.StatusCode, resp.ContentLength, v)
}

// rest takes an answer that begins at the requested byte of the file that the sink has the
// beginning of.
func (r *run) rest(ctx context.Context, resp *http.Response) (part, error) {
	c, ok := parseContentRange(resp.Header.Get("Content-Range"))
	v := versionOf(resp.Header)
	switch {
	case !ok || c.start != r.pos,
		resp.ContentLength >= 0 && resp.ContentLength != c.end-c.start,
		r.version.differs(v),
		r.total >= 0 && c.total >= 0 && c.total != r.total:
		return part{}, r.wrongRange(ctx, resp)
	}
	return part{body: resp.Body, end: c.end}, r.measure(resp.StatusCode, c.total, v)
}

// wrongRange restarts the download after an answer that does not continue the bytes of the sink.
func (r *run) wrongRange(ctx context.Context, resp *http.Response) error {
	err := &RangeError{Offset: r.pos, Answer: resp.Header.Get("Content-Range")}
	if fail := r.restart(ctx); fail != nil {
		return fail
	}
	return &again{error: err}
}

// beyond judges status 416: according to the server there are no bytes from pos on.
func (r *run) beyond(ctx context.Context, resp *http.Response) error {
	c, ok := parseContentRange(resp.Header.Get("Content-Range"))
	known := ok && c.start < 0
	switch {
	case r.pos == 0:
		return &StatusError{Status: resp.StatusCode}
	case known && c.total != r.pos:
		return r.wrongRange(ctx, resp) // another file
	case r.pos == r.src.Size:
		return nil
	case known:
		return r.complete(r.pos)
	}
	return r.wrongRange(ctx, resp)
}

// measure stores total and version of the file and calls OnAttempt, also for an attempt that then
// fails because its size does not fit.
func (r *run) measure(status int, total int64, v version) error {
	r.total = max(r.total, total)
	r.version.merge(v)
	r.opts.OnAttempt(Attempt{Number: r.number, Offset: r.pos, Status: status, Total: r.total})
	if total < 0 {
		return nil
	}
	if err := r.tooLong(total); err != nil {
		return err
	}
	return r.complete(total)
}

// contentRange is the header of that name (RFC 9110 section 14.4), with an exclusive end. The start
// is negative in "bytes */total", the total in "bytes a-b/*".
type contentRange struct{ start, end, total int64 }

func parseContentRange(s string) (contentRange, bool) {
	s, ok := strings.CutPrefix(s, "bytes ")
	span, size, found := strings.Cut(s, "/")
	if !ok || !found {
		return contentRange{}, false
	}
	c := contentRange{start: -1, end: -1, total: -1}
	if size != "*" {
		if c.total, ok = number(size); !ok {
			return contentRange{}, false
		}
	}
	if span == "*" {
		return c, c.total >= 0
	}
	from, to, found := strings.Cut(span, "-")
	first, ok1 := number(from)
	last, ok2 := number(to)
	c.start, c.end = first, last+1
	return c, found && ok1 && ok2 && first <= last && (c.total < 0 || last < c.total)
}

// number reads up to 18 digits, which are enough for any file.
func number(s string) (int64, bool) {
	if s == "" || len(s) > 18 || strings.Trim(s, "0123456789") != "" {
		return -1, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// retryAfter reads the header of that name (RFC 9110 section 10.2.3): seconds or a date.
func retryAfter(s string, now time.Time) time.Duration {
	if n, ok := number(s); ok {
		return min(time.Duration(min(n, 1<<20))*time.Second, maxRetryAfter)
	}
	at, err := http.ParseTime(s)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
