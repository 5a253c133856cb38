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
	{"protocol/fedecks", []string{"protocol/etf"}, purely},
	{"protocol/transport", []string{"protocol", "protocol/transport/internal/..."}, false},
	{"protocol/transport/internal/...", []string{"protocol/transport/internal/..."}, false},
	{
		"protocol/transport/transporttest",
		[]string{"protocol/transport", "protocol/transport/internal/..."},
		false,
	},
	{
		"protocol/hubtest/...",
		[]string{"protocol/..."},
		false,
	}, // the simulated hub: never the device, or tests would share its bugs
	{"protocol/hubtest", []string{"protocol/...", "firmware/..."}, false},

	{"firmware", nil, purely},
	{"firmware/fetch", []string{"firmware"}, false},
	{"firmware/fwfile", []string{"firmware"}, false},
	{"firmware/fwup", []string{"firmware", "firmware/fwfile"}, false},
	{"firmware/slotdev", []string{"firmware", "firmware/slotdev/internal/..."}, false},
	{"firmware/slotdev/internal/...", nil, false},
	{"firmware/firmwaretest", []string{"firmware"}, false},

	{"supervisor", []string{"supervisor/internal/..."}, false},
	{"supervisor/internal/...", []string{"supervisor/internal/..."}, false},
	{"supervisor/supervisortest", []string{"supervisor"}, false},

	{"extensions", nil, purely},
	{"extensions/exttest", []string{"extensions"}, false},
	{"extensions/health", []string{"extensions"}, false},
	{"extensions/logging", []string{"extensions"}, false},
	{"extensions/geo", []string{"extensions"}, false},
	{"extensions/localshell", []string{"extensions"}, false},
	{"extensions/networkidentity", []string{"extensions"}, false},

	{"actors", []string{
		"extensions", "firmware", "firmware/fetch", "protocol", "protocol/hub", "protocol/auth",
		"protocol/transport", "supervisor",
		"actors/internal/...",
	}, false},
	{"actors/internal/...", []string{"supervisor", "protocol", "firmware"}, false},
	{"actors/fedecks/...", fedecks, false},
	{"actors/fedecks/server/internal/cluster", []string{"protocol/etf"}, purely},
	{"actors/fedecks", fedecks, false},

	{"cmd/device", anything, false},
	{"cmd/device/internal/...", anything, false},
	{"cmd/sim", anything, false},
	{"cmd/sim/internal/...", anything, false},
	{
		"tests/golden",
		nil,
		false,
	}, // the tests of every package may import these three, so they import none
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

func importsOf(p *pkg) (complaints []string) {
	r, ok := rowOf(p.path)
	if !ok {
		return []string{
			fmt.Sprintf(
				"%s: no row in the table of tests/arch/imports_test.go: say what it may import",
				p.path,
			),
		}
	}
	for _, f := range p.files {
		if f.test {
			continue
		}
		for _, imported := range f.imports() {
			inside, ok := strings.CutPrefix(imported, module+"/")
			if ok &&
				!slices.ContainsFunc(r.may, func(pattern string) bool { return fits(pattern, inside) }) {
				complaints = append(
					complaints,
					fmt.Sprintf("%s: %s must not import %s", f.name, p.path, inside),
				)
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
