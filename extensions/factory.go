package extensions

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"
)

// NameMax is the longest name of an extension, in bytes.
const NameMax = 255

// HandleDeadline is the longest time of a call of Handle unless Factory.Deadline says otherwise.
const HandleDeadline = 8 * time.Second

// Factory makes the incarnations of one extension.
type Factory struct {
	// as the hub calls it: "health", "local_shell"; prefix of all its events
	Name     string
	Versions []string // spoken versions, most preferred first: "0.1.0", "0.0.1"
	// called for each start and restart; an error is a start failure
	New func(Host) (Extension, error)
	// a call of Handle that takes longer is abandoned; zero: HandleDeadline
	Deadline time.Duration
}

// Validate returns everything that is wrong with the factory as one error, or nil.
func (f Factory) Validate() error {
	var errs []error
	if !validName(f.Name) {
		errs = append(errs, fmt.Errorf("name is %q; want 1 to %d of a-z, 0-9, _ and -", f.Name, NameMax))
	}
	if len(f.Versions) == 0 {
		errs = append(errs, errors.New("no versions; want at least one"))
	}
	for i, v := range f.Versions {
		if _, err := semver.StrictNewVersion(v); err != nil {
			errs = append(errs, fmt.Errorf("version %q: want three numbers as in 0.1.0", v))
		}
		if slices.Contains(f.Versions[:i], v) {
			errs = append(errs, fmt.Errorf("version %q is listed twice", v))
		}
	}
	if f.New == nil {
		errs = append(errs, errors.New("the New function is missing"))
	}
	if f.Deadline < 0 {
		errs = append(errs, fmt.Errorf("deadline is %v; want zero or more", f.Deadline))
	}
	if len(errs) > 0 {
		return fmt.Errorf("extension %q: %w", f.Name, errors.Join(errs...))
	}
	return nil
}

// validName accepts what every hub takes as a name; the colon would end it, since events are
// `<name>:<event>`.
func validName(name string) bool {
	return name != "" && len(name) <= NameMax &&
		strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}

// Negotiate chooses the one version of each extension to offer in the join of the extensions
// channel (NervesHub extensions protocol): the first of Factory.Versions that the hub advertises,
// equal as strings. An extension without a common version is left out. A nil advertisement comes
// from a hub that is too old to advertise: then every extension is offered in its lowest version.
// The factories must be valid.
func Negotiate(factories []Factory, advertised map[string][]string) map[string]string {
	offer := make(map[string]string, len(factories))
	for _, f := range factories {
		if advertised == nil {
			offer[f.Name] = slices.MinFunc(f.Versions, compareVersions)
			continue
		}
		for _, v := range f.Versions {
			if slices.Contains(advertised[f.Name], v) {
				offer[f.Name] = v
				break
			}
		}
	}
	return offer
}

func compareVersions(a, b string) int {
	va, errA := semver.StrictNewVersion(a)
	vb, errB := semver.StrictNewVersion(b)
	if errA != nil || errB != nil {
		return strings.Compare(a, b)
	}
	return va.Compare(vb)
}
