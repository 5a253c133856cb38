package arch

import (
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
)

var tree = flag.String("tree", root, "the checkout that TestFigures measures; an absolute path")

// TestFigures prints the figures of the table in ARCHITECTURE.md:
//
//	go test -count=1 -v -run TestFigures ./tests/arch [-args -tree /path/to/another/checkout]
func TestFigures(t *testing.T) {
	out := t.Output()
	packages, err := parse(*tree)
	if err != nil {
		t.Fatal(err)
	}
	var methodsOf, fieldsOf []figure
	for _, p := range packages {
		methodsOf = append(methodsOf, methods(p)...)
		fieldsOf = append(fieldsOf, fields(p)...)
	}
	printLargest(out, "methods of a type", "above 20", methodsOf, typeMethods-10)
	printLargest(out, "fields of a struct", "above 12", fieldsOf, structFields-3)

	fmt.Fprintln(out, "references between the files of a package, and those of them that run upward")
	var all, upward int
	for _, p := range packages {
		r := references(p)
		up := r.upward()
		all, upward = all+len(r.edges), upward+up
		if up > 0 {
			fmt.Fprintf(out, "%6d %4d  %s (%d files)\n", len(r.edges), up, p.path, r.files)
		}
	}
	fmt.Fprintf(out, "%6d %4d  all packages\n", all, upward)
}

// figure is one number of a declared thing, named package.Type.
type figure struct {
	name string
	file *file
	node ast.Node
	n    int
}

func printLargest(out io.Writer, title, limit string, all []figure, above int) {
	all = slices.DeleteFunc(all, func(f figure) bool { return f.n <= above })
	slices.SortFunc(all, func(a, b figure) int {
		return cmp.Or(b.n-a.n, strings.Compare(a.name, b.name))
	})
	fmt.Fprintf(out, "%s, %s: %d\n", title, limit, len(all))
	for _, f := range all {
		fmt.Fprintf(out, "%6d  %s\n", f.n, f.name)
	}
}

// methods returns the number of methods of each type, counted over all files of the package that
// are neither tests nor generated. Promoted methods belong to the embedded type.
func methods(p *pkg) []figure {
	byType := map[string]figure{}
	for f, decl := range p.declarations() {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Recv == nil {
			continue
		}
		receiver := base(fn.Recv.List[0].Type)
		if receiver == nil {
			continue
		}
		of, ok := byType[receiver.Name]
		if !ok {
			of = figure{name: p.path + "." + receiver.Name, file: f, node: fn}
		}
		of.n++
		byType[receiver.Name] = of
	}
	return slices.Collect(maps.Values(byType))
}

// fields returns the number of fields of each named struct. An embedded type is one field.
func fields(p *pkg) (out []figure) {
	for f, decl := range p.declarations() {
		ast.Inspect(decl, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if s, ok := spec.Type.(*ast.StructType); ok {
					name := p.path + "." + spec.Name.Name
					out = append(out, figure{name: name, file: f, node: spec, n: count(s.Fields)})
				}
			}
			return true
		})
	}
	return out
}

// graph has the references between the files of one package. An edge from one file to another means
// that the first names something that the second declares: a type, a function, a constant, a
// variable, a field or a method. However often it does, it is one reference.
//
// The types of other packages are not known here (see resolve), so a field or a method counts only
// where its receiver's type follows from this package alone.
type graph struct {
	files int
	edges map[edge]bool
}

type edge struct{ from, to string }

func references(p *pkg) graph {
	g := graph{edges: map[edge]bool{}}
	home := map[string]bool{}
	for _, f := range p.files {
		if !f.test && !f.generated {
			g.files++
			home[f.name] = true
		}
	}
	for _, f := range p.files {
		if !home[f.name] {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			obj := f.uses[id]
			if obj == nil || !obj.Pos().IsValid() || local(obj) {
				return true
			}
			if to := f.fset.Position(obj.Pos()).Filename; to != f.name && home[to] {
				g.edges[edge{f.name, to}] = true
			}
			return true
		})
	}
	return g
}

