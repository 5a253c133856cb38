package demo

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/cmd/sim/internal/archive"
	"github.com/hublink-go/hublink/cmd/sim/internal/report"
	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/protocol/hubtest"
	"github.com/hublink-go/hublink/tests/golden"
)

const fixtures = "../../../../tests/testdata/fixtures/fwup/"

func content(t *testing.T, name string) *hubtest.Content {
	t.Helper()
	data := golden.Read(t, fixtures+"fw/"+name+".fw")
	return &hubtest.Content{ReaderAt: bytes.NewReader(data), Size: int64(len(data))}
}

func key1(t *testing.T) []fwfile.Key {
	t.Helper()
	k, err := fwfile.ParseKey(golden.Read(t, fixtures+"keys/key1.pub"))
	require.NoError(t, err)
	return []fwfile.Key{k}
}

// playArchive runs a demo with the archive that it makes.
func playArchive(t *testing.T, f Fault) (*scene, string, error) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	var out bytes.Buffer
	s := newScene(Options{Fault: f, Size: 2 << 20, Print: &report.Printer{Out: &out}})
	err := s.run(t.Context())
	return s, out.String(), err
}

// The main job: a signed archive is made, offered, verified, applied and committed.
func TestArchive(t *testing.T) {
	s, out, err := playArchive(t, None)
	require.NoError(t, err)
	r := s.result
	r.Seconds, r.MBPerS = 0, 0
	require.Equal(t, Result{
		OK: true, From: "1.0.0", To: "1.1.0", SlotBefore: "a", SlotAfter: "b",
		Statuses: []string{"received", "started", "completed"}, Validated: true,
		Bytes: s.kit.content.Size, Archive: "ok", BootRecord: "changed",
	}, r)
	require.Contains(t, out,
		"signed by key "+archive.PublicKey().ID()+"; task upgrade.b was applied natively")
	require.Contains(t, out, "downloading 100 %")
}

// What the demo makes is the same each time.
func TestArchiveIsDeterministic(t *testing.T) {
	var made [2][]byte
	for i := range made {
		c, err := build(metadata(newVersion), 100_000, archive.SlotBlocks(100_000))
		require.NoError(t, err)
		made[i] = make([]byte, c.Size)
		_, err = c.ReadAt(made[i], 0)
		require.NoError(t, err)
	}
	require.True(t, bytes.Equal(made[0], made[1]))
}

// An archive that was damaged on the way is refused, and the boot record has not changed by a byte.
func TestFileFaultsOfArchives(t *testing.T) {
	for f, reason := range map[Fault]string{
		Corrupt: "corrupt", Truncated: "the hub announced", Oversized: "longer than",
	} {
		t.Run(string(f), func(t *testing.T) {
			s, _, err := playArchive(t, f)
			require.Error(t, err)
			require.Equal(t, []string{"received", "started", "failed"}, slices.Compact(s.result.Statuses))
			require.Contains(t, s.result.Reason, reason)
			require.Equal(t, "a", s.result.SlotAfter)
			require.Equal(t, "unchanged", s.result.BootRecord)
			require.True(t, s.result.Validated)
		})
	}
}

// The download of an archive goes on where it stopped.
func TestNetworkFaultsOfArchives(t *testing.T) {
	for _, f := range []Fault{Cut, Stall} {
		t.Run(string(f), func(t *testing.T) {
			s, _, err := playArchive(t, f)
			require.NoError(t, err)
			require.Equal(t, "b", s.result.SlotAfter)
			require.Equal(t, s.kit.content.Size, s.result.Bytes, "no byte was downloaded twice")
			require.Zero(t, s.result.SocketDrops)
		})
	}
}

// noTask is why a valid archive is refused that has nothing for an update.
const noTask = "no task that can be applied"

