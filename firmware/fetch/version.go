package fetch

import (
	"net/http"
	"strings"
	"time"
)

// version tells two files at the same URL apart (RFC 9110, section 8.8).
type version struct {
	etag     string // with its quotes
	modified string
	nameless bool // the server had the chance to say
}

func versionOf(h http.Header) version {
	v := version{etag: h.Get("ETag"), modified: h.Get("Last-Modified")}
	v.nameless = v.String() == ""
	return v
}

// parseVersion reads what String made.
func parseVersion(s string) version {
	switch {
	case s == "":
		return version{}
	case strings.HasSuffix(s, `"`):
		return version{etag: s}
	default:
		return version{modified: s}
	}
}

// String is the part that says most.
func (v version) String() string {
	if v.etag != "" {
		return v.etag
	}
	return v.modified
}

// condition is the value of If-Range: a strong ETag, or else a date; "" when there is neither.
func (v version) condition() string {
	if v.strong() {
		return v.etag
	}
	return v.modified
}

func (v version) strong() bool { return strings.HasPrefix(v.etag, `"`) }

// same reports whether both are the same bytes for certain.
func (v version) same(other version) bool { return v.strong() && v.etag == other.etag }

// differs reports whether other is another file. One that has a name now and had none is.
func (v version) differs(other version) bool {
	if v.nameless {
		return !other.nameless
	}
	if v.etag != "" && other.etag != "" {
		return v.etag != other.etag
	}
	return v.modified != "" && other.modified != "" && v.modified != other.modified
}

// merge learns what was not known.
func (v *version) merge(other version) {
	v.nameless = v.String() == "" && other.nameless
	if v.etag == "" {
		v.etag = other.etag
	}
	if v.modified == "" {
		v.modified = other.modified
	}
}

// pace is how much longer a slow server is borne with: time runs out as it passes and is earned
// with bytes, never more than at first.
type pace struct {
	speed int64
	most  time.Duration
	left  time.Duration
}

func newPace(o *Options) pace {
	return pace{speed: o.MinSpeed, most: o.Patience, left: o.Patience}
}

func (p *pace) earn(n int) {
	if p.speed > 0 {
		p.left = min(p.most, p.left+time.Duration(n)*time.Second/time.Duration(p.speed))
	}
}

// spend reports whether there is patience left after d.
func (p *pace) spend(d time.Duration) bool {
	p.left -= d
	return p.speed < 0 || p.left >= 0
}

func (p *pace) err() error { return &SlowError{MinSpeed: p.speed, Within: p.most} }
