package arch

import (
	"go/token"
	"maps"
	"slices"
	"strings"
	"testing"
)

// The checks themselves: each finds what it is for, and leaves alone what only looks like it.
func TestTheChecksFind(t *testing.T) {
	const header = "// Package p is for checks.\npackage p\n\n"
	for _, c := range []struct {
		name  string
		check func(*pkg) []string
		path  string
		file  string // p.go, unless it is a test
		src   string
		want  string // empty: nothing to complain about
	}{
		{
			"core imports an edge", importsOf, "protocol/hub", "",
			`import _ "github.com/hublink-go/hublink/protocol/transport"`,
			"must not import protocol/transport",
		},
		{
			"core imports its core", importsOf, "protocol/hub", "",
			`import _ "github.com/hublink-go/hublink/protocol"`, "",
		},
		{
			"an extension imports another", importsOf, "extensions/health", "",
			`import _ "github.com/hublink-go/hublink/extensions/logging"`, "must not",
		},
		{
			"actors import a concrete extension", importsOf, "actors", "",
			`import _ "github.com/hublink-go/hublink/extensions/health"`, "must not",
		},
		{
			"the simulated hub imports the device", importsOf, "protocol/hubtest", "",
			`import _ "github.com/hublink-go/hublink/actors"`, "must not",
		},
		{
			"a test may", importsOf, "protocol/hub", "p_test.go",
			`import _ "github.com/hublink-go/hublink/actors"`, "",
		},
		{"an unknown package", importsOf, "utils", "", ``, "no row"},

		{"core imports net", forbiddenUses, "protocol", "", `import _ "net"`, "does no I/O"},
		{"core has a lock", forbiddenUses, "protocol", "", `import "sync"; var p sync.Pool`, "no lock"},
		{"an URL is no network", forbiddenUses, "protocol", "", `import _ "net/url"`, ""},
		{
			"core asks the time", forbiddenUses, "firmware", "",
			`import clock "time"; func f() { _ = clock.Now() }`, "told the time",
		},
		{
			"core takes the clock as a value", forbiddenUses, "firmware", "",
			`import "time"; var f = time.Now`, "told the time",
		},
		{
			"core is told the time", forbiddenUses, "firmware", "",
			`import "time"; func f(now time.Time) time.Time { return now.Add(time.Second) }`, "",
		},
		{
			"something else is called time", forbiddenUses, "firmware", "",
			`type c struct{}; func (c) Now() {}; func f(time c) { time.Now() }`, "",
		},
		{
			"an edge asks the time", forbiddenUses, "firmware/fetch", "",
			`import "time"; func f() { _ = time.Now() }`, "",
		},
		{
			"core throws dice", forbiddenUses, "protocol", "",
			`import "math/rand/v2"; func f() int { return rand.IntN(6) }`, "source of randomness",
		},
		{
			"core is given dice", forbiddenUses, "protocol", "",
			`import "math/rand/v2"; func f(r *rand.Rand) int { return r.IntN(6) }`, "",
		},
		{
			"library reads the environment", forbiddenUses, "actors", "",
			`import "os"; func f() { os.Getenv("X") }`, "only commands",
		},
		{
			"command reads the environment", forbiddenUses, "cmd/device/internal/config", "",
			`import "os"; func f() { os.Getenv("X") }`, "",
		},
		{
			"default logger", forbiddenUses, "cmd/device", "", `import "log"; func f() { log.Println() }`,
			"no default logger",
		},
		{
			"actors on protoactor", forbiddenUses, "actors", "",
			`import _ "github.com/asynkron/protoactor-go/actor"`, "",
		},
		{
			"transport on protoactor", forbiddenUses, "protocol/transport", "",
			`import _ "github.com/asynkron/protoactor-go/actor"`, "must not import",
		},
		{
			"actors on the socket", forbiddenUses, "actors", "", `import _ "github.com/gobwas/ws"`,
			"must not import",
		},

		{"core starts a goroutine", goroutines, "protocol", "", `func f() { go f() }`, "goroutines"},
		{
			"test sleeps", sleeps, "actors", "p_test.go", `import "time"; func f() { time.Sleep(1) }`,
			"must not sleep",
		},
		{
			"test sleeps in a bubble", sleeps, "actors", "p_test.go",
			`import ("time"; _ "testing/synctest"); func f() { time.Sleep(1) }`, "",
		},
		{
			"black-box test polls", sleeps, "tests/e2e", "p_test.go",
			`import "time"; func eventually() { time.Sleep(1) }`, "",
		},
		{
			"test of a package polls", sleeps, "actors", "p_test.go",
			`import "time"; func eventually() { time.Sleep(1) }`, "must not sleep",
		},

		{"init", globalState, "actors", "", `func init() {}`, "init"},
		{"a method called init", globalState, "actors", "", `type t int; func (t) init() {}`, ""},
		{"assigned", globalState, "actors", "", `var x int; func f() { x = 1 }`, "must not change"},
		{"counted", globalState, "actors", "", `var x int; func f() { x++ }`, "must not change"},
		{
			"element assigned", globalState, "actors", "",
			`var x = map[string]struct{ y []int }{}; func f() { x["a"].y[0] = 1 }`, "must not change",
		},
		{
			"another package's", globalState, "actors", "",
			`import "net/http"; func f() { http.DefaultClient.Timeout = 1 }`, "must not change",
		},
		{
			"shadowed", globalState, "actors", "",
			`var x int; func f(x int) { x = 1; { y := 2; y = 3; _ = y } }`, "",
		},
		{
			"a field of the same name", globalState, "actors", "",
			`var x int; type t struct{ x int }; func (v *t) f() { v.x = 1 }`, "",
		},
		{
			"a counter", globalState, "actors", "", `import "sync/atomic"; var n atomic.Int64`,
			"global state",
		},
		{
			"a table", globalState, "actors", "",
			`import "errors"; var errX = errors.New("x"); var table = []int{1}`, "",
		},
		{"a pool", globalState, "actors", "", `import "sync"; var pool = sync.Pool{}`, ""},

		{
			"long function", tooLargeIn, "actors", "", "func f() {" + strings.Repeat("\n", 60) + "}",
			"61 lines",
		},
		{
			"function of 60 lines", tooLargeIn, "actors", "",
			"// f has a comment,\n// which does not count.\nfunc f() {" + strings.Repeat("\n", 59) + "}",
			"",
		},
		{
			"large struct", tooLargeIn, "actors", "",
			"type t struct { a, b, c, d, e, f, g, h, i, j, k, l, m, n, o int; error }", "16 fields",
		},
		{
			"large interface", tooLargeIn, "actors", "",
			"type t interface { a(); b(); c(); d(); e(); error }", "6 methods",
		},
		{
			"a type with many methods", tooLargeIn, "actors", "",
			"type t[K, V any] struct{}\n" + strings.Repeat("func (*t[K, V]) m() {}\n", 31), "31 methods",
		},
		{
			"two types with fewer", tooLargeIn, "actors", "",
			strings.Repeat("func (*t) m() {}\nfunc (u) m() {}\n", 30), "",
		},
		{"long file", tooLargeIn, "actors", "", strings.Repeat("\n", 600), "lines"},
		{"long test file", tooLargeIn, "actors", "p_test.go", strings.Repeat("\n", 600), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			fset, p := token.NewFileSet(), &pkg{path: c.path}
			name := c.file
			if name == "" {
				name = "p.go"
			}
			if err := p.add(fset, name, header+c.src+"\n"); err != nil {
				t.Fatal(err)
			}
			p.resolve(fset)
			got := strings.Join(c.check(p), "\n")
			if !strings.Contains(got, c.want) || c.want == "" && got != "" {
				t.Errorf("complaints %q, want %q", got, c.want)
			}
		})
	}
}

