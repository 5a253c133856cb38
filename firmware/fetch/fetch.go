package fetch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"time"

	"github.com/hublink-go/hublink/firmware"
)

const (
	bufferSize    = 64 << 10
	firstDelay    = time.Second
	maxRetryAfter = 15 * time.Minute
)

// Fetch downloads src into sink and returns when the sink has the last byte. With an error, Result
// holds how far the download got. Fetch returns errors of the sink and the cause of ctx as they
// are. Other errors name the host and wrap *StatusError, *RedirectError, *EncodingError,
// *SlowError, *GaveUpError or, because of Source.Size and Source.Limit, *firmware.ExcessError,
// *firmware.ShortError or *firmware.TooLargeError.
func (d *Downloader) Fetch(ctx context.Context, src Source, sink Sink) (Result, error) {
	u, err := parse(src)
	if err != nil {
		return Result{Size: src.Offset, Validator: src.Validator}, err
	}
	if src.Size > 0 && src.Offset == src.Size {
		return Result{Size: src.Size, Validator: src.Validator}, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, d.opts.MaxTime, &SlowError{Within: d.opts.MaxTime})
	defer cancel()
	r := &run{
		opts: &d.opts, rt: d.rt, url: u, src: src, sink: sink, pos: src.Offset, furthest: src.Offset,
		shortAt: -1, total: -1,
		version: parseVersion(src.Validator), pace: newPace(&d.opts), buf: make([]byte, bufferSize),
	}
	err = r.loop(ctx)
	var foreign sinkError
	switch {
	case errors.As(err, &foreign):
		err = foreign.error
	case err != nil:
		err = fmt.Errorf("download from %s: %w", u.Hostname(), err)
	}
	return Result{Size: r.pos, Attempts: r.number, Validator: r.version.String()}, err
}

// parse checks src. It returns no error of url.Parse, because these quote the URL.
func parse(src Source) (*url.URL, error) {
	u, err := url.Parse(src.URL)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("download: the URL cannot be used: it has to be http or https with a host")
	case src.Offset < 0 || src.Size < 0 || src.Limit < 0:
		return nil, fmt.Errorf("download: offset %d, size %d, limit %d: none may be negative",
			src.Offset, src.Size, src.Limit)
	case src.Size > 0 && src.Offset > src.Size:
		return nil, fmt.Errorf("download: offset %d is beyond the size of %d", src.Offset, src.Size)
	case src.Limit > 0 && src.Size > src.Limit:
		return nil, &firmware.TooLargeError{Size: src.Size, Capacity: src.Limit}
	}
	return u, nil
}

// sinkError marks an error of the sink.
type sinkError struct{ error }

// loop makes attempts until the sink has the file or an error is final.
func (r *run) loop(ctx context.Context) error {
	for {
		err := r.attempt(ctx)
		r.number++
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var retry *again
		if !errors.As(err, &retry) {
			return err
		}
		if r.pos > r.furthest { // a byte that is new even after a restart
			r.furthest, r.tries = r.pos, 0
			if retry.more {
				continue
			}
		} else if r.tries++; r.tries >= r.opts.Tries {
			return &GaveUpError{Tries: r.tries, Err: retry.error}
		}
		if err := r.wait(ctx, retry); err != nil {
			return err
		}
	}
}

// wait sleeps before the next attempt for a random time whose limit doubles with each try without a
// new byte (full jitter).
func (r *run) wait(ctx context.Context, retry *again) error {
	most := min(r.opts.RetryDelay, firstDelay<<min(r.tries, 20))
	wait := retry.after + r.jitter(most)
	if r.answered && retry.after == 0 && !r.pace.spend(wait) {
		return r.pace.err() // a server that sends a byte at a time and then hangs up
	}
	r.opts.OnRetry(retry.error, wait)
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *run) jitter(most time.Duration) time.Duration {
	if r.opts.Rand != nil {
		return time.Duration(r.opts.Rand.Int64N(int64(most)))
	}
	return rand.N(most)
}
