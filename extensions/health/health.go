package health

import (
	"cmp"
	"errors"
	"strconv"

	"github.com/hublink-go/hublink/extensions"
)

// Version of the health extension of NervesHub that is spoken.
const Version = "0.0.1"

// Options of the report. The zero value reports the machine and adds nothing.
type Options struct {
	Disk     string            // any path on the file system to report; empty: "/"
	Metadata map[string]string // sent with each report, as it is
	// Metrics are numbers of the program's, by name: at most 64 bytes of it, spaces removed. They
	// replace own ones of the same name.
	Metrics func() map[string]float64
	// Alarms are those raised now: descriptions by name. Nil or empty: none.
	Alarms func() map[string]string
	// Checks are run for each report; an error is a failed check, and its text the note.
	Checks map[string]func() error
	Root   string // the folder that has proc and sys; empty: "/"
}

// New makes the factory of the extension "health". The maps and functions of opts must not be
// changed afterwards.
func New(opts Options) extensions.Factory {
	opts.Disk = cmp.Or(opts.Disk, "/")
	opts.Root = cmp.Or(opts.Root, "/")
	return extensions.Factory{
		Name:     "health",
		Versions: []string{Version},
		New: func(host extensions.Host) (extensions.Extension, error) {
			return &extension{host: host, opts: opts, source: source{root: opts.Root, disk: opts.Disk}}, nil
		},
	}
}

type extension struct {
	host    extensions.Host
	opts    Options
	source  source
	usage   usage
	unknown int // messages that this version does not know
}

// Handle implements extensions.Extension.
func (x *extension) Handle(e extensions.Event) error {
	if e.Kind != extensions.Message {
		return nil
	}
	if e.Name != "check" {
		x.unknown++
		return nil
	}
	err := x.host.Push("report", report{Value: x.collect()})
	if errors.Is(err, extensions.ErrDetached) || errors.Is(err, extensions.ErrBusy) {
		return nil // the connection is lost or slow: the hub asks again
	}
	return err
}

// metadata returns the program's, and the number of the hub's messages that this version does not
// know.
func (x *extension) metadata() map[string]string {
	all := tidy(x.opts.Metadata)
	if x.unknown > 0 {
		all["health_unknown_messages"] = strconv.Itoa(x.unknown)
	}
	return all
}
