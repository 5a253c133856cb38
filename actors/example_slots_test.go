package actors_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

// ramSlots is a slot writer of the embedder's own: two images in memory, for a device whose flash
// the agent knows nothing of. firmwaretest.TestSlots and firmwaretest.TestApplier say what one has
// to do.
type ramSlots struct {
	mu     sync.Mutex
	active string // "a" or "b"
	next   string
	meta   map[string]firmware.Metadata // by slot
	images map[string][]byte
	trial  bool
}

func newRAMSlots(running firmware.Metadata) *ramSlots {
	return &ramSlots{
		active: "a", next: "a", meta: map[string]firmware.Metadata{"a": running},
		images: map[string][]byte{},
	}
}

func (s *ramSlots) other() string { return map[string]string{"a": "b", "b": "a"}[s.active] }

func (s *ramSlots) State(context.Context) (firmware.BootState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return firmware.BootState{
		Active: s.active, Next: s.next, Meta: s.meta[s.active], Other: s.meta[s.other()],
		Validated: !s.trial, Capacity: 8 << 20,
	}, nil
}

func (s *ramSlots) Flip(_ context.Context, t firmware.Target) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = s.other()
	s.meta[s.next] = t.Meta
	return nil
}

func (s *ramSlots) Commit(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trial = false
	return nil
}

func (s *ramSlots) Revert(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.meta[s.other()] == nil {
		return errors.New("revert: there is no firmware to go back to")
	}
	s.next = s.other()
	return nil
}

// boot is what a boot loader does.
func (s *ramSlots) boot() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trial = s.next != s.active
	s.active = s.next
}

func (s *ramSlots) Begin(_ context.Context, t firmware.Target) (firmware.Staging, error) {
	const capacity = 8 << 20
	if t.Size > capacity {
		return nil, &firmware.TooLargeError{Size: t.Size, Capacity: capacity}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.meta, s.other())
	return &ramStaging{slots: s, slot: s.other()}, nil
}

type ramStaging struct {
	slots *ramSlots
	slot  string
	image []byte
}

func (st *ramStaging) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(st.image)) {
		return 0, io.EOF
	}
	n := copy(p, st.image[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (st *ramStaging) WriteAt(p []byte, off int64) (int, error) {
	st.image = append(st.image[:off], p...)
	return len(p), nil
}

func (st *ramStaging) Sync() error { return nil }

func (st *ramStaging) Finish(context.Context) error {
	st.slots.mu.Lock()
	defer st.slots.mu.Unlock()
	st.slots.images[st.slot] = st.image
	return nil
}

func (st *ramStaging) Abort() error { return nil }

// A device with a slot writer of the embedder's own takes an update: the new firmware is in the
// other slot when Run returns.
func Example_slots() {
	hub, err := hubtest.Start(hubtest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer hub.Close()

	slots := newRAMSlots(running)
	secret := hub.Secret("press-7")
	dev, err := actors.New(actors.Config{
		Identity: "press-7",
		Hub:      actors.Hub{URL: hub.URL(), Secret: &secret},
		Firmware: actors.Firmware{Slots: slots, Applier: slots, Journal: &ramJournal{}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	fw, err := hub.Firmware().Add(hubtest.Metadata{
		UUID: "22222222-2222-5222-8222-222222222222", Product: "press", Platform: "ram",
		Architecture: "generic", Version: "1.1.0",
	}, hubtest.Generated(1, 3<<20))
	if err != nil {
		fmt.Println(err)
		return
	}
	hub.Rollouts().Start(hubtest.Rollout{Firmware: fw}) // the hub offers it when the device has joined

	err = dev.Run(context.Background())
	fmt.Println(errors.Is(err, actors.ErrReboot))
	slots.boot()
	fmt.Println(slots.active, len(slots.images["b"]))
	// Output:
	// true
	// b 3145728
}

var running = firmware.Metadata{
	"uuid": "11111111-1111-5111-8111-111111111111", "product": "press", "platform": "ram",
	"architecture": "generic", "version": "1.0.0",
}

// ramJournal keeps the journal in memory. A device whose state has to survive a power cut uses
// actors.FileJournal.
type ramJournal struct {
	mu   sync.Mutex
	data []byte
}

func (j *ramJournal) Load() ([]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.data, nil
}

func (j *ramJournal) Save(data []byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.data = append([]byte(nil), data...)
	return nil
}
