package fetch

import (
	"context"
	"crypto/tls"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Options of a Downloader. The zero value has the defaults below.
type Options struct {
	// only its Transport is used; nil: the one of NewTransport(nil, nil)
	HTTP      *http.Client
	UserAgent string // empty: "hublink"
	// an attempt is cut when no answer or no byte arrives for this long; zero: 60 s
	Stall time.Duration
	// longest wait between two attempts apart from Retry-After; zero: 30 s
	RetryDelay time.Duration
	// attempts in a row without a new byte after which a download fails; zero: 10
	Tries int
	// bytes per second over Patience below which a download fails; zero: 3750, negative: any speed
	MinSpeed int64
	Patience time.Duration // zero: 5 min
	MaxTime  time.Duration // of a whole download; zero: 24 h
	// called when the headers of a 200 or 206 have arrived; nil: not called
	OnAttempt func(Attempt)
	// called when an attempt failed and the next one follows after wait; nil: not called
	OnRetry func(err error, wait time.Duration)
	// source of the waits, which allows only one Fetch at a time; nil: the one of math/rand
	Rand *rand.Rand
}

// Attempt is a request that the server answers with bytes, also when they are too many or too few.
type Attempt struct {
	Number int   // from 0, as in the header X-Retry-Number
	Offset int64 // of the next byte that the sink gets
	Status int   // 200 or 206
	Total  int64 // bytes of the file according to the server; negative: not known
}

// Source is the file to download.
type Source struct {
	URL    string // http or https; it may be signed
	Offset int64  // where to begin: bytes that the sink has from an earlier Fetch
	Size   int64  // bytes of the file as announced; 0: not known
	// bytes that the file may have when Size is not known, for instance the slot's capacity; 0: any
	// number
	Limit     int64
	Validator string // Result.Validator of the Fetch that Offset is from; empty: not known
}

// Sink takes the bytes of the file in order. An error of a method ends the download and is what
// Fetch returns.
type Sink interface {
	// Write takes the next bytes, at most 64 KiB. p is valid only during the call. Write blocks to
	// slow the download down.
	Write(ctx context.Context, p []byte) error
	// Restart discards all bytes: the next byte is byte 0, of a file that may be another one.
	Restart(ctx context.Context) error
}

// Result holds what was downloaded, or how far the download got.
type Result struct {
	Size      int64  // bytes of the file that the sink has now, those before Source.Offset included
	Attempts  int    // requests, not counting redirects
	Validator string // of the file, for a later Source; empty: the server gave none
}

// Downloader fetches files. Several goroutines may use it at a time unless Options.Rand is set.
type Downloader struct {
	opts Options
	rt   http.RoundTripper
}

// New makes a downloader. It starts no goroutine and opens no connection.
func New(o Options) *Downloader {
	or := func(d *time.Duration, standard time.Duration) {
		if *d <= 0 {
			*d = standard
		}
	}
	or(&o.Stall, time.Minute)
	or(&o.RetryDelay, 30*time.Second)
	or(&o.Patience, 5*time.Minute)
	or(&o.MaxTime, 24*time.Hour)
	if o.Tries <= 0 {
		o.Tries = 10
	}
	if o.MinSpeed == 0 {
		o.MinSpeed = 30_000 / 8 // 30 kbit/s, as in NervesHubLink
	}
	if o.UserAgent == "" {
		o.UserAgent = "hublink"
	}
	if o.OnAttempt == nil {
		o.OnAttempt = func(Attempt) {}
	}
	if o.OnRetry == nil {
		o.OnRetry = func(error, time.Duration) {}
	}
	d := &Downloader{opts: o}
	if o.HTTP != nil {
		d.rt = o.HTTP.Transport
	}
	if d.rt == nil {
		d.rt = NewTransport(nil, nil)
	}
	return d
}

// NewTransport returns the transport that a [Downloader] uses by default; trust and proxy may be
// nil. It speaks HTTP/1.1 only, because HTTP/2 would buffer megabytes for a sink that is slower
// than the server.
func NewTransport(trust *tls.Config, proxy func(*http.Request) (*url.URL, error)) *http.Transport {
	var p http.Protocols
	p.SetHTTP1(true)
	dialer := net.Dialer{Timeout: 30 * time.Second}
	return &http.Transport{
		Proxy: proxy, DialContext: dialer.DialContext, TLSClientConfig: trust,
		TLSHandshakeTimeout: 15 * time.Second, Protocols: &p,
		DisableCompression: true, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10,
	}
}
