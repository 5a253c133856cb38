package arch

import (
	"fmt"
	"go/ast"
	"go/types"
	"path"
	"slices"
	"strings"
	"testing"
)

// ban forbids packages, or single names of them, to the files (not the tests) of some packages.
type ban struct {
	who    func(p *pkg) bool
	what   []string // import paths; "x/..." is all below x
	names  []string // of the package; none: the import itself is forbidden
	except []string // of names: all but these are forbidden
	why    string
}

var bans = []ban{
	{
		who:  isPure,
		what: []string{"net", "net/http/...", "os/...", "syscall", "crypto/rand", "testing"},
		why:  "a core does no I/O",
	},
	{who: isPure, what: []string{"golang.org/x/sys/..."}, why: "a core does no I/O"},
	{who: isPure, what: []string{"sync/..."}, why: "a core has one owner and needs no lock"},
	{
		who: isPure, what: []string{"time"}, why: "a core is told the time",
		names: []string{
			"Now",
			"Since",
			"Until",
			"Sleep",
			"After",
			"AfterFunc",
			"Tick",
			"NewTimer",
			"NewTicker",
		},
	},
	{
		who: isPure, what: []string{"math/rand", "math/rand/v2"},
		why:    "a core is given its source of randomness",
		except: []string{"Rand", "Source", "New", "NewPCG", "NewChaCha8", "NewSource", "PCG", "ChaCha8"},
	},
	{
		who:  outside("supervisor", "actors"),
		what: []string{"github.com/asynkron/protoactor-go/..."},
		why:  "actors are the business of supervisor and actors",
	},
	{
		who:  outside("protocol/transport"),
		what: []string{"github.com/gobwas/..."},
		why:  "the socket is the business of protocol/transport",
	},
	{
		who:  outside("cmd", "tests"),
		what: []string{"flag", "github.com/spf13/...", "github.com/pelletier/..."},
		why:  "only commands read flags and files of settings",
	},
	{
		who: outside(
			"cmd",
			"tests",
		), what: []string{"os"}, why: "only commands read the environment and end the process",
		names: []string{
			"Args",
			"Getenv",
			"LookupEnv",
			"Environ",
			"ExpandEnv",
			"Setenv",
			"Unsetenv",
			"Exit",
		},
	},
	{
		who: outside(
			"cmd",
			"tests",
		), what: []string{"net/http"},
		why: "only commands read the environment; and any package can change a shared default",
		names: []string{
			"ProxyFromEnvironment",
			"DefaultClient",
			"DefaultTransport",
			"DefaultServeMux",
			"Get",
			"Post",
			"Head",
			"PostForm",
			"Handle",
			"HandleFunc",
			"ListenAndServe",
		},
	},
	{
		who:   outside("cmd", "tests"),
		what:  []string{"golang.org/x/net/proxy"},
		names: []string{"FromEnvironment"},
		why:   "only commands read the environment",
	},
	{who: outside(), what: []string{"github.com/rs/zerolog/log"}, why: "there is no default logger"},
	{
		who:    outside(),
		what:   []string{"log"},
		except: []string{"New", "Logger", "Lshortfile", "LstdFlags"},
		why:    "there is no default logger",
	},
	{
		who: outside(), what: []string{"log/slog"}, why: "there is no default logger",
		names: []string{"Default", "SetDefault", "Debug", "Info", "Warn", "Error", "Log", "With"},
	},
	{
		who:  outside("cmd/sim", "tests"),
		what: []string{"gonum.org/...", "github.com/chromedp/..."},
		why:  "only the simulator needs it",
	},
	{
		who:  outside("actors/fedecks/natsbus", "tests"),
		what: []string{"github.com/nats-io/..."},
		why:  "servers talk over a Bus, natsbus is one",
	},
}

// cores are the pure files of packages that also carry out what these decide.
var cores = map[string][]string{
	"supervisor": {
		"backoff.go", "children.go", "core.go", "effect.go", "intensity.go", "job.go", "strategy.go",
	},
}

func isPure(p *pkg) bool { r, _ := rowOf(p.path); return r.pure || p.core }

// coreOf returns the pure files of p as a package of their own.
func coreOf(p *pkg) *pkg {
	core := &pkg{path: p.path, core: true}
	for _, f := range p.files {
		if slices.Contains(cores[p.path], path.Base(f.name)) {
			core.files = append(core.files, f)
		}
	}
	return core
}

