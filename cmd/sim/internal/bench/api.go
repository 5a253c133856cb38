package bench

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/hublink-go/hublink/protocol/hubtest"
)

//go:embed openapi.json
var description []byte

// maxBody bounds a request, but for the bytes of a firmware.
const maxBody = 8 << 20

// API answers the calls of an operator.
type API struct {
	hub *hubtest.Hub
	dir string
	mux http.ServeMux

	mu       sync.Mutex
	firmware map[string]*stored // by UUID
}

// New makes the interface of a hub. Uploaded firmware is kept in dir.
func New(hub *hubtest.Hub, dir string) *API {
	a := &API{hub: hub, dir: dir, firmware: map[string]*stored{}}
	for pattern, call := range map[string]call{
		"GET /v1/stats":                       a.stats,
		"POST /v1/drain":                      a.drain,
		"POST /v1/refuse":                     a.refuse,
		"GET /v1/devices":                     a.devices,
		"GET /v1/devices/{id}":                a.device(a.show),
		"GET /v1/devices/{id}/messages":       a.device(a.messages),
		"POST /v1/devices/{id}/push":          a.device(a.push),
		"POST /v1/devices/{id}/update":        a.device(a.update),
		"POST /v1/devices/{id}/disconnect":    a.device(a.disconnect),
		"POST /v1/devices/{id}/crash":         a.device(a.crash),
		"GET /v1/firmware":                    a.list,
		"POST /v1/firmware":                   a.add,
		"POST /v1/firmware/{uuid}/faults":     a.inject,
		"DELETE /v1/firmware/{uuid}/faults":   a.heal,
		"POST /v1/firmware/{uuid}/deployment": a.deploy,
	} {
		a.mux.HandleFunc(pattern, answer(call))
	}
	a.mux.HandleFunc("GET /openapi.json", a.file("application/json", description))
	a.mux.HandleFunc("GET /ca.pem", a.file("application/x-pem-file", hub.CA()))
	return a
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

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
		switch {
		case err == nil:
		case errors.As(err, &own):
			status = own.status
		case errors.Is(err, hubtest.ErrOffline):
			status = http.StatusConflict
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
			http.Error(w, "there is none: the hub speaks without TLS", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(content)
	}
}

// read takes the JSON object of a request, strictly. An empty body leaves v as it is.
func read(r *http.Request, v any) error {
	d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the request: %w", err)
	}
	return nil
}
