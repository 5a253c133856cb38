package firmware

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPolicy(t *testing.T) {
	version := func(v string) func(*Offer) { return func(o *Offer) { o.Meta = meta("u2", v) } }
	without := func(key string) func(*Offer) {
		return func(o *Offer) { o.Meta = meta("u2", "2.0.0"); delete(o.Meta, key) }
	}
	for _, c := range []struct {
		name   string
		policy Policy
		offer  func(*Offer)
		status Status // 0: taken
		reason string
	}{
		{"newer", Policy{}, nil, 0, ""},
		{"with a v", Policy{}, version("v1.0.1"), 0, ""},
		{"release after its candidate", Policy{}, version("1.0.1-rc.1"), 0, ""},
		{
			"candidate of the running version",
			Policy{},
			version("1.0.0-rc.1"), StatusIgnored,
			"version 1.0.0-rc.1 is not newer than the running 1.0.0",
		},
		{"same version, another build", Policy{}, version("1.0.0+b2"), StatusIgnored, "is not newer"},
		{
			"older",
			Policy{},
			version("0.9.9"), StatusIgnored,
			"version 0.9.9 is not newer than the running 1.0.0",
		},
		{"older, allowed", Policy{AllowDowngrade: true}, version("0.9.9"), 0, ""},
		{"no version", Policy{}, without("version"), StatusIgnored, `version "" cannot be compared`},
		{
			"endless version",
			Policy{},
			version(strings.Repeat("1", 5000)), StatusIgnored,
			"cannot be compared",
		},
		{
			"running",
			Policy{AllowDowngrade: true},
			func(o *Offer) { o.UUID = "u1" }, StatusIgnored,
			"running already",
		},
		{"no uuid", Policy{}, func(o *Offer) { o.UUID = "" }, StatusFailed, "uuid is missing"},
		{"other product", Policy{}, func(o *Offer) {
			o.Meta = meta("u2",
				"2.0.0")
			o.Meta["product"] = "door"
		}, StatusIgnored, `product "door", the device has "gate"`},
		{
			"no platform",
			Policy{},
			without("platform"), StatusIgnored,
			`platform "", the device has "board"`,
		},
		{"other architecture", Policy{}, func(o *Offer) {
			o.Meta = meta("u2",
				"2.0.0")
			o.Meta["architecture"] = "x86_64"
		}, StatusIgnored, "architecture"},
		{
			"no checksum",
			Policy{},
			func(o *Offer) { o.Checksum = "" }, StatusFailed,
			"no checksum in the offer",
		},
		{
			"no checksum, allowed",
			Policy{AllowUnverified: true},
			func(o *Offer) { o.Checksum = "" }, 0,
			"",
		},
		{
			"odd checksum",
			Policy{AllowUnverified: true},
			func(o *Offer) { o.Checksum = "abc" },
			StatusFailed, "not a SHA-256",
		},
		{
			"odd part hash",
			Policy{},
			func(o *Offer) { o.Partials = []string{"abc"} }, StatusFailed,
			"part hash 0",
		},
		{
			"part hashes for another size",
			Policy{},
			func(o *Offer) { o.Partials = []string{sumOf("a")} },
			StatusFailed, "1 part hashes for 4194304 bytes",
		},
		{
			"unreadable",
			Policy{},
			func(o *Offer) { o.Problem = "size is not a number" }, StatusFailed,
			"cannot be read: size is not a number",
		},
		{"no address", Policy{}, func(o *Offer) { o.URL = "" }, StatusFailed, "no address"},
		{
			"too large",
			Policy{},
			func(o *Offer) { o.Size = 9 << 20 }, StatusFailed,
			"the firmware has 9437184 bytes, the slot takes 8388608",
		},
		{"negative size", Policy{}, func(o *Offer) { o.Size = -1 }, StatusFailed, "impossible size"},
		{"no size", Policy{}, func(o *Offer) { o.Size = 0 }, 0, ""},
		{"an essay", Policy{}, func(o *Offer) {
			o.Meta = meta("u2",
				"2.0.0")
			o.Meta["misc"] = strings.Repeat("x", maxMeta)
		}, StatusFailed, "description"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := offer()
			if c.offer != nil {
				c.offer(o)
			}
			got := c.policy.Judge(onA(), o)
			require.Equal(t, c.status, got.Status, got.Reason)
			require.Contains(t, got.Reason, c.reason)
			require.NotContains(t, got.Reason, "secret", "no address in a reason")
		})
	}
	o := offer()
	o.Size = 0
	boot := onA()
	boot.Capacity = 0
	require.Equal(t, StatusFailed, Policy{}.Judge(boot, o).Status, "there is no limit")
}

func TestOfferPrintsWithoutItsAddress(t *testing.T) {
	o := offer()
	for _, text := range []string{
		o.String(), o.URL.String(), o.LogValue().String(),
		o.URL.GoString(),
	} {
		require.NotContains(t, text, "secret")
		require.NotEmpty(t, text)
	}
}
