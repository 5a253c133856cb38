package firmware

import (
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func fullJournal() Journal {
	o := describe(content(PartSize+1, 1), true)
	o.Checksum, o.Partials = lower(o.Checksum), []string{lower(o.Partials[0]), lower(o.Partials[1])}
	return Journal{
		State: Fetching, UUID: "u2", From: "u1", Offer: o, Checkpoint: 512 << 10, Started: true,
		Due:   time.Unix(1_800_000_000, 0),
		Count: 2, Seq: 9, Reverted: []string{"u0"},
		Reports: []Report{
			{Seq: 8, Status: StatusRescheduled, Reason: "at night", Delay: time.Minute},
			{Seq: 9, Status: StatusFailed, Reason: "\x00 \xff \U0001f4a5"},
		},
	}
}

func encode(t testing.TB, j Journal) []byte {
	data, err := j.Encode()
	require.NoError(t, err)
	return data
}

func TestJournalRoundTrip(t *testing.T) {
	want := fullJournal()
	got, err := DecodeJournal(encode(t, want))
	require.NoError(t, err)
	want.Reports[1].Reason = strings.ToValidUTF8(want.Reports[1].Reason, "\uFFFD")
	require.Empty(t, cmp.Diff(want, got))
	require.Equal(t, offer().URL, got.Offer.URL, "the signed address is needed to go on")

	got, err = DecodeJournal(nil)
	require.NoError(t, err, "there was never one")
	require.Empty(t, cmp.Diff(Journal{}, got))
}

// A journal that lost or changed a single byte anywhere says nothing at all.
func TestJournalDamage(t *testing.T) {
	data := encode(t, fullJournal())
	for i := range data {
		bad := []byte(string(data))
		bad[i] ^= 0x20
		_, err := DecodeJournal(bad)
		require.ErrorIs(t, err, ErrJournal, "byte %d", i)
		if i > 0 {
			_, err = DecodeJournal(data[:i])
			require.ErrorIs(t, err, ErrJournal, "cut at %d", i)
		}
	}
	_, err := DecodeJournal(append(data, '\n'))
	require.ErrorIs(t, err, ErrJournal)
}

func seal(version, body string) []byte {
	return fmt.Appendf(
		nil,
		"%s %s %d %08x\n%s",
		journalMagic,
		version,
		len(body),
		crc32.ChecksumIEEE([]byte(body)),
		body,
	)
}

func TestJournalOfAnotherKind(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"newer":          {seal("2", `{"state":"idle"}`), `it has version "2"`},
		"unknown member": {seal("1", `{"state":"idle","mood":"good"}`), "not that of version 1"},
		"unknown state":  {seal("1", `{"state":"dancing"}`), "not that of version 1"},
		"memory state":   {seal("1", `{"state":"verifying"}`), "contradicts itself"},
		"no offer": {
			seal("1", `{"state":"fetching","uuid":"u2","from":"u1"}`),
			"contradicts itself",
		},
		"two firmwares": {
			seal("1", `{"state":"fetching","uuid":"u2","offer":{"uuid":"u3","url":"x"}}`),
			"contradicts itself",
		},
		"torn part hash": {
			seal("1",
				`{"state":"fetching","uuid":"u2","offer":{"uuid":"u2","url":"x","partials":"AAAA"}}`),
			"contradicts itself",
		},
		"negative": {seal("1", `{"state":"idle","checkpoint":-1}`), "contradicts itself"},
		"reports astray": {
			seal("1",
				`{"state":"idle","seq":3,"reports":[{"seq":3,"status":"failed"},{"seq":2,"status":"failed"}]}`),
			"contradicts itself",
		},
		"unknown status": {
			seal("1",
				`{"state":"idle","seq":3,"reports":[{"seq":3,"status":"fwup_complete"}]}`),
			"not that of version 1",
		},
		"something else":  {[]byte("PK\x03\x04"), "this is no journal"},
		"zeroes":          {make([]byte, 4096), "this is no journal"},
		"a filled sector": {[]byte(strings.Repeat("\xff", 4096)), "this is no journal"},
		"far too large":   {append(encode(t, Journal{}), make([]byte, journalMax)...), "it is damaged"},
	} {
		_, err := DecodeJournal(c.data)
		require.ErrorIs(t, err, ErrJournal, name)
		require.ErrorContains(t, err, c.want, name)
	}
}

func TestLargestOfferFitsAJournal(t *testing.T) {
	o := offer()
	o.Size = maxParts * PartSize
	o.Partials = make([]string, maxParts)
	for i := range o.Partials {
		o.Partials[i] = sumOf("x")
	}
	o.URL = SignedURL("https://h/" + strings.Repeat("a", maxURL-10))
	o.Meta = meta("u2", "2.0.0")
	o.Meta["description"] = strings.Repeat("b", maxMeta-200)
	boot := onA()
	boot.Capacity = o.Size
	require.Zero(t, Policy{}.Judge(boot, o).Status)
	j := Journal{State: Deciding, UUID: o.UUID, Offer: o}
	for i := range 2 * maxReports {
		j.Seq++
		j.Reports = append(
			j.Reports,
			Report{Seq: j.Seq, Status: StatusFailed, Reason: strings.Repeat("\"", maxReason)},
		)
		require.Len(t, j.Reports, i+1)
	}
	data := encode(t, j)
	require.Less(t, len(data), journalMax)
	got, err := DecodeJournal(data)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(j, got))
}
