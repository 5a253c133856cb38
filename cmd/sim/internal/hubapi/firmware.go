package hubapi

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"

	"github.com/hublink-go/hublink/protocol/hubtest"
)

// maxFirmware bounds what is made up, and what is uploaded.
const maxFirmware = 16 << 30

// stored is a firmware that the hub serves.
type stored struct {
	fw   *hubtest.Firmware
	file *os.File // nil: made up
}

// firmwareView describes a firmware.
type firmwareView struct {
	UUID         string `json:"uuid"`
	Product      string `json:"product"`
	Version      string `json:"version"`
	Platform     string `json:"platform"`
	Architecture string `json:"architecture"`
	Size         int64  `json:"size,omitempty"`
	Checksum     string `json:"checksum,omitempty"`
	Downloads    int    `json:"downloads,omitempty"`
}

func viewOf(m hubtest.Metadata) firmwareView {
	return firmwareView{
		UUID:         m.UUID,
		Product:      m.Product,
		Version:      m.Version,
		Platform:     m.Platform,
		Architecture: m.Architecture,
	}
}

func (s *stored) view() firmwareView {
	v := viewOf(s.fw.Metadata)
	v.Size, v.Checksum, v.Downloads = s.fw.Content.Size, s.fw.Checksum, s.fw.Served().Requests
	return v
}

// library is the firmware that an operator has given to the hub, and what comes of it.
type library struct {
	hub *hubtest.Hub
	dir string // of uploads

	mu    sync.Mutex
	files map[string]*stored // by UUID
}

// close removes the uploads. The hub must have been closed.
func (l *library) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, s := range l.files {
		if s.file != nil {
			errs = append(errs, s.file.Close(), os.Remove(s.file.Name()))
		}
	}
	clear(l.files)
	return errors.Join(errs...)
}

func (l *library) find(uuid string) (*stored, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.files[uuid]; s != nil {
		return s, nil
	}
	return nil, notFound("there is no firmware %q: POST one to /v1/firmware", uuid)
}

func (l *library) list(*http.Request) (any, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	views := make([]firmwareView, 0, len(l.files))
	for _, uuid := range slices.Sorted(maps.Keys(l.files)) {
		views = append(views, l.files[uuid].view())
	}
	return views, nil
}

