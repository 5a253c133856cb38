package firmware

import (
	"fmt"
	"log/slog"
	"time"
)

// PartSize is how many bytes a part hash of an offer covers (NervesHub: partials_checksums). The
// last part may be shorter.
const PartSize = 1 << 20

// maxParts bounds the part hashes of an offer: 64 GiB.
const maxParts = 1 << 16

// SignedURL is an address that carries a credential in its query. It prints as a fixed text;
// string(u) is the address.
type SignedURL string

const hidden = "(signed URL)"

// String hides the address.
func (SignedURL) String() string { return hidden }

// GoString hides the address.
func (SignedURL) GoString() string { return hidden }

// LogValue hides the address.
func (SignedURL) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the address.
func (SignedURL) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Offer is a firmware that the hub offers.
type Offer struct {
	UUID         string
	Meta         Metadata
	URL          SignedURL
	Size         int64    // bytes; 0 means not known
	Checksum     string   // SHA-256 in hex, either case; "" means not known
	Partials     []string // SHA-256 of each PartSize bytes in hex, either case; nil means not known
	DeploymentID int64    // 0 means pushed by hand
	Problem      string   // why it could not be read, so that it is refused; "" means none
}

// Source is a file to download, and what its bytes have to be.
type Source struct {
	URL      SignedURL
	Size     int64    // bytes; 0 means not known
	Checksum string   // SHA-256 in hex, either case; "" means not known
	Partials []string // SHA-256 of each PartSize bytes in hex, either case; nil means not known
}

// Source returns the file of the firmware.
func (o *Offer) Source() Source {
	return Source{URL: o.URL, Size: o.Size, Checksum: o.Checksum, Partials: o.Partials}
}

// Manual reports whether an operator pushed the firmware, rather than a deployment.
func (o *Offer) Manual() bool { return o.DeploymentID == 0 }

// Version returns the offered version; "" means that the hub gave none.
func (o *Offer) Version() string { return o.Meta["version"] }

// String returns uuid and version of the firmware, without its address.
func (o Offer) String() string {
	return fmt.Sprintf("firmware %q, version %q", o.UUID, o.Meta["version"])
}

// LogValue returns what identifies the firmware, without its address.
func (o Offer) LogValue() slog.Value {
	return slog.GroupValue(slog.String("uuid", o.UUID), slog.String("version", o.Meta["version"]),
		slog.Int64("size", o.Size), slog.Int64("deployment", o.DeploymentID))
}

// Target returns what the slot shall hold.
func (o *Offer) Target() Target {
	return Target{UUID: o.UUID, Meta: o.Meta, Size: o.Size, Checksum: lower(o.Checksum)}
}

// Verdict is what happens with an offer.
type Verdict uint8

// The verdicts of a decision.
const (
	ToApply      Verdict = iota // download it now
	ToIgnore                    // the hub offers it again after its penalty time, a day by default
	ToReschedule                // the hub, or the device for a manual push, asks again after the delay
)

// Decision is the answer to an offer; the zero value applies it.
type Decision struct {
	Verdict Verdict
	Delay   time.Duration // ToReschedule
	Reason  string        // the hub shows it to the operator
}

// Apply returns the decision to take the offer.
func Apply() Decision { return Decision{} }

// Ignore returns the decision to refuse the offer.
func Ignore(reason string) Decision { return Decision{Verdict: ToIgnore, Reason: reason} }

// Reschedule returns the decision to put the offer off for delay.
func Reschedule(delay time.Duration, reason string) Decision {
	return Decision{Verdict: ToReschedule, Delay: max(delay, 0), Reason: reason}
}
