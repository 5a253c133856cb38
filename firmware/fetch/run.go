package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/hublink-go/hublink/firmware"
)

// run is one Fetch.
type run struct {
	opts     *Options
	rt       http.RoundTripper
	url      *url.URL
	src      Source
	sink     Sink
	buf      []byte
	pace     pace
	number   int     // of the attempt, from 0
	tries    int     // attempts in a row without a new byte
	pos      int64   // of the next byte for the sink
	furthest int64   // highest pos
	shortAt  int64   // where the file ended too early; negative: nowhere
	total    int64   // bytes of the file according to the server; negative: not known
	version  version // of the file that the bytes before pos belong to
	answered bool    // the server answered the latest attempt with bytes
}

// errMore means that the server sends the file in pieces.
var errMore = errors.New("the server sent only a piece of the file")

// part is the content of an answer.
type part struct {
	body io.Reader
	skip int64 // bytes that the sink has already
	end  int64 // offset in the file where the body ends; negative: not known
}

// attempt makes one request and passes its bytes to the sink. It returns *again for an error that
// the next attempt may not have.
func (r *run) attempt(ctx context.Context) error {
	r.answered = false
	inner, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	idle := time.AfterFunc(r.opts.Stall, func() { cut(&StallError{After: r.opts.Stall}) })
	defer idle.Stop()
	resp, err := r.request(inner)
	if err != nil {
		return retryUnlessFinal(inner, err)
	}
	defer resp.Body.Close()
	idle.Stop()
	p, err := r.judge(ctx, resp)
	if err != nil || p.body == nil {
		return err
	}
	r.answered = true
	err = r.copy(ctx, p, idle)
	if errors.Is(err, errCut) {
		return retryUnlessFinal(inner, err)
	}
	return err
}

// retryUnlessFinal turns an error of the connection into *again.
func retryUnlessFinal(ctx context.Context, err error) error {
	var redirect *RedirectError
	var status *StatusError
	if errors.As(err, &redirect) || errors.As(err, &status) {
		return err
	}
	var stall *StallError
	if cause := context.Cause(ctx); errors.As(cause, &stall) {
		err = stall
	}
	return &again{error: err}
}

var errCut = errors.New("the connection broke")

// copy passes the body to the sink. idle cuts the attempt when it fires. It runs only while copy
// reads from the server.
func (r *run) copy(ctx context.Context, p part, idle *time.Timer) error {
	for {
		if p.end >= 0 && r.pos-p.skip >= p.end {
			return r.ended(p)
		}
		start := time.Now()
		idle.Reset(r.opts.Stall)
		n, err := p.body.Read(r.buf)
		idle.Stop()
		r.pace.earn(n)
		inTime := r.pace.spend(time.Since(start))
		skipped := min(p.skip, int64(n))
		p.skip -= skipped
		if fresh := r.buf[skipped:n]; len(fresh) > 0 {
			if err := r.deliver(ctx, fresh); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF:
			return r.ended(p)
		case err != nil && r.src.Size > 0 && r.pos == r.src.Size:
			return nil // only the end of the body is missing
		case err != nil:
			return fmt.Errorf("%w: %w", errCut, redact(err, r.url))
		case !inTime:
			return r.pace.err()
		}
	}
}

// deliver passes the next bytes to the sink, unless the file gets too long.
func (r *run) deliver(ctx context.Context, p []byte) error {
	if err := r.tooLong(r.pos + int64(len(p))); err != nil {
		return err
	}
	if err := r.sink.Write(ctx, p); err != nil {
		return sinkError{err}
	}
	r.pos += int64(len(p))
	return nil
}

// tooLong returns an error when a file of n bytes or more exceeds size or limit.
func (r *run) tooLong(n int64) error {
	switch {
	case r.src.Size > 0 && n > r.src.Size:
		return &firmware.ExcessError{Size: r.src.Size}
	case r.src.Size == 0 && r.src.Limit > 0 && n > r.src.Limit:
		return &firmware.TooLargeError{Size: n, Capacity: r.src.Limit}
	}
	return nil
}

// ended judges a body that ended without an error.
func (r *run) ended(p part) error {
	if r.total >= 0 && r.pos < r.total && p.end >= 0 {
		return &again{error: errMore, more: true}
	}
	return r.complete(r.pos)
}

// complete judges a file that ends after n bytes. A file that ends too early at the same byte twice
// is that short.
func (r *run) complete(n int64) error {
	if r.src.Size == 0 || n >= r.src.Size {
		return nil
	}
	err := &firmware.ShortError{Size: r.src.Size, Got: n}
	if r.shortAt == n {
		return err
	}
	r.shortAt = n
	return &again{error: err}
}

// restart continues the download with byte 0.
func (r *run) restart(ctx context.Context) error {
	r.version, r.total = version{}, -1
	if r.pos == 0 {
		return nil // the sink has nothing
	}
	if err := r.sink.Restart(ctx); err != nil {
		return sinkError{err}
	}
	r.pos = 0
	return nil
}