func tooLargeIn(p *pkg) []string { return slices.Collect(maps.Values(sizes(p))) }

func TestStaleRowsAreFound(t *testing.T) {
	for _, c := range []struct {
		row  row
		want int
	}{
		{row{path: "actors", may: []string{"supervisor", "protocol/..."}}, 0},
		{row{path: "protocol/..."}, 0},
		{row{path: "actors", may: []string{"..."}}, 0},
		{row{path: "actors/link"}, 1},
		{row{path: "supervisor/internal/..."}, 1},
		{row{path: "actors", may: []string{"supervisor/internal/...", "firmware"}}, 2},
	} {
		got := stale([]row{c.row}, []string{"actors", "protocol/hub", "supervisor"})
		if len(got) != c.want {
			t.Errorf("%+v: %q, want %d", c.row, got, c.want)
		}
	}
}

func TestDocumentationIsMissed(t *testing.T) {
	for src, ok := range map[string]bool{
		"// Package p is good.\npackage p":    true,
		"// Command p runs.\npackage main":    true,
		"package p":                           false,
		"package main":                        false,
		"// License.\n\npackage p":            false,
		"// Package q was copied.\npackage p": false,
	} {
		p := &pkg{path: "p"}
		if err := p.add(token.NewFileSet(), "p.go", src); err != nil {
			t.Fatal(err)
		}
		if got := undocumented(p) == nil; got != ok {
			t.Errorf("%q: documented %t, want %t", src, got, ok)
		}
	}
}

func TestMachinePathsAreFound(t *testing.T) {
	for text, want := range map[string]int{
		"see /" + "work/notes":                 1,
		"cd /" + "root/go/bin\n/" + "home/me/": 2,
		"GOPROXY" + "=https://mirror":          1,
		"the network/works/home":               0,
		"/var/lib/hublink":                     0,
		"${HOME}/" + "work/x":                  0,
	} {
		if got := machinePaths("x", text); len(got) != want {
			t.Errorf("%q: %q, want %d", text, got, want)
		}
	}
}