// local reports whether obj belongs to a function, or is the name of an imported package.
func local(obj types.Object) bool {
	if _, ok := obj.(*types.PkgName); ok || obj.Pkg() == nil {
		return true
	}
	return obj.Parent() != nil && obj.Parent() != obj.Pkg().Scope()
}

// upward returns how many references run upward: the files are put into one order in which most
// references run from a file to a later one, and those against the order are counted. It is 0
// exactly when no two files use each other, directly or through others.
//
// Only references within a cycle of files can run upward. The order of the files of a cycle is
// found by moving one file at a time to its best place until no move helps; the start and the moves
// are in the order of the names, so the figure is the same on every run.
func (g graph) upward() int {
	total := 0
	for _, component := range g.cycles() {
		total += against(g.edges, improved(g.edges, component))
	}
	return total
}

// against counts the edges that run from a later file of the order to an earlier one.
func against(edges map[edge]bool, order []string) (n int) {
	for i, to := range order {
		for _, from := range order[i+1:] {
			if edges[edge{from, to}] {
				n++
			}
		}
	}
	return n
}

func improved(edges map[edge]bool, order []string) []string {
	best := against(edges, order)
	for better := true; better; {
		better = false
		for _, name := range slices.Sorted(slices.Values(order)) {
			rest := slices.DeleteFunc(slices.Clone(order), func(s string) bool { return s == name })
			for i := range order {
				moved := slices.Insert(slices.Clone(rest), i, name)
				if n := against(edges, moved); n < best {
					best, order, better = n, moved, true
				}
			}
		}
	}
	return order
}

// cycles returns the sets of two and more files that use each other, directly or through others.
func (g graph) cycles() (out [][]string) {
	reach := map[string]map[string]bool{}
	for e := range g.edges {
		if reach[e.from] == nil {
			reach[e.from] = g.reachable(e.from)
		}
	}
	seen := map[string]bool{}
	for _, a := range slices.Sorted(maps.Keys(reach)) {
		if seen[a] || !reach[a][a] {
			continue
		}
		var component []string
		for b := range reach[a] {
			if reach[b][a] {
				component = append(component, b)
				seen[b] = true
			}
		}
		slices.Sort(component)
		out = append(out, component)
	}
	return out
}

func (g graph) reachable(from string) map[string]bool {
	found := map[string]bool{}
	todo := []string{from}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for e := range g.edges {
			if e.from == at && !found[e.to] {
				found[e.to] = true
				todo = append(todo, e.to)
			}
		}
	}
	return found
}

func TestUpwardReferences(t *testing.T) {
	for _, c := range []struct {
		name  string
		edges string // "ab" means that file a uses file b
		want  int
	}{
		{"no cycle", "ab bc ac", 0},
		{"two files use each other", "ab ba", 1},
		{"a ring", "ab bc ca", 1},
		{"one way back in a deep order", "ab bc cd de ad ea", 1},
		{"two rings that share a file", "ab ba bc cb", 2},
		{"rings apart", "ab ba cd dc", 2},
		{"all use all", "ab ba ac ca bc cb", 3},
	} {
		g := graph{edges: map[edge]bool{}}
		for _, e := range strings.Fields(c.edges) {
			g.edges[edge{e[:1], e[1:]}] = true
		}
		if got := g.upward(); got != c.want {
			t.Errorf("%s: %d references run upward, want %d", c.name, got, c.want)
		}
	}
}

func TestReferencesBetweenFiles(t *testing.T) {
	p := &pkg{path: "p"}
	fset := token.NewFileSet()
	for name, src := range map[string]string{
		"a.go": "// Package p is one.\npackage p\n\ntype t struct{ n int }\n\nfunc (t) m() {}\n",
		"b.go": "package p\n\nimport \"fmt\"\n\nfunc f(v t) { v.m(); fmt.Println(v.n) }\n",
		"c.go": "package p\n\nfunc g(f int) { _ = f }\n",
	} {
		if err := p.add(fset, name, src); err != nil {
			t.Fatal(err)
		}
	}
	p.resolve(fset)
	want := map[edge]bool{{"b.go", "a.go"}: true}
	if got := references(p); !maps.Equal(got.edges, want) || got.files != 3 {
		t.Errorf("references %v of %d files, want %v of 3", got.edges, got.files, want)
	}
}
