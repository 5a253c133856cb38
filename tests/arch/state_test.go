package arch

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"testing"
)

// Tables and sentinel errors can be package variables. Data that changes belongs to a value with an
// owner.
func TestNoGlobalState(t *testing.T) {
	for _, p := range load(t) {
		report(t, globalState(p))
	}
}

func globalState(p *pkg) (complaints []string) {
	for _, f := range p.files {
		if f.test {
			continue
		}
		for _, d := range f.syntax.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" {
					complaints = append(complaints,
						f.at(d)+"no init functions: what runs by itself cannot be ordered or tested")
				}
			case *ast.GenDecl:
				complaints = append(complaints, mutable(f, d)...)
			}
		}
		complaints = append(complaints, assignments(f)...)
	}
	return complaints
}

// assignments finds those that change a variable of a package, this one or another.
func assignments(f *file) (complaints []string) {
	target := func(x ast.Expr) {
		switch obj := f.uses[base(x)].(type) {
		case *types.Var:
			if obj.Pkg() != nil && obj.Parent() == obj.Pkg().Scope() {
				complaints = append(complaints, f.at(x)+obj.Name()+" is a package variable and must not change")
			}
		case *types.PkgName:
			complaints = append(complaints,
				f.at(x)+"a variable of "+obj.Imported().Path()+" must not change")
		}
	}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, x := range n.Lhs {
					target(x)
				}
			}
		case *ast.IncDecStmt:
			target(n.X)
		case *ast.RangeStmt:
			if n.Tok == token.ASSIGN && n.Key != nil {
				target(n.Key)
			}
		}
		return true
	})
	return complaints
}

// base is the identifier at the start of x[i].y or *x[i, j], or nil.
func base(x ast.Expr) *ast.Ident {
	for {
		switch e := x.(type) {
		case *ast.Ident:
			return e
		case *ast.IndexExpr:
			x = e.X
		case *ast.IndexListExpr:
			x = e.X
		case *ast.SelectorExpr:
			x = e.X
		case *ast.ParenExpr:
			x = e.X
		case *ast.StarExpr:
			x = e.X
		default:
			return nil
		}
	}
}

// mutable finds package variables of types that exist in order to change, but for pools, which hold
// nothing that is missed.
func mutable(f *file, d *ast.GenDecl) (complaints []string) {
	if d.Tok != token.VAR {
		return nil
	}
	for _, spec := range d.Specs {
		sel, ok := spec.(*ast.ValueSpec).Type.(*ast.SelectorExpr)
		if !ok {
			continue
		}
		x, _ := sel.X.(*ast.Ident)
		name, ok := f.uses[x].(*types.PkgName)
		if !ok {
			continue
		}
		imported := name.Imported().Path()
		if imported == "sync/atomic" ||
			imported == "sync" &&
				slices.Contains([]string{"Mutex", "RWMutex", "Map", "Once", "WaitGroup"}, sel.Sel.Name) {
			complaints = append(
				complaints,
				f.at(spec)+"a package variable of type "+x.Name+"."+sel.Sel.Name+" is global state",
			)
		}
	}
	return complaints
}
