package hubapi

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/hublink-go/hublink/protocol/hubtest"
)

//go:embed openapi.json
var description []byte

// maxBody bounds a request, but for the bytes of a firmware.
const maxBody = 8 << 20

// Options are what a call takes that says nothing else. The zero value is NervesHub's.
type Options struct {
	DrainBatch  int           // sockets at a time; zero: 1000
	DrainEvery  time.Duration // between two batches; zero: 4 s
	DrainWithin time.Duration // after which the rest is closed with 1000; zero: 30 s
}

// API answers the calls of an operator.
type API struct {
	hub      *hubtest.Hub
	opts     Options
	firmware library
	mux      http.ServeMux
	from     http.CrossOriginProtection
}

// New makes the interface of a hub. Uploaded firmware is kept in dir.
func New(hub *hubtest.Hub, dir string, o Options) *API {
	o.DrainBatch = cmp.Or(o.DrainBatch, 1000)
	o.DrainEvery = cmp.Or(o.DrainEvery, 4*time.Second)
	o.DrainWithin = cmp.Or(o.DrainWithin, 30*time.Second)
	a := &API{hub: hub, opts: o}
	a.firmware.hub, a.firmware.dir, a.firmware.files = hub, dir, map[string]*stored{}
	for pattern, call := range map[string]call{
		"GET /v1/stats":      a.stats,
		"GET /v1/settings":   a.settings,
		"PATCH /v1/settings": a.change,
		"POST /v1/drain":     a.drain,
		"POST /v1/refuse":    a.refuse,
		"DELETE /v1/refuse":  a.admit,
		"POST /v1/cut":       a.cut,

		"GET /v1/devices":                      a.devices,
		"GET /v1/devices/{id}":                 a.device(showDevice),
		"PUT /v1/devices/{id}":                 a.know,
		"DELETE /v1/devices/{id}":              a.device(removeDevice),
		"GET /v1/devices/{id}/messages":        a.device(listMessages),
		"GET /v1/devices/{id}/updates":         a.device(showUpdates),
		"GET /v1/devices/{id}/reports":         a.device(showReports),
		"POST /v1/devices/{id}/push":           a.device(pushEvent),
		"POST /v1/devices/{id}/update":         a.device(a.update),
		"PUT /v1/devices/{id}/mode":            a.device(a.mode),
		"DELETE /v1/devices/{id}/penalty":      a.device(unblock),
		"PUT /v1/devices/{id}/connecting-code": a.device(setConnectingCode),
		"POST /v1/devices/{id}/script":         a.device(runScript),
		"POST /v1/devices/{id}/extensions":     a.device(changeExtensions),
		"GET /v1/devices/{id}/shells/{shell}":  a.device(readShell),
		"POST /v1/devices/{id}/shells/{shell}": a.device(typeKeys),
		"POST /v1/devices/{id}/disconnect":     a.device(disconnect),
		"POST /v1/devices/{id}/crash":          a.device(crashChannel),
		"POST /v1/devices/{id}/close":          a.device(closeChannel),
		"POST /v1/devices/{id}/refuse-joins":   a.device(refuseJoins),

		"GET /v1/firmware":                    a.firmware.list,
		"POST /v1/firmware":                   a.firmware.add,
		"POST /v1/firmware/{uuid}/faults":     a.firmware.inject,
		"DELETE /v1/firmware/{uuid}/faults":   a.firmware.heal,
		"POST /v1/firmware/{uuid}/archive":    a.firmware.offerArchive,
		"POST /v1/firmware/{uuid}/deployment": a.firmware.deploy,
		"DELETE /v1/archive":                  a.firmware.withdrawArchive,
		"GET /v1/deployments":                 a.firmware.deployments,
		"DELETE /v1/deployments/{deployment}": a.firmware.stopDeployment,
	} {
		a.mux.HandleFunc(pattern, answer(call))
	}
	a.mux.HandleFunc("GET /openapi.json", a.file("application/json", description))
	a.mux.HandleFunc("GET /ca.pem", a.file("application/x-pem-file", hub.CA()))
	return a
}

// Close removes the uploads. The hub must have been closed.
func (a *API) Close() error { return a.firmware.close() }

// ServeHTTP implements http.Handler. What another site's page has a browser do is refused: the
// interface has no password.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a.from.Check(r) != nil {
		err := errors.New(
			"the call comes from the page of another site: use curl, or a page of this address",
		)
		answer(func(*http.Request) (any, error) { return nil, statusError{http.StatusForbidden, err} })(w,
			r)
		return
	}
	h, pattern := a.mux.Handler(r)
	if pattern != "" {
		a.mux.ServeHTTP(w, r)
		return
	}
	var refused refusal
	h.ServeHTTP(&refused, r)
	allow := refused.Header().Get("Allow")
	err := fmt.Errorf("there is no %s %s: see /openapi.json", r.Method, r.URL.Path)
	if allow != "" {
		w.Header().Set("Allow", allow)
		err = fmt.Errorf("%s takes %s and not %s: see /openapi.json", r.URL.Path, allow, r.Method)
	}
	answer(func(*http.Request) (any, error) { return nil, statusError{refused.status, err} })(w, r)
}

// refusal keeps the answer of a mux to an unknown call.
type refusal struct {
	header http.Header
	status int
}

func (r *refusal) Header() http.Header {
	if r.header == nil {
		r.header = http.Header{}
	}
	return r.header
}

func (r *refusal) WriteHeader(status int) { r.status = status }

func (r *refusal) Write(p []byte) (int, error) { return len(p), nil }

// call does what is asked for and returns what to answer; nil is an empty object.
type call func(r *http.Request) (any, error)

// statusError is an error with an HTTP status of its own; others are 400.
type statusError struct {
	status int
	error
}

func notFound(format string, args ...any) error {
	return statusError{http.StatusNotFound, fmt.Errorf(format, args...)}
}

func answer(do call) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := do(r)
		status := http.StatusOK
		var own statusError
		var large *http.MaxBytesError
		switch {
		case err == nil:
		case errors.As(err, &own):
			status = own.status
		case errors.As(err, &large):
			status = http.StatusRequestEntityTooLarge
		case errors.Is(err, hubtest.ErrOffline):
			status = http.StatusConflict
		case errors.Is(err, context.DeadlineExceeded):
			status = http.StatusGatewayTimeout
		default:
			status = http.StatusBadRequest
		}
		if err != nil {
			v = map[string]string{"error": err.Error()}
		} else if v == nil {
			v = struct{}{}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v) // the caller has gone away
	}
}

func (a *API) file(kind string, content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if content == nil {
			http.Error(w,
				"there is none: the hub speaks without TLS, or with a certificate that was given to it",
				http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(content)
	}
}

// decode takes the JSON object of a request, strictly. An empty body leaves v as it is.
func decode(r *http.Request, v any) error {
	d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is something behind the JSON object")
			if more != nil {
				err = fmt.Errorf("behind the JSON object: %w", more)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("read the request: %w: /openapi.json says what %s %s takes", err, r.Method,
			r.URL.Path)
	}
	return nil
}
