package hubtest

import (
	"cmp"
	"slices"

	"github.com/Masterminds/semver/v3"

	"github.com/hublink-go/hublink/protocol"
)

// Profile is the NervesHub server that the hub behaves like.
type Profile uint8

// The profiles.
const (
	ProfileNew Profile = iota // today's server: advertises extensions, knows update modes
	// the server of August 2026, which the transcripts were recorded from
	ProfileSnapshot
	// release 2.4.0 and older: JSON only, unknown statuses are ignored, offers have no size and no
	// checksums
	ProfileOld
	profiles
)

func (p Profile) String() string {
	if p >= profiles {
		return "unknown profile"
	}
	return [profiles]string{"new", "snapshot", "2.4.0"}[p]
}

// rules are the differences between the servers.
type rules struct {
	advertise       bool // extensions:get lists names and versions
	modes           bool // update_mode and its requests
	fullOffer       bool // an offer has size, checksum and partials_checksums
	strictStatus    bool // a status outside of the set crashes the channel
	crashReason     bool // phx_error carries {"reason":"channel_crash"}
	dropNullJoinRef bool // pushes without a join_ref are dropped
	acceptFuture    bool // signatures from the future are accepted
	msgpack         bool // vsn 3.0.0 is served too
	kickCode        int  // the close code of a socket that another one replaces
	extensions      []offered
}

// offered is an extension that a server has, newest version first.
type offered struct {
	name     string
	versions []string
	ask      string // event that the hub asks it with; empty: NervesHub's, see requests
}

var oldest = []string{"0.0.1"}

func (p Profile) rules() rules {
	switch p {
	case ProfileOld:
		return rules{
			dropNullJoinRef: true, acceptFuture: true, kickCode: protocol.CloseNormal,
			extensions: []offered{
				{name: "geo", versions: oldest},
				{name: "health", versions: oldest},
				{name: "local_shell", versions: oldest},
				{name: "logging", versions: oldest},
			},
		}
	case ProfileSnapshot:
		return rules{
			msgpack: true, fullOffer: true, strictStatus: true, crashReason: true,
			kickCode: protocol.CloseGoingAway,
			extensions: []offered{
				{name: "geo", versions: oldest},
				{name: "health", versions: oldest},
				{name: "local_shell", versions: oldest},
				{name: "logging", versions: oldest},
				{name: "network_identity", versions: oldest},
			},
		}
	default:
		return rules{
			msgpack: true, advertise: true, modes: true, fullOffer: true, strictStatus: true,
			crashReason: true, kickCode: protocol.CloseGoingAway,
			extensions: []offered{
				{name: "alarms", versions: []string{"0.1.0"}},
				{name: "components", versions: oldest},
				{name: "error_reports", versions: []string{"0.1.0"}},
				{name: "geo", versions: oldest},
				{name: "health", versions: oldest},
				{name: "local_shell", versions: oldest},
				{name: "logging", versions: []string{"0.1.0", "0.0.1"}},
				{name: "metrics", versions: []string{"0.1.0"}},
				{name: "network_identity", versions: oldest},
			},
		}
	}
}

// extension finds an extension that the server has.
func (r *rules) extension(name string) (int, bool) {
	return slices.BinarySearchFunc(r.extensions, name, func(o offered, n string) int {
		return cmp.Compare(o.name, n)
	})
}

// serve adds an extension, or replaces the server's own of that name.
func (r *rules) serve(o offered) {
	i, replace := r.extension(o.name)
	if replace {
		r.extensions[i] = o
		return
	}
	r.extensions = slices.Insert(r.extensions, i, o)
}

// request is the event that the hub asks an extension with; empty: it asks for nothing.
func (r *rules) request(name string) string {
	if i, ok := r.extension(name); ok && r.extensions[i].ask != "" {
		return r.extensions[i].ask
	}
	return requests[name]
}

// serves reports whether the server has the extension at a version (NervesHub: the requirement is
// "~> x", the same major and minor and a patch that is no older).
func (r *rules) serves(name, version string) bool {
	i, ok := r.extension(name)
	if !ok {
		return false
	}
	v, err := semver.StrictNewVersion(version)
	return err == nil &&
		slices.ContainsFunc(r.extensions[i].versions, func(have string) bool { return roughly(v, have) })
}

// roughly is Elixir's "~> have".
func roughly(v *semver.Version, have string) bool {
	want, err := semver.StrictNewVersion(have)
	return err == nil && v.Major() == want.Major() && v.Minor() == want.Minor() && !v.LessThan(want)
}

// atLeast compares the version of the device API.
func atLeast(v *semver.Version, major, minor uint64) bool {
	return v.Major() > major || v.Major() == major && v.Minor() >= minor
}