// add takes a firmware, whose bytes are the body, or which is made up with size in the query. An
// archive of fwup describes itself; everything else is described by the query.
func (l *library) add(r *http.Request) (any, error) {
	s, content, err := l.content(r)
	var meta hubtest.Metadata
	if err == nil {
		meta, err = metadataOf(r.URL.Query(), content)
	}
	if err == nil {
		s.fw, err = l.hub.Firmware().Add(meta, content)
	}
	if err != nil {
		s.discard()
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.files[meta.UUID] = s
	return s.view(), nil
}

func (s *stored) discard() {
	if s != nil && s.file != nil {
		_, _ = s.file.Close(), os.Remove(s.file.Name())
	}
}

func (l *library) content(r *http.Request) (*stored, hubtest.Content, error) {
	if text := r.URL.Query().Get("size"); text != "" {
		size, err := strconv.ParseInt(text, 10, 64)
		if err != nil || size < 1 || size > maxFirmware {
			return nil, hubtest.Content{}, fmt.Errorf("add firmware: size %q: give bytes, 1 to %d", text,
				int64(maxFirmware))
		}
		return &stored{}, hubtest.Generated(uint64(size), size), nil
	}
	file, err := os.CreateTemp(l.dir, "firmware-*")
	if err != nil {
		return nil, hubtest.Content{}, fmt.Errorf("add firmware: %w", err)
	}
	s := &stored{file: file}
	size, err := io.Copy(file, http.MaxBytesReader(nil, r.Body, maxFirmware))
	switch {
	case err != nil:
		return s, hubtest.Content{}, fmt.Errorf("add firmware: %w", err)
	case size == 0:
		return s, hubtest.Content{}, errors.New(
			"add firmware: give the bytes as the body, or size in the query",
		)
	}
	return s, hubtest.Content{ReaderAt: file, Size: size}, nil
}

// faults are those of hubtest, by the names of the interface; n is bytes, a status, or hops.
func faults() map[string]func(n int64) hubtest.Fault {
	return map[string]func(n int64) hubtest.Fault{
		"cut":         hubtest.Cut,
		"stall":       hubtest.Stall,
		"slow":        hubtest.Slow,
		"status":      func(n int64) hubtest.Fault { return hubtest.Answer(int(n)) },
		"flip":        hubtest.Flip,
		"resize":      hubtest.Resize,
		"redirect":    func(n int64) hubtest.Fault { return hubtest.Redirect(int(n)) },
		"no-range":    func(int64) hubtest.Fault { return hubtest.NoRange() },
		"new-etag":    func(int64) hubtest.Fault { return hubtest.NewETag() },
		"wrong-total": hubtest.WrongTotal,
	}
}

func (l *library) inject(r *http.Request) (any, error) {
	s, err := l.find(r.PathValue("uuid"))
	if err != nil {
		return nil, err
	}
	var in struct {
		Kind  string `json:"kind"`
		N     int64  `json:"n"`
		Times int    `json:"times"` // requests; 0: all
		After int    `json:"after"` // requests to spare first
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	known := faults()
	newFault, ok := known[in.Kind]
	if !ok || in.N < 0 && in.Kind != "resize" && in.Kind != "wrong-total" || in.Times < 0 ||
		in.After < 0 {
		return nil, fmt.Errorf("fault %q with n %d: kind is one of %v, numbers are not negative", in.Kind,
			in.N, slices.Sorted(maps.Keys(known)))
	}
	if in.Kind == "status" && (in.N < 200 || in.N > 599) {
		return nil, fmt.Errorf("fault status with n %d: n is the status, 200 to 599", in.N)
	}
	fault := newFault(in.N).After(in.After)
	if in.Times > 0 {
		fault = fault.Times(in.Times)
	}
	s.fw.Inject(fault)
	return nil, nil
}

func (l *library) heal(r *http.Request) (any, error) {
	s, err := l.find(r.PathValue("uuid"))
	if err == nil {
		s.fw.Heal()
	}
	return nil, err
}

func (l *library) deploy(r *http.Request) (any, error) {
	s, err := l.find(r.PathValue("uuid"))
	if err != nil {
		return nil, err
	}
	var in struct {
		Concurrency int `json:"concurrency"` // 0: 10
		Attempts    int `json:"attempts"`    // 0: 3
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if in.Concurrency < 0 || in.Attempts < 0 {
		return nil, errors.New("deployment: concurrency and attempts must not be negative")
	}
	rollout := hubtest.Rollout{
		Firmware: s.fw, Concurrency: in.Concurrency, Attempts: in.Attempts,
	}
	return viewOfDeployment(l.hub.Rollouts().Start(rollout)), nil
}

// deploymentView is a rollout and what became of its offers.
type deploymentView struct {
	ID        int    `json:"id"`
	Firmware  string `json:"firmware"`
	Stopped   bool   `json:"stopped"`
	Active    int    `json:"active"`
	Offered   int    `json:"offered"`
	Completed int    `json:"completed"`
	Failed    int    `json:"failed"`
}

func viewOfDeployment(d *hubtest.Deployment) deploymentView {
	s := d.Stats()
	return deploymentView{
		ID: d.ID(), Firmware: d.Firmware.UUID, Stopped: d.Stopped(),
		Active: s.Active, Offered: s.Offered, Completed: s.Completed, Failed: s.Failed,
	}
}

func (l *library) deployments(*http.Request) (any, error) {
	all := l.hub.Rollouts().All()
	views := make([]deploymentView, 0, len(all))
	for _, d := range all {
		views = append(views, viewOfDeployment(d))
	}
	return views, nil
}

func (l *library) stopDeployment(r *http.Request) (any, error) {
	for _, d := range l.hub.Rollouts().All() {
		if strconv.Itoa(d.ID()) == r.PathValue("deployment") {
			d.Stop()
			return viewOfDeployment(d), nil
		}
	}
	return nil, notFound("there is no deployment %q: GET /v1/deployments lists them",
		r.PathValue("deployment"))
}

// offerArchive offers the file to all devices, now and whenever one joins.
func (l *library) offerArchive(r *http.Request) (any, error) {
	s, err := l.find(r.PathValue("uuid"))
	if err != nil {
		return nil, err
	}
	var in struct {
		Description string `json:"description"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	l.hub.Firmware().OfferArchive(s.fw, in.Description)
	return nil, nil
}

func (l *library) withdrawArchive(*http.Request) (any, error) {
	l.hub.Firmware().WithdrawArchive()
	return nil, nil
}
