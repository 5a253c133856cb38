package fetch

import (
	"net/http"
	"strings"
	"time"
)

// version distinguishes files at one URL by their validators (RFC 9110 section 8.8).
type version struct {
	etag     string // with its quotes
	modified string
	nameless bool // the server answered without a validator
}

func versionOf(h http.Header) version {
	v := version{etag: h.Get("ETag"), modified: h.Get("Last-Modified")}
	v.nameless = v.String() == ""
	return v
}

// parseVersion reads the result of String.
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

// String returns the ETag or else the date.
func (v version) String() string {
	if v.etag != "" {
		return v.etag
	}
	return v.modified
}

// condition returns the value of If-Range: a strong ETag, or else a date, or else "".
func (v version) condition() string {
	if v.strong() {
		return v.etag
	}
	return v.modified
}

func (v version) strong() bool { return strings.HasPrefix(v.etag, `"`) }

// same reports whether both certainly name the same bytes.
func (v version) same(other version) bool { return v.strong() && v.etag == other.etag }

// differs reports whether other is another file. A file that has a validator now and had none
// before is another one.
func (v version) differs(other version) bool {
	if v.nameless {
		return !other.nameless
	}
	if v.etag != "" && other.etag != "" {
		return v.etag != other.etag
	}
	return v.modified != "" && other.modified != "" && v.modified != other.modified
}

// merge adds the validators of other that v does not have.
func (v *version) merge(other version) {
	v.nameless = v.String() == "" && other.nameless
	if v.etag == "" {
		v.etag = other.etag
	}
	if v.modified == "" {
		v.modified = other.modified
	}
}

// pace measures a slow server: the time that is left decreases as it passes and grows with each
// byte, up to its first value.
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

// spend reports whether time is left after d.
func (p *pace) spend(d time.Duration) bool {
	p.left -= d
	return p.speed < 0 || p.left >= 0
}

func (p *pace) err() error { return &SlowError{MinSpeed: p.speed, Within: p.most} }
