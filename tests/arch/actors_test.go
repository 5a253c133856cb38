package arch

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// rooms are the packages of the device's actors.
var rooms = []string{
	"actors/internal/channels", "actors/internal/client", "actors/internal/extension",
	"actors/internal/link", "actors/internal/update",
}

// mayTime are the functions of rooms that use time in another way, "package.function", each with
// its reason.
var mayTime = map[string]string{
	"actors/internal/extension.Now":       "the clock of an extension's host",
	"actors/internal/extension.Terminate": "bounds the last calls of an extension",
	"actors/internal/link.waiting":        "how long the wait is, for the log",
}

// An actor decides nothing, which shows in its use of time: it has one timer and hands the time to
// its cores, which compare it with their deadlines.
func TestActorsDecideNothingByTime(t *testing.T) {
	used := map[string]bool{}
	for _, p := range load(t) {
		if slices.Contains(rooms, p.path) {
			report(t, timed(p, used))
		}
	}
	for name := range mayTime {
		if !used[name] {
			t.Errorf("%s uses no time: take it off the list", name)
		}
	}
}

// timed finds structs with more than one timer, timers beside package drive, and times that are not
// handed to a core.
func timed(p *pkg, used map[string]bool) (complaints []string) {
	for _, f := range p.files {
		if f.test {
			continue
		}
		for _, d := range f.syntax.Decls {
			name := p.path + "." + declared(d)
			for _, c := range append(timers(f, d), clocks(f, d)...) {
				if mayTime[name] == "" {
					complaints = append(complaints, c)
				} else {
					used[name] = true
				}
			}
		}
	}
	return complaints
}

func declared(d ast.Decl) string {
	if fn, ok := d.(*ast.FuncDecl); ok {
		return fn.Name.Name
	}
	return ""
}

// timers finds structs with more than one timer, and timers that an actor sets by itself.
func timers(f *file, d ast.Decl) (complaints []string) {
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.StructType:
			have := 0
			for _, field := range n.Fields.List {
				if sel, ok := field.Type.(*ast.SelectorExpr); ok && sel.Sel.Name == "Timer" {
					have += max(1, len(field.Names))
				}
			}
			if have > 1 {
				complaints = append(complaints, fmt.Sprintf("%s%d timers: an actor has one", f.at(n), have))
			}
		case *ast.CallExpr:
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "After" && len(n.Args) == 2 {
				complaints = append(complaints, f.at(n)+"an actor's timer is a drive.Timer")
			}
		}
		return true
	})
	return complaints
}

// clocks finds uses of the time but time.Now() as an argument, or as an argument plus a duration.
func clocks(f *file, d ast.Decl) (complaints []string) {
	handed := map[ast.Node]bool{}
	ast.Inspect(d, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			for _, arg := range call.Args {
				handed[nowOf(arg)] = true
			}
		}
		return true
	})
	inside := &file{name: f.name, fset: f.fset, uses: f.uses, syntax: &ast.File{
		Name: f.syntax.Name, Decls: []ast.Decl{d},
	}}
	inside.eachUse(func(sel *ast.SelectorExpr, imported string) {
		if imported != "time" {
			return
		}
		switch sel.Sel.Name {
		case "Now":
			if !handed[sel] {
				complaints = append(complaints, f.at(sel)+"an actor hands the time to a core")
			}
		case "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker":
			complaints = append(complaints, f.at(sel)+"time."+sel.Sel.Name+" in an actor: a core decides")
		}
	})
	return complaints
}

// nowOf returns the selector of time.Now in x, which is "time.Now()" or "time.Now().Add(d)".
func nowOf(x ast.Expr) ast.Node {
	call, ok := x.(*ast.CallExpr)
	if !ok {
		return nil
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	if sel.Sel.Name == "Add" {
		return nowOf(sel.X)
	}
	return sel
}

func TestTimeInActorsIsFound(t *testing.T) {
	const header = "package p\n\nimport \"time\"\n\n"
	for name, c := range map[string]struct{ src, want string }{
		"handed to a core": {"func f() { step(time.Now()) }", ""},
		"a deadline":       {"func f() { step(time.Now().Add(time.Second)) }", ""},
		"compared":         {"func f() bool { return time.Now().After(at) }", "hands the time"},
		"kept":             {"func f() { at = time.Now() }", "hands the time"},
		"measured":         {"func f() { step(time.Since(at)) }", "a core decides"},
		"two timers":       {"type t struct { a, b drive.Timer }", "2 timers"},
		"one timer":        {"type t struct { a drive.Timer; b time.Time }", ""},
		"an own timer":     {"func f() { ctx.After(time.Second, msg) }", "drive.Timer"},
	} {
		t.Run(name, func(t *testing.T) {
			fset, p := token.NewFileSet(), &pkg{path: "actors/internal/link"}
			if err := p.add(fset, "p.go", header+c.src); err != nil {
				t.Fatal(err)
			}
			p.resolve(fset)
			got := strings.Join(timed(p, map[string]bool{}), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
