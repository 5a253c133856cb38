package arch

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// row says what the files of a package (not its tests) may import from this module.
type row struct {
	path string   // of the package; "x/..." is all packages below x that have no row of their own
	may  []string // allowed imports from this module; "x/..." is x and all below
	pure bool     // a core: no I/O, no clock, no goroutines, no randomness of its own
}

var (
	anything = []string{"..."}
	purely   = true
)

// rows is the architecture, one line a package. The first that fits counts.
var rows = []row{
	{"protocol", nil, purely},
	{"protocol/hub", []string{"protocol"}, purely},
	{"protocol/auth", []string{"protocol/etf"}, purely},
	{"protocol/etf", nil, purely},
	{"protocol/etf/erltext", []string{"protocol/etf"}, purely},
	{"protocol/fedecks", []string{"protocol", "protocol/etf"}, purely},
	{"protocol/transport", []string{"protocol", "protocol/transport/internal/..."}, false},
	{"protocol/transport/internal/...", []string{"protocol/transport/internal/..."}, false},
	{"protocol/transport/transporttest", []string{
		"protocol", "protocol/transport", "protocol/transport/internal/...",
	}, false},
	// The simulated hub never imports the device, or tests would share its bugs.
	{"protocol/hubtest", []string{"protocol/...", "firmware/..."}, false},

	{"firmware", nil, purely},
	{"firmware/fetch", []string{"firmware"}, false},
	{"firmware/fwfile", []string{"firmware/internal/inflate"}, purely},
	{"firmware/internal/inflate", nil, purely},
	{"firmware/fwup", []string{"firmware", "firmware/fwfile"}, false},
	{"firmware/format", []string{"firmware"}, purely},
	{"firmware/native", []string{"firmware/fwfile", "firmware/internal/..."}, false},
	{"firmware/fwdev", []string{
		"firmware", "firmware/fwfile", "firmware/fwup", "firmware/native",
	}, false},
	{"firmware/internal/blockcache", nil, purely},
	{"firmware/internal/fat", nil, purely},
	{"firmware/internal/ubootenv", nil, purely},
	{"firmware/internal/vcdiff", nil, purely},
	{"firmware/slotdev", []string{
		"firmware", "firmware/slotdev/bootrecord", "firmware/slotdev/internal/...",
	}, false},
	{"firmware/slotdev/bootrecord", nil, purely},
	{"firmware/slotdev/bootrecord/recordtest", []string{"firmware/slotdev/bootrecord"}, false},
	// Slots know a boot record by its interface; the U-Boot environment is one implementation.
	{"firmware/slotdev/internal/uboot", []string{
		"firmware/internal/ubootenv", "firmware/slotdev/bootrecord",
	}, false},
	{"firmware/ramdev", []string{"firmware"}, false},
	{"firmware/firmwaretest", []string{"firmware", "firmware/ramdev"}, false},

	{"supervisor", nil, false},
	{"supervisor/supervisortest", []string{"supervisor"}, false},

	{"extensions", nil, purely},
	{"extensions/exttest", []string{"extensions"}, false},
	{"extensions/health", []string{"extensions"}, false},
	{"extensions/logging", []string{"extensions"}, false},

	{"actors", []string{
		"extensions", "firmware", "firmware/fetch", "protocol", "protocol/hub", "protocol/auth",
		"protocol/transport", "supervisor",
		"actors/internal/...",
	}, false},
	{"actors/internal/attach", nil, purely},
	{"actors/internal/dialplan", []string{"protocol"}, purely},
	{"actors/internal/handover", []string{"protocol", "firmware"}, purely},
	{"actors/internal/lifecycle", []string{"supervisor"}, false},
	{"actors/internal/resend", []string{"protocol"}, purely},
	{"actors/internal/durable", nil, false},
	{"actors/internal/buffer", nil, false},
	{"actors/internal/drive", []string{"supervisor"}, false},
	{"actors/internal/errand", []string{"supervisor"}, false},
	{"actors/internal/branch", []string{"supervisor"}, false},
	{"actors/internal/board", []string{"firmware"}, false},
	{"actors/internal/actortest", []string{"actors/internal/branch", "supervisor"}, false},
	{
		"actors/internal/message",
		[]string{"actors/internal/resend", "firmware", "protocol", "protocol/hub"},
		purely,
	},
	{"actors/internal/link", room(
		"actors/internal/buffer", "actors/internal/dialplan", "actors/internal/resend",
		"protocol", "protocol/auth", "protocol/transport",
	), false},
	{"actors/internal/channels", room(
		"actors/internal/attach", "actors/internal/handover", "actors/internal/resend",
		"extensions", "firmware", "protocol", "protocol/hub",
	), false},
	{"actors/internal/update", room(
		"actors/internal/buffer", "firmware", "firmware/fetch", "protocol/hub",
	), false},
	{"actors/internal/extension", room("extensions"), false},
	{"actors/internal/client", room("firmware"), false},
	{"actors/fedecks/...", fedecks, false},
	{"actors/fedecks/server/internal/cluster", []string{"protocol/etf"}, purely},
	{"actors/fedecks/server/internal/roster", []string{
		"actors/fedecks/server/internal/cluster",
	}, purely},
	{"actors/fedecks", fedecks, false},

	{"cmd/device", anything, false},
	{"cmd/device/internal/...", anything, false},
	{"cmd/sim", anything, false},
	{"cmd/sim/internal/...", anything, false},
	// The tests of every package may import the next three, so these import none.
	{"tests/golden", nil, false},
	{"tests/needs", nil, false},
	{"tests/output", nil, false},
	{"tests/...", anything, false},
}

