package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/hublink-go/hublink"

// root is the top of the tree, seen from this package.
const root = "../.."

// pkg is one folder with Go files, its test files included.
type pkg struct {
	path  string // below the module: "protocol/hub"
	files []*file
	core  bool // the pure files of a package that is not pure, see cores
}

type file struct {
	name      string // below root
	test      bool
	generated bool
	syntax    *ast.File
	fset      *token.FileSet
	uses      map[*ast.Ident]types.Object
}

func (f *file) line(n ast.Node) int { return f.fset.Position(n.Pos()).Line }

// at is where n stands, as a prefix of complaints.
func (f *file) at(n ast.Node) string { return f.name + ":" + strconv.Itoa(f.line(n)) + ": " }

// imports are the paths that the file imports.
func (f *file) imports() []string {
	var out []string
	for _, spec := range f.syntax.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		out = append(out, p)
	}
	return out
}

// load returns every package of this tree, parsed once for all tests, which do not change them.
func load(t *testing.T) []*pkg {
	t.Helper()
	all, err := thisTree()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var thisTree = sync.OnceValues(func() ([]*pkg, error) { return parse(root) })

// parse parses every package of the tree below root, but not the modules inside it.
func parse(root string) ([]*pkg, error) {
	byPath := map[string]*pkg{}
	fset := token.NewFileSet()
	err := walk(root, func(name string) error {
		if path.Ext(name) != ".go" {
			return nil
		}
		src, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		dir := path.Dir(name)
		if byPath[dir] == nil {
			byPath[dir] = &pkg{path: dir}
		}
		return byPath[dir].add(fset, name, string(src))
	})
	if err != nil {
		return nil, err
	}
	var all []*pkg
	for _, p := range byPath {
		p.resolve(fset)
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *pkg) int { return strings.Compare(a.path, b.path) })
	if len(all) < 5 {
		return nil, fmt.Errorf("only %d packages below %s: this is not the tree", len(all), root)
	}
	return all, nil
}

// walk visits the files of a repository, by their names below root, but not what was built,
// installed or recorded.
func walk(root string, visit func(name string) error) error {
	return filepath.WalkDir(root, func(full string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, full)
		if err != nil {
			return err
		}
		if !d.IsDir() {
			if name == ".git" { // a file in a linked worktree
				return nil
			}
			return visit(filepath.ToSlash(name))
		}
		if name == "." {
			return nil
		}
		base := d.Name()
		if strings.HasPrefix(base, ".") && base != ".ci" ||
			slices.Contains([]string{"testdata", "node_modules", "bin"}, base) {
			return filepath.SkipDir
		}
		if _, err := os.Stat(filepath.Join(full, "go.mod")); err == nil {
			return filepath.SkipDir
		}
		return nil
	})
}

func (p *pkg) add(fset *token.FileSet, name, src string) error {
	syntax, err := parser.ParseFile(fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	p.files = append(p.files, &file{
		name: name, syntax: syntax, fset: fset,
		test: strings.HasSuffix(name, "_test.go"), generated: ast.IsGenerated(syntax),
	})
	return nil
}

// resolve finds out what the identifiers of the files mean. Imported packages stay empty, so the
// errors of the type checker are not of interest; the names of packages and of the package's own
// variables are resolved all the same, shadowing included.
func (p *pkg) resolve(fset *token.FileSet) {
	var sources []*file
	for _, f := range p.files {
		if f.test {
			check(fset, f)
		} else {
			sources = append(sources, f)
		}
	}
	check(fset, sources...)
}

func check(fset *token.FileSet, files ...*file) {
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	var syntax []*ast.File
	for _, f := range files {
		f.uses = info.Uses
		syntax = append(syntax, f.syntax)
	}
	conf := types.Config{Importer: empty{}, Error: func(error) {}}
	_, _ = conf.Check("p", fset, syntax, info)
}

// empty imports every package as one without content.
type empty struct{}

var majorVersion = regexp.MustCompile(`^v[0-9]+$`)

func (empty) Import(p string) (*types.Package, error) {
	name := path.Base(p)
	if majorVersion.MatchString(name) {
		name = path.Base(path.Dir(p))
	}
	imported := types.NewPackage(p, strings.TrimPrefix(name, "go-"))
	imported.MarkComplete()
	return imported, nil
}

// declarations yields what the sources declare, and the file where it stands, but not what tests
// and generated files declare.
func (p *pkg) declarations() iter.Seq2[*file, ast.Decl] {
	return func(yield func(*file, ast.Decl) bool) {
		for _, f := range p.files {
			if f.test || f.generated {
				continue
			}
			for _, d := range f.syntax.Decls {
				if !yield(f, d) {
					return
				}
			}
		}
	}
}
