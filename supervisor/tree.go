package supervisor

import (
	"context"
	"fmt"
	"strings"
)

// TreeNode is one actor or supervisor of a [Tree], with everything below it.
type TreeNode struct {
	ID          string
	Path        string
	Supervisor  bool
	Strategy    Strategy  // of a supervisor
	Intensity   Intensity // of a supervisor, with the default filled in
	Restart     Restart   // of a child
	Root        bool      // a root supervisor, which is no child
	State       ChildState
	Incarnation uint64
	Restarts    int        // after crashes, in this incarnation of its supervisor
	Children    []TreeNode // in start order; in no order below a dynamic supervisor
}

// Tree returns sv with everything below it. Each supervisor answers for itself, so the parts of a
// changing tree may be of different moments. A supervisor that exits before it is asked is shown
// without children.
func Tree(ctx context.Context, sv *Supervisor) (TreeNode, error) {
	root := TreeNode{
		ID: sv.cell.path(), Path: sv.cell.path(), Supervisor: true, Root: sv.cell.parent == nil,
		State: StateRunning, Incarnation: sv.cell.incarnation(),
	}
	if sv.cell.rec != nil {
		root.ID, root.Restart = sv.cell.rec.spec.ID, sv.cell.rec.spec.Restart
	}
	infos, err := sv.WhichChildren(ctx)
	if err != nil {
		return TreeNode{}, err
	}
	err = root.fill(ctx, sv, infos)
	return root, err
}

// fill sets what a supervisor knows of itself and adds its children.
func (n *TreeNode) fill(ctx context.Context, sv *Supervisor, infos []ChildInfo) error {
	n.Strategy, n.Intensity = sv.core.spec.Strategy, newIntensity(sv.core.spec.Intensity).limit
	for _, i := range infos {
		child := TreeNode{
			ID: i.ID, Path: i.Ref.path, Supervisor: i.Supervisor, Restart: i.Restart,
			State: i.State, Incarnation: i.Incarnation, Restarts: i.Restarts,
		}
		if below, ok := sv.cell.sys.Supervisor(i.Ref.path); ok && i.Supervisor {
			infos, err := below.WhichChildren(ctx)
			if ctx.Err() != nil {
				return err
			}
			if err := child.fill(ctx, below, infos); err != nil {
				return err
			}
		}
		n.Children = append(n.Children, child)
	}
	return nil
}

// String returns a drawing of the tree, one line a node:
//
//	device-x           one_for_one 3 in 1m0s
//	├─ link            one_for_one 5 in 30s
//	│  └─ connection   permanent, restarted 2 times
//	└─ extensions      dynamic
func (n TreeNode) String() string {
	var rows [][2]string
	n.rows(&rows, "", "")
	width := 0
	for _, r := range rows {
		width = max(width, len([]rune(r[0])))
	}
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "%-*s   %s\n", width, r[0], r[1])
	}
	return b.String()
}

// rows appends the lines of n and below: the branch, and what stands beside it.
func (n TreeNode) rows(out *[][2]string, first, rest string) {
	*out = append(*out, [2]string{first + n.ID, n.describe()})
	for i, c := range n.Children {
		if i == len(n.Children)-1 {
			c.rows(out, rest+"└─ ", rest+"   ")
		} else {
			c.rows(out, rest+"├─ ", rest+"│  ")
		}
	}
}

func (n TreeNode) describe() string {
	var words []string
	switch {
	case n.Supervisor && n.Strategy == Dynamic:
		words = append(words, n.Strategy.String())
	case n.Supervisor:
		words = append(words, fmt.Sprintf("%v %d in %v", n.Strategy, n.Intensity.Max, n.Intensity.Within))
	}
	if !n.Root && (!n.Supervisor || n.Restart != Permanent) {
		words = append(words, n.Restart.String())
	}
	switch n.Restarts {
	case 0:
	case 1:
		words = append(words, "restarted once")
	default:
		words = append(words, fmt.Sprintf("restarted %d times", n.Restarts))
	}
	if n.State != StateRunning {
		words = append(words, n.State.String())
	}
	return strings.Join(words, ", ")
}
