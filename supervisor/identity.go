package supervisor

import "strconv"

// identity names one incarnation. It never changes. Its PID has the name path, "#", number, where
// the number is unique in the System, so that a PID never reaches a later incarnation.
type identity struct {
	name    string
	pathLen int32
}

// numberBase is the base of the number in a name: short, and still letters and digits only.
const numberBase = 36

func newIdentity(path string, number uint64) identity {
	return identity{
		name:    path + "#" + strconv.FormatUint(number, numberBase),
		pathLen: int32(len(path)),
	}
}

// path returns the logical name, like "device-x/link/connection".
func (i *identity) path() string { return i.name[:i.pathLen] }

// incarnation returns the number.
func (i *identity) incarnation() uint64 {
	n, _ := strconv.ParseUint(i.name[i.pathLen+1:], numberBase, 64) // newIdentity wrote it
	return n
}

// below returns the path of a child.
func (i *identity) below(id string) string { return joinPath(i.path(), id) }

// joinPath returns the path of a child of parent.
func joinPath(parent, id string) string { return parent + "/" + id }