func TestCoresInOtherPackagesArePure(t *testing.T) {
	found := 0
	for _, p := range load(t) {
		if cores[p.path] == nil {
			continue
		}
		found++
		core := coreOf(p)
		if len(core.files) != len(cores[p.path]) {
			t.Errorf("%s has %d of its %d core files", p.path, len(core.files), len(cores[p.path]))
		}
		report(t, forbiddenUses(core))
		report(t, goroutines(core))
	}
	if found != len(cores) {
		t.Errorf("%d of %d packages with a core exist", found, len(cores))
	}
}

// outside is every package that is not one of those, nor below.
func outside(folders ...string) func(*pkg) bool {
	return func(p *pkg) bool {
		return !slices.ContainsFunc(folders, func(f string) bool { return fits(f+"/...", p.path) })
	}
}

func TestForbiddenUses(t *testing.T) {
	for _, p := range load(t) {
		report(t, forbiddenUses(p))
	}
}

func forbiddenUses(p *pkg) (complaints []string) {
	for _, b := range bans {
		if !b.who(p) {
			continue
		}
		for _, f := range p.files {
			if !f.test {
				complaints = append(complaints, b.apply(f)...)
			}
		}
	}
	return complaints
}

func (b ban) covers(imported string) bool {
	return slices.ContainsFunc(b.what, func(pattern string) bool { return fits(pattern, imported) })
}

func (b ban) apply(f *file) (complaints []string) {
	if b.names == nil && b.except == nil {
		for _, imported := range f.imports() {
			if b.covers(imported) {
				complaints = append(
					complaints,
					fmt.Sprintf("%s: must not import %s: %s", f.name, imported, b.why),
				)
			}
		}
		return complaints
	}
	f.eachUse(func(sel *ast.SelectorExpr, imported string) {
		name := sel.Sel.Name
		if b.covers(imported) &&
			(slices.Contains(b.names, name) || b.except != nil && !slices.Contains(b.except, name)) {
			complaints = append(
				complaints,
				fmt.Sprintf("%smust not use %s.%s: %s", f.at(sel), path.Base(imported), name, b.why),
			)
		}
	})
	return complaints
}

// eachUse visits every name of an imported package in the file.
func (f *file) eachUse(visit func(sel *ast.SelectorExpr, imported string)) {
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok {
				if name, ok := f.uses[x].(*types.PkgName); ok {
					visit(sel, name.Imported().Path())
				}
			}
		}
		return true
	})
}

func TestCoresStartNoGoroutines(t *testing.T) {
	for _, p := range load(t) {
		if isPure(p) {
			report(t, goroutines(p))
		}
	}
}

func goroutines(p *pkg) (complaints []string) {
	for _, f := range p.files {
		if f.test {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if n, ok := n.(*ast.GoStmt); ok {
				complaints = append(complaints, f.at(n)+"a core starts no goroutines")
			}
			return true
		})
	}
	return complaints
}

func TestTestsDoNotSleep(t *testing.T) {
	for _, p := range load(t) {
		report(t, sleeps(p))
	}
}

// sleeps finds tests that wait for real time: in a synctest bubble the time is virtual, and
// black-box tests may poll in a function that is named for it.
func sleeps(p *pkg) (complaints []string) {
	for _, f := range p.files {
		if !f.test || slices.Contains(f.imports(), "testing/synctest") {
			continue
		}
		f.eachUse(func(sel *ast.SelectorExpr, imported string) {
			if imported == "time" && sel.Sel.Name == "Sleep" &&
				!(fits("tests/...", p.path) && polls(f, sel)) {
				complaints = append(
					complaints,
					f.at(sel)+"a test must not sleep: use testing/synctest, or wait for what happens",
				)
			}
		})
	}
	return complaints
}

// polls reports whether n stands in a function whose name says that it polls.
func polls(f *file, n ast.Node) bool {
	for _, d := range f.syntax.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Pos() <= n.Pos() && n.End() <= fn.End() {
			name := strings.ToLower(fn.Name.Name)
			return strings.HasPrefix(name, "poll") || strings.HasPrefix(name, "eventually") ||
				strings.HasPrefix(name, "waitfor")
		}
	}
	return false
}
