package health

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/prometheus/procfs"
)

// link is one network interface as the hub's report describes it.
type link struct {
	Type    string `json:"type"` // ethernet, wifi, mobile, unknown
	Present bool   `json:"present"`
	// the kernel's operstate: up, down, dormant, unknown ...
	State string `json:"state"`
	// lan or disconnected; whether it leads to the internet is not tried
	Status  string             `json:"connection_status"`
	Metrics map[string]float64 `json:"metrics"`
	Meta    map[string]string  `json:"metadata"`
}

func (s source) counters() (procfs.NetDev, error) {
	fs, err := s.proc()
	if err != nil {
		return nil, err
	}
	// proc/net is a link to the reader's own network namespace, and self is always there.
	return fs.NetDev()
}

// choose returns the interfaces to report from their sorted names: not the loopback, those with
// hardware first, and at most interfacesMax, so that the interfaces of containers leave room for
// the other metrics.
func (s source) choose(names []string) []string {
	var backed, virtual []string
	for _, name := range names {
		switch {
		case name == "lo":
		case s.has(name, "device"):
			backed = append(backed, name)
		default:
			virtual = append(virtual, name)
		}
	}
	backed = append(backed, virtual...)
	return backed[:min(len(backed), interfacesMax)]
}

func (s source) has(name, entry string) bool {
	_, err := os.Stat(s.sys("net", filepath.Base(name), entry))
	return err == nil
}

func (s source) describe(name string) link {
	out := link{Type: s.kind(name), Present: true, State: "unknown", Status: "lan"}
	if text, err := os.ReadFile(s.sys("net", filepath.Base(name), "operstate")); err == nil {
		out.State = strings.TrimSpace(string(text))
	}
	if out.State == "down" || out.State == "lowerlayerdown" || out.State == "notpresent" {
		out.Status = "disconnected"
	}
	return out
}

func (s source) kind(name string) string {
	switch {
	case s.has(name, "wireless"), s.has(name, "phy80211"):
		return "wifi"
	case strings.HasPrefix(name, "ww"), strings.HasPrefix(name, "ppp"): // names of udev and pppd
		return "mobile"
	case strings.HasPrefix(name, "e"):
		return "ethernet"
	default:
		return "unknown"
	}
}
