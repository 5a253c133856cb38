package hubtest

import "time"

// stopWithin is how long Stop waits for the devices. A close frame waits for what is being written,
// and then a second for its answer.
const stopWithin = 2 * time.Second

// Stop ends the hub as a node that is being replaced does: nobody is let in any more, every socket
// is closed with the code, 1012 for a restart, and what is left after two seconds is cut, as are
// downloads. It closes the hub.
func (h *Hub) Stop(code int) {
	h.front.close()
	h.mu.Lock()
	if h.emptied == nil {
		h.emptied = make(chan struct{})
		if len(h.links) == 0 {
			close(h.emptied)
		}
	}
	emptied := h.emptied
	h.mu.Unlock()
	h.CloseAll(code)
	timer := time.NewTimer(stopWithin)
	defer timer.Stop()
	select {
	case <-emptied:
	case <-timer.C:
	}
	h.Close()
}

// forget removes a link that has ended.
func (h *Hub) forget(l *link) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.links, l)
	if h.emptied != nil && len(h.links) == 0 {
		close(h.emptied) // once: nobody is let in while the hub stops
	}
}
