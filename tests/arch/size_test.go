package arch

import (
	"fmt"
	"go/ast"
	"strings"
	"testing"
)

// Sizes above which a thing does too much. They hold for sources, not for tests.
const (
	fileLines        = 600
	functionLines    = 60
	structFields     = 15
	typeMethods      = 30 // over all files of the package
	interfaceMethods = 5
)

// tooLarge are those that may be larger: "file: name", or "package.Type" for its methods, each with
// its reason. TestSizes fails when one of them is no longer larger.
var tooLarge = map[string]string{}

func TestSizes(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range load(t) {
		for key, complaint := range sizes(p) {
			if seen[key] = true; tooLarge[key] == "" {
				t.Error(complaint)
			}
		}
	}
	for key := range tooLarge {
		if !seen[key] {
			t.Errorf("%s is within the limits: take it off the list", key)
		}
	}
}

// sizes returns complaints by "file: name".
func sizes(p *pkg) map[string]string {
	out := map[string]string{}
	for _, m := range methods(p) {
		if m.n > typeMethods {
			out[m.name] = fmt.Sprintf("%s%s has %d methods, more than %d",
				m.file.at(m.node), m.name, m.n, typeMethods)
		}
	}
	for _, f := range p.files {
		if f.test || f.generated {
			continue
		}
		complain := func(n ast.Node, name, what string, is, limit int) {
			if is > limit {
				out[f.name+": "+name] = fmt.Sprintf("%s%s has %d %s, more than %d",
					f.at(n), name, is, what, limit)
			}
		}
		complain(f.syntax, "file", "lines", f.fset.Position(f.syntax.FileEnd).Line, fileLines)
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				complain(n, n.Name.Name, "lines", f.fset.Position(n.End()).Line-f.line(n.Type)+1, functionLines)
			case *ast.TypeSpec:
				switch x := n.Type.(type) {
				case *ast.StructType:
					complain(n, n.Name.Name, "fields", count(x.Fields), structFields)
				case *ast.InterfaceType:
					complain(n, n.Name.Name, "methods", count(x.Methods), interfaceMethods)
				}
			}
			return true
		})
	}
	return out
}

func count(fields *ast.FieldList) int {
	n := 0
	for _, f := range fields.List {
		n += max(len(f.Names), 1) // embedded: one
	}
	return n
}

func TestEveryPackageIsDocumented(t *testing.T) {
	for _, p := range load(t) {
		report(t, undocumented(p))
	}
}

func undocumented(p *pkg) []string {
	sources := 0
	for _, f := range p.files {
		if f.test {
			continue
		}
		sources++
		if doc := f.syntax.Doc.Text(); f.syntax.Name.Name == "main" && doc != "" ||
			strings.HasPrefix(doc, "Package "+f.syntax.Name.Name+" ") {
			return nil
		}
	}
	if sources == 0 {
		return nil // tests only
	}
	return []string{
		p.path + ": no package comment: say what it is for and the two calls that most people need",
	}
}