var fedecks = []string{
	"actors/fedecks/...",
	"actors/internal/...",
	"protocol",
	"protocol/etf",
	"protocol/fedecks",
	"protocol/transport",
	"supervisor",
}

// room is what every room of actors may import, and more: rooms do not import each other, they send
// messages.
func room(more ...string) []string {
	return append(more, "actors/internal/board", "actors/internal/branch", "actors/internal/drive",
		"actors/internal/errand", "actors/internal/message", "supervisor")
}

// fits reports whether pattern is path, or "x/..." with path below x (or x itself).
func fits(pattern, path string) bool {
	prefix, ok := strings.CutSuffix(pattern, "...")
	if !ok {
		return pattern == path
	}
	return prefix == "" || strings.HasPrefix(path+"/", prefix)
}

func rowOf(path string) (row, bool) {
	for _, exact := range []bool{true, false} {
		for _, r := range rows {
			if exact && r.path == path || !exact && fits(r.path, path) {
				return r, true
			}
		}
	}
	return row{}, false
}

func TestWhoImportsWhom(t *testing.T) {
	for _, p := range load(t) {
		report(t, importsOf(p))
	}
}

// Every row is about a package that exists, and so is everything that a row allows.
func TestRowsAreOfPackages(t *testing.T) {
	var paths []string
	for _, p := range load(t) {
		paths = append(paths, p.path)
	}
	report(t, stale(rows, paths))
}

// stale finds the patterns of the rows that no path of a package fits.
func stale(rows []row, paths []string) (complaints []string) {
	unknown := func(pattern string) bool {
		return !slices.ContainsFunc(paths, func(path string) bool { return fits(pattern, path) })
	}
	for _, r := range rows {
		if unknown(r.path) {
			complaints = append(complaints, r.path+": a row of imports_test.go without a package")
		}
		for _, pattern := range r.may {
			if unknown(pattern) {
				complaints = append(complaints,
					r.path+": its row of imports_test.go allows "+pattern+", which is no package")
			}
		}
	}
	return complaints
}

func importsOf(p *pkg) (complaints []string) {
	r, ok := rowOf(p.path)
	if !ok {
		return []string{
			p.path + ": no row in the table of tests/arch/imports_test.go: say what it may import",
		}
	}
	for _, f := range p.files {
		if f.test {
			continue
		}
		for _, imported := range f.imports() {
			inside, ok := strings.CutPrefix(imported, module+"/")
			allowed := func(pattern string) bool { return fits(pattern, inside) }
			if ok && !slices.ContainsFunc(r.may, allowed) {
				complaints = append(complaints,
					fmt.Sprintf("%s: %s must not import %s", f.name, p.path, inside))
			}
		}
	}
	return complaints
}

func report(t *testing.T, complaints []string) {
	t.Helper()
	for _, c := range complaints {
		t.Error(c)
	}
}
