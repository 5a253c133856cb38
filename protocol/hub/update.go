package hub

import (
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Limits of the parts of an offer. The values are decisions.
const (
	urlMax      = 16 << 10
	partialsMax = 1 << 20
	metaMax     = 64 // entries
	metaTextMax = 4096
	sumLen      = 64 // hex digits of a SHA-256
)

// ErrNoUpdate is the hub's answer that it has no update: neither an offer nor a fault.
var ErrNoUpdate = errors.New("no update available")

// SignedURL is a URL that carries a credential in its query. It prints as a fixed text; string(u)
// is the URL.
type SignedURL string

const hidden = "(signed URL)"

// String hides the URL.
func (SignedURL) String() string { return hidden }

// GoString hides the URL.
func (SignedURL) GoString() string { return hidden }

// LogValue hides the URL.
func (SignedURL) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the URL.
func (SignedURL) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Update is the hub's offer of a firmware.
type Update struct {
	URL SignedURL // http or https, with a host; valid for a day at most
	// Meta describes the target firmware, for a delta too: uuid, version, product, platform,
	// architecture and others, without empty values.
	Meta     map[string]string
	Size     int64  // bytes of the file at URL; 0 means not known
	Checksum string // SHA-256 of that file in lower-case hex; "" means not known
	// Partials has the SHA-256 of each 1 MiB of that file in lower-case hex; nil means not known.
	Partials     []string
	DeploymentID int64 // 0 means that an operator sent the offer
}

// UUID returns the identity of the offered firmware, or "".
func (u Update) UUID() string { return u.Meta["uuid"] }

// String returns the name and the version of the firmware.
func (u Update) String() string {
	return fmt.Sprintf("update %q to version %q", u.Meta["uuid"], u.Meta["version"])
}

// LogValue omits the URL.
func (u Update) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("uuid", u.Meta["uuid"]),
		slog.String("version", u.Meta["version"]),
		slog.Int64("size", u.Size),
		slog.Int64("deployment", u.DeploymentID),
	)
}

type rawUpdate struct {
	Available    jsontext.Value            `json:"update_available"`
	URL          jsontext.Value            `json:"firmware_url"`
	Meta         map[string]jsontext.Value `json:"firmware_meta"`
	Size         jsontext.Value            `json:"size"`
	Checksum     jsontext.Value            `json:"checksum"`
	Partials     []string                  `json:"partials_checksums"`
	DeploymentID jsontext.Value            `json:"deployment_id"`
}

// HasUpdate reports whether the response to a join carries an offer, as the hubs before deployment
// groups send it.
func HasUpdate(response jsontext.Value) bool {
	var raw struct {
		URL jsontext.Value `json:"firmware_url"`
	}
	return response.Kind() == '{' && read(response, &raw) && raw.URL.Kind() == '"'
}

// ParseUpdate reads the payload of an update. It returns ErrNoUpdate when the hub has none. For an
// invalid offer it returns the reason and the readable parts, so that the refusal can name the
// firmware. Only the URL is required. The receiver checks whether the number of partials fits the
// size.
func ParseUpdate(payload jsontext.Value) (Update, error) {
	var raw rawUpdate
	if payload.Kind() != '{' || !read(payload, &raw) {
		return Update{}, errors.New("update: payload is not an object of the expected types")
	}
	if raw.Available.Kind() == 'f' {
		return Update{}, ErrNoUpdate
	}
	u := Update{Meta: metaOf(raw.Meta)}
	var err error
	if u.URL, err = signedURL(raw.URL); err != nil {
		return u, fmt.Errorf("update: firmware_url %w", err)
	}
	if u.Size, err = count(raw.Size); err != nil {
		return u, fmt.Errorf("update: size %w", err)
	}
	if u.DeploymentID, err = count(raw.DeploymentID); err != nil {
		return u, fmt.Errorf("update: deployment_id %w", err)
	}
	if u.Checksum, err = checksum(raw.Checksum); err != nil {
		return u, fmt.Errorf("update: checksum %w", err)
	}
	if u.Partials, err = sums(raw.Partials); err != nil {
		return u, fmt.Errorf("update: partials_checksums %w", err)
	}
	return u, nil
}

// metaOf reads the description of a firmware up to metaMax entries: first the keys that every
// firmware has, then the others in order.
func metaOf(raw map[string]jsontext.Value) map[string]string {
	meta := make(map[string]string, min(len(raw), metaMax))
	required := [...]string{"uuid", "product", "architecture", "version", "platform"}
	for _, key := range append(required[:], slices.Sorted(maps.Keys(raw))...) {
		t, ok := text(raw[key])
		if !ok || t == "" || len(meta) == metaMax || len(key) > metaTextMax {
			continue
		}
		meta[key] = clean(t, metaTextMax)
	}
	return meta
}

func signedURL(raw jsontext.Value) (SignedURL, error) {
	if raw.Kind() != '"' {
		return "", errors.New("is missing")
	}
	b, _ := jsontext.AppendUnquote(nil, raw)
	if len(b) > urlMax {
		return "", fmt.Errorf("is longer than %d bytes", urlMax)
	}
	u, err := url.Parse(string(b))
	if err != nil { // the error is not wrapped: it quotes the URL
		return "", errors.New("is not a URL")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return "", errors.New("is not an http or https URL with a host")
	}
	return SignedURL(b), nil
}

// count reads an optional non-negative integer; null and absent are 0.
func count(raw jsontext.Value) (int64, error) {
	switch raw.Kind() {
	case 'n', 0:
		return 0, nil
	case '0':
		if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil && n >= 0 && n < math.MaxInt64 {
			return n, nil
		}
	}
	return 0, errors.New("is not a non-negative integer")
}

var errNoSum = errors.New("is not a SHA-256 in hex")

// checksum reads an optional sum; null, absent and "" mean none.
func checksum(raw jsontext.Value) (string, error) {
	t, ok := text(raw)
	if !ok {
		return "", errNoSum
	}
	if t == "" {
		return "", nil
	}
	return sum(t)
}

func sum(digits string) (string, error) {
	if len(digits) != sumLen {
		return "", errNoSum
	}
	if _, err := hex.DecodeString(digits); err != nil {
		return "", errNoSum
	}
	return strings.ToLower(digits), nil
}

func sums(raw []string) ([]string, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	if len(raw) > partialsMax {
		return nil, fmt.Errorf("are more than %d", partialsMax)
	}
	for i, t := range raw {
		s, err := sum(t)
		if err != nil {
			return nil, fmt.Errorf("[%d] %w", i, err)
		}
		raw[i] = s
	}
	return raw, nil
}