// verdicts says what becomes of each archive of the fixtures: what is wrong with the file by
// itself, and why the device refuses it. An empty device means that it is taken.
var verdicts = map[string]struct{ archive, device string }{
	"app-1.0.0":                          {"ok", ""},
	"app-1.1.0":                          {"ok", ""},
	"app-1.2.0":                          {"ok", ""},
	"app-1.1.0-badmeta":                  {"signature does not match", "signature does not match"},
	"app-1.1.0-otherkey":                 {"signature does not match", "signature does not match"},
	"app-1.1.0-unsigned":                 {"is not signed", "is not signed"},
	"app-1.1.0-badresource":              {"BLAKE2b-256", "BLAKE2b-256"},
	"app-1.1.0-bitflip":                  {"CRC-32", "CRC-32"},
	"app-1.1.0-bitflip-deflate":          {"is damaged", "is damaged"},
	"app-1.1.0-truncated":                {"ends early", "ends early"},
	"app-1.2.0-delta-from-1.1.0":         {"ok", "delta does not fit"},
	"app-1.2.0-delta-from-1.1.0-keepall": {"ok", "delta does not fit"},
	"archive-1.0.0":                      {"ok", noTask},
	"ops-1.0.0":                          {"ok", noTask},
	"edge-base":                          {"ok", noTask},
	"edge-deflated-sizes":                {"ok", noTask},
	"edge-stored":                        {"ok", noTask},
	"edge-reordered":                     {"ok", noTask},
	"edge-missing-entry":                 {"ok", noTask},
	"edge-size-differs":                  {"ok", noTask},
	"edge-xdelta-garbage":                {"ok", noTask},
	"edge-central-name-differs":          {"nothing signs", noTask},
	"edge-dir-entry":                     {"nothing signs", noTask},
	"edge-duplicate-entry":               {"comes twice", noTask},
	"edge-duplicate-entry-evil-second":   {"comes twice", noTask},
	"edge-extra-data-entry":              {"nothing signs", noTask},
	"edge-extra-top-entry":               {"nothing signs", noTask},
	"edge-second-meta":                   {"nothing signs", noTask},
	"edge-traversal":                     {"nothing signs", noTask},
	"edge-trailing-bytes":                {"nothing signs", noTask},
	"edge-no-central-directory":          {"ends early", noTask},
	"edge-meta-not-first":                {"nothing signs", "nothing signs"},
	"edge-signature-after-meta":          {"is not signed", "is not signed"},
	"edge-signature-last":                {"is not signed", "is not signed"},
	"edge-signature-long":                {"64", "64"},
	"edge-signature-short":               {"64", "64"},
	"edge-prefix-bytes":                  {"not a fwup archive", "no fwup archive"},
}

// stricter are archives that fwup --verify accepts and whose file is refused here, with the reason.
var stricter = map[string]string{
	"edge-central-name-differs": "programs that read the central directory see another archive",
	"edge-signature-long":       "fwup reads the first 64 bytes and leaves one that nothing signs",
	"edge-trailing-bytes":       "nothing signs them",
	"edge-dir-entry":            "meta.conf does not name it",
}

// later are archives that fwup --verify refuses and that only a device can judge, with the reason.
var later = map[string]string{
	"app-1.2.0-delta-from-1.1.0": "a resource that its tasks do not need was left out",
	"edge-missing-entry":         "a task may not need the resource",
	"edge-size-differs":          "looks like a delta",
	"edge-xdelta-garbage":        "looks like a delta",
}

// fwupAccepts returns what fwup --verify said with key1.
func fwupAccepts(t *testing.T, name string) bool {
	t.Helper()
	var info struct {
		Verify map[string]struct {
			Exit int `json:"exit_code"`
		}
	}
	require.NoError(t, json.Unmarshal(golden.Read(t, fixtures+"info/"+name+".json"), &info))
	require.Contains(t, info.Verify, "key1")
	return info.Verify["key1"].Exit == 0
}

// Every archive of the fixtures is offered as it is. What is refused ends as a failed update with
// its reason, in the slot that ran, and no byte of the boot record has changed.
func TestEveryFixture(t *testing.T) {
	files := golden.Files(t, "fixtures/fwup/fw/*.fw", filepath.Join(fixtures, "../.."))
	require.Len(t, files, len(verdicts))
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".fw")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, ok := verdicts[name]
			require.True(t, ok, "the table has it")
			r, err := Run(t.Context(), Options{Firmware: content(t, name), Keys: key1(t)})
			require.Equal(t, "a", r.SlotBefore)
			require.Contains(t, r.Archive, want.archive)
			switch valid := r.Archive == "ok"; {
			case stricter[name] != "":
				require.True(t, fwupAccepts(t, name) && !valid, stricter[name])
			case later[name] != "":
				require.True(t, !fwupAccepts(t, name) && valid, later[name])
			default:
				require.Equal(t, fwupAccepts(t, name), valid, r.Archive)
			}
			if want.device == "" {
				require.NoError(t, err)
				require.Equal(t, "b", r.SlotAfter)
				return
			}
			require.Error(t, err)
			require.False(t, r.OK)
			require.Contains(t, r.Reason, want.device)
			require.Equal(t, "failed", r.Statuses[len(r.Statuses)-1])
			require.Equal(t, "a", r.SlotAfter)
			require.Equal(t, "unchanged", r.BootRecord)
		})
	}
}

// A delta is taken by a machine that runs what it was made from, and by no other.
func TestDeltas(t *testing.T) {
	for base, ok := range map[string]bool{"app-1.1.0": true, "app-1.0.0": false} {
		r, err := Run(t.Context(), Options{
			Firmware: content(t, "app-1.2.0-delta-from-1.1.0"), Base: content(t, base), Keys: key1(t),
		})
		require.Equal(t, ok, err == nil, r.Reason)
		require.Equal(t, strings.TrimPrefix(base, "app-"), r.From)
		require.Equal(t, map[bool]string{true: "b", false: "a"}[ok], r.SlotAfter)
	}
}
