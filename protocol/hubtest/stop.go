package hubtest

import "time"

// stopWithin is how long Stop waits for the devices. A close frame waits for what is being written,
// and then a second for its answer.
const stopWithin = 2 * time.Second

// Stop ends the hub as a node that is being replaced does: it lets no device in any more, closes
// every socket with the code, 1012 for a restart, and cuts what is left after two seconds,
// downloads included. It closes the hub.
func (h *Hub) Stop(code int) {
	h.front.close()
	emptied := h.registry.stop()
	h.Net().Close(code)
	timer := time.NewTimer(stopWithin)
	defer timer.Stop()
	select {
	case <-emptied:
	case <-timer.C:
	}
	h.Close()
}
