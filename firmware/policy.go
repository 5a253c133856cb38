package firmware

import (
	"fmt"
	"math"

	"github.com/Masterminds/semver/v3"
)

// Policy decides which offers are refused before the client is asked. The zero value takes newer
// firmware of the same product, platform and architecture, with a checksum.
type Policy struct {
	AllowDowngrade  bool // take any version but the running firmware itself
	AllowUnverified bool // take offers without a checksum, as hubs up to 2.4.0 make them
	// refuse versions below this one; empty: none
	MinimumVersion string
}

// Limits of an offer, so that it fits a journal.
const (
	maxURL  = 16 << 10
	maxMeta = 64 << 10
)

// Refusal is why an offer is not taken.
type Refusal struct {
	Status Status // StatusIgnored or StatusFailed; 0 means that the offer is taken
	Reason string
}

func ignore(format string, args ...any) Refusal {
	return Refusal{StatusIgnored, fmt.Sprintf(format, args...)}
}

func failure(format string, args ...any) Refusal {
	return Refusal{StatusFailed, fmt.Sprintf(format, args...)}
}

// Judge applies the policy to an offer for a device in the state boot. It fails an offer that is
// inconsistent or does not fit the device, and ignores one that the device does not want.
func (p Policy) Judge(boot BootState, o *Offer) Refusal {
	if r := wanted(boot, o); r.Status != 0 {
		return r
	}
	if r := p.newer(boot.Meta["version"], o.Version()); r.Status != 0 {
		return r
	}
	if r := p.atLeast(o.Version()); r.Status != 0 {
		return r
	}
	if o.Checksum == "" && !p.AllowUnverified {
		return failure("no checksum in the offer: the policy asks for one")
	}
	return consistent(boot, o)
}

// wanted refuses the running firmware, and firmware for another product, platform or architecture.
func wanted(boot BootState, o *Offer) Refusal {
	if o.Problem != "" {
		return failure("the offer cannot be read: %s", o.Problem)
	}
	if o.UUID == "" {
		return failure("the offer names no firmware: its uuid is missing")
	}
	if o.UUID == boot.Meta["uuid"] {
		return ignore("this firmware is running already")
	}
	for _, key := range [...]string{"product", "platform", "architecture"} {
		if running, offered := boot.Meta[key], o.Meta[key]; running != offered {
			return ignore(
				"the firmware is for the %s %q, the device has %q",
				key,
				shorten(offered, 64),
				shorten(running, 64),
			)
		}
	}
	return Refusal{}
}

func (p Policy) newer(running, offered string) Refusal {
	if p.AllowDowngrade {
		return Refusal{}
	}
	was, errRunning := semver.NewVersion(running)
	will, errOffered := semver.NewVersion(offered)
	switch {
	case len(running) > maxReason || len(offered) > maxReason || errRunning != nil ||
		errOffered != nil:
		return ignore(
			"version %q cannot be compared with the running %q, and the policy takes newer ones only",
			shorten(offered, 64),
			shorten(running, 64),
		)
	case !will.GreaterThan(was):
		return ignore(
			"version %s is not newer than the running %s, and the policy takes newer ones only",
			shorten(offered, 64),
			shorten(running, 64),
		)
	}
	return Refusal{}
}

// atLeast refuses versions below the policy's lowest, and what cannot be compared with that.
func (p Policy) atLeast(offered string) Refusal {
	if p.MinimumVersion == "" {
		return Refusal{}
	}
	least, err := semver.NewVersion(p.MinimumVersion)
	if err != nil {
		return failure("the policy's lowest version %q is none", shorten(p.MinimumVersion, 64))
	}
	if will, err := semver.NewVersion(shorten(offered, 256)); err != nil || will.LessThan(least) {
		return ignore("version %q is below %s, the lowest that the policy takes",
			shorten(offered, 64), least)
	}
	return Refusal{}
}

// consistent refuses an offer whose parts contradict each other, or that does not fit the slot.
func consistent(boot BootState, o *Offer) Refusal {
	if o.URL == "" || len(o.URL) > maxURL {
		return failure("the offer has no address to download from, or one of more than %d bytes", maxURL)
	}
	meta := 0
	for key, value := range o.Meta {
		meta += len(key) + len(value)
	}
	if meta > maxMeta {
		return failure("the description of the firmware has %d bytes, more than %d", meta, maxMeta)
	}
	if o.Checksum != "" && !isSum(o.Checksum) {
		return failure("the checksum of the offer is not a SHA-256 in hex")
	}
	for i, part := range o.Partials {
		if !isSum(part) {
			return failure("part hash %d of the offer is not a SHA-256 in hex", i)
		}
	}
	parts := int64(len(o.Partials))
	switch {
	case o.Size < 0 || o.Size > math.MaxInt64-PartSize:
		return failure("the offer has the impossible size of %d bytes", o.Size)
	case parts > maxParts:
		return failure("the offer has %d part hashes, more than %d", parts, maxParts)
	case parts > 0 && o.Size > 0 && parts != (o.Size+PartSize-1)/PartSize:
		return failure("the offer contradicts itself: %d part hashes for %d bytes", parts, o.Size)
	case boot.Capacity > 0 && o.Size > boot.Capacity:
		return failure("%v", &TooLargeError{Size: o.Size, Capacity: boot.Capacity})
	case boot.Capacity <= 0 && o.Size == 0:
		return failure("neither the offer nor the slot says how large the firmware may be")
	}
	return Refusal{}
}
