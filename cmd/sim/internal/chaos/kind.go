package chaos

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is a sort of actor that can be killed, under its name in reports and on the command line.
type Kind string

// The kinds that every device has.
const (
	Connection        Kind = "connection"
	DeviceChannel     Kind = "channel/device"
	Updater           Kind = "updater"
	Downloader        Kind = "downloader"
	Applier           Kind = "applier"
	Client            Kind = "client"
	ExtensionsChannel Kind = "channel/extensions"
)

// extensionKind begins the kinds of extensions; alone it means all of them.
const extensionKind = "extension"

// Extension returns the kind of the extension of that name.
func Extension(name string) Kind { return Kind(extensionKind + "/" + name) }

// victim is where the actors of a kind live below their device, and the supervisor that counts
// their crashes.
type victim struct {
	kind       Kind
	path       string
	counted    string // path of the supervisor that counts, below the device; "" is the device itself
	uncounted  bool   // temporary children: their crashes count nowhere
	inTransfer bool   // lives only while an update is downloaded; its path is a prefix
}

// victims are those of the kinds that every device has, in the order of reports.
var victims = []victim{
	{kind: Connection, path: "link/connection", counted: "link"},
	{kind: DeviceChannel, path: "link/channel/device", counted: "link"},
	{kind: Updater, path: "update/updater", counted: "update"},
	{kind: Downloader, path: "update/transfers/downloader", uncounted: true, inTransfer: true},
	{kind: Applier, path: "update/transfers/applier", uncounted: true, inTransfer: true},
	{kind: Client, path: "client", counted: ""},
	{kind: ExtensionsChannel, path: "link/channel/extensions", counted: "link"},
}

// victim returns where the actors of this kind live.
func (k Kind) victim() victim {
	if name, ok := strings.CutPrefix(string(k), extensionKind+"/"); ok {
		branch := "extensions/" + name
		return victim{kind: k, path: branch + "/" + name, counted: branch}
	}
	i := slices.IndexFunc(victims, func(v victim) bool { return v.kind == k })
	if i < 0 {
		return victim{kind: k, uncounted: true}
	}
	return victims[i]
}

// at reports whether an actor of this kind lives at path, below its device.
func (k Kind) at(path string) bool {
	v := k.victim()
	return path == v.path || v.inTransfer && strings.HasPrefix(path, v.path)
}

// Kinds returns all kinds of a device with these extensions, in the order of reports.
func Kinds(extensions []string) []Kind {
	all := make([]Kind, 0, len(victims)+len(extensions))
	for _, v := range victims {
		all = append(all, v.kind)
	}
	for _, name := range extensions {
		all = append(all, Extension(name))
	}
	return all
}

// ParseKinds reads what --kill takes: all, extension (each of those that a device has), or the name
// of one kind.
func ParseKinds(name string, extensions []string) ([]Kind, error) {
	all := Kinds(extensions)
	switch {
	case name == "all":
		return all, nil
	case name == extensionKind && len(extensions) > 0:
		return all[len(victims):], nil
	case slices.Contains(all, Kind(name)):
		return []Kind{Kind(name)}, nil
	}
	names := make([]string, len(all))
	for i, k := range all {
		names[i] = string(k)
	}
	return nil, fmt.Errorf("there is no actor %q: give all, %s or one of %s",
		name, extensionKind, strings.Join(names, ", "))
}
