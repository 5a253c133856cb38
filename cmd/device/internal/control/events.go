package control

import "encoding/json"

// Events that connections can subscribe to. Nothing is replayed to who subscribes late: ask for the
// status.
const (
	EventConnection = "connection"       // ConnectionEvent
	EventProgress   = "update_progress"  // ProgressEvent
	EventInstalled  = "update_installed" // InstalledEvent
	EventFailed     = "update_failed"    // FailedEvent
)

// ConnectionEvent is sent when the device becomes "connected" or "disconnected".
type ConnectionEvent struct {
	State string `json:"state"`
}

// ProgressEvent is how far an update is.
type ProgressEvent struct {
	Stage   string `json:"stage"`
	Percent int    `json:"percent"`
}

// InstalledEvent is sent when a firmware is in place, before the reboot.
type InstalledEvent struct {
	Firmware *Firmware `json:"firmware"`
}

// FailedEvent is why an update failed.
type FailedEvent struct {
	Reason string `json:"reason"`
}

// maxEvents wait for a slow reader; beyond that the oldest are dropped.
const maxEvents = 64

// Publish tells an event to those who subscribed to it. It never blocks.
func (s *Server) Publish(event string, payload any) {
	raw, err := json.Marshal(payload)
	if err != nil {
		s.opts.Logger.Warn().
			Err(err).
			Str("event", event).
			Msg("control socket: the event cannot be written")
		return
	}
	f := Frame{Type: typeEvent, Event: event, Payload: raw}
	s.mu.Lock()
	defer s.mu.Unlock()
	for x := range s.sessions {
		if x.wants(event) {
			x.offer(f)
		}
	}
}

// offer queues f. Only Publish calls it, under the server's lock.
func (s *session) offer(f Frame) {
	for {
		select {
		case s.events <- f:
			return
		default:
		}
		select {
		case <-s.events:
			s.server.opts.Logger.Debug().Msg("control socket: a slow reader, the oldest event is dropped")
		default:
		}
	}
}

// pump sends the events until ended.
func (s *session) pump(ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case f := <-s.events:
			if s.send(f) != nil {
				_ = s.conn.Close() // which ends serve
				return
			}
		}
	}
}

// want replaces the list of events.
func (s *session) want(events []string) {
	wanted := make(map[string]bool, len(events))
	for _, e := range events {
		wanted[e] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted = wanted
}

func (s *session) wants(event string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wanted[event]
}
