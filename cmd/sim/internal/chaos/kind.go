package chaos

import (
	"fmt"
	"strings"
)

// Kind is a sort of actor that can be killed.
type Kind uint8

// The kinds, in the order of reports.
const (
	Connection Kind = iota
	DeviceChannel
	Updater
	Downloader
	Applier
	Client
	ExtensionsChannel
	Extension
	kinds
)

// victim says where the actors of a kind live below their device, and whose limit their crashes
// count against.
type victim struct {
	name       string
	path       string
	counted    string // path of the supervisor that counts, below the device; "" is the device itself
	uncounted  bool   // temporary children: nobody counts
	inTransfer bool   // lives only while an update is downloaded; its path is a prefix
}

var victims = [kinds]victim{
	Connection:    {name: "connection", path: "link/connection", counted: "link"},
	DeviceChannel: {name: "channel/device", path: "link/channel/device", counted: "link"},
	Updater:       {name: "updater", path: "update/updater", counted: "update"},
	Downloader: {
		name:       "downloader",
		path:       "update/transfers/downloader",
		uncounted:  true,
		inTransfer: true,
	},
	Applier: {
		name:       "applier",
		path:       "update/transfers/applier",
		uncounted:  true,
		inTransfer: true,
	},
	Client:            {name: "client", path: "client", counted: ""},
	ExtensionsChannel: {name: "channel/extensions", path: "link/channel/extensions", counted: "link"},
	Extension: {
		name:    "extension/health",
		path:    "extensions/health/health",
		counted: "extensions/health",
	},
}

// String is the name in reports and on the command line.
func (k Kind) String() string {
	if k < kinds {
		return victims[k].name
	}
	return "unknown"
}

// at reports whether an actor of this kind lives at path, below its device.
func (k Kind) at(path string) bool {
	v := victims[k]
	return path == v.path || v.inTransfer && strings.HasPrefix(path, v.path)
}

// ParseKinds reads what --kill takes: all, or the name of one kind.
func ParseKinds(name string) ([]Kind, error) {
	all := make([]Kind, 0, kinds)
	names := make([]string, 0, kinds)
	for k := range kinds {
		if name == k.String() {
			return []Kind{k}, nil
		}
		all, names = append(all, k), append(names, k.String())
	}
	if name == "all" {
		return all, nil
	}
	return nil, fmt.Errorf(
		"there is no actor %q: give all or one of %s",
		name,
		strings.Join(names, ", "),
	)
}
