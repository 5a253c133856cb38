package native

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/hublink-go/hublink/firmware/fwfile"
)

// meets reports whether the target meets all requirements of a task. A requirement that cannot be
// evaluated for what the target holds is not met, as in fwup; an error means that only fwup can
// tell.
func (r *Run) meets(t *fwfile.Task) (bool, error) {
	for _, c := range t.Requirements {
		met, err := r.met(c)
		if errors.Is(err, ErrUnsupported) {
			return false, err
		}
		if err != nil || !met {
			return false, nil //nolint:nilerr // a target that cannot be read meets nothing
		}
	}
	return true, nil
}

func (r *Run) met(c fwfile.Call) (bool, error) {
	args := c.Args()
	want := map[string]int{
		"require-partition-offset": 2, "require-uboot-variable": 3, "require-fat-file-exists": 2,
		"require-fat-file-match": 3, "require-path-on-device": 2,
	}
	if n, ok := want[c.Name()]; !ok {
		return false, fmt.Errorf("%w: %s", ErrUnsupported, c.Name())
	} else if n != len(args) {
		return false, fmt.Errorf("%s has %d arguments", c.Name(), len(args))
	}
	switch c.Name() {
	case "require-partition-offset":
		return r.partitionAt(args[0], args[1])
	case "require-uboot-variable":
		return r.variableIs(args[0], args[1], args[2])
	case "require-fat-file-exists":
		return r.fileExists(args[0], args[1])
	case "require-fat-file-match":
		return r.fileContains(args[0], args[1], args[2])
	default:
		if r.opts.PathOnDevice == nil {
			return false, fmt.Errorf("%w: %s", ErrUnsupported, c.Name())
		}
		return r.opts.PathOnDevice(args[0], args[1]), nil
	}
}

// partitionAt reports whether a primary partition of the MBR begins at a block.
func (r *Run) partitionAt(index, block string) (bool, error) {
	i, err := strconv.ParseUint(index, 0, 8)
	if err != nil || i > 3 {
		return false, fmt.Errorf("partition %.20q", index)
	}
	want, err := number(block)
	if err != nil {
		return false, err
	}
	var mbr [blockSize]byte
	if _, err := r.cache.ReadAt(mbr[:], 0); err != nil {
		return false, err
	}
	if mbr[510] != 0x55 || mbr[511] != 0xaa {
		return false, nil
	}
	entry := mbr[446+16*i:]
	return uint64(binary.LittleEndian.Uint32(entry[8:])) == want, nil
}

// variableIs reports whether a variable of a U-Boot environment has a value.
func (r *Run) variableIs(env, name, value string) (bool, error) {
	e, err := r.env(env)
	if err != nil {
		return false, err
	}
	vars, err := e.vars()
	if err != nil {
		return false, err
	}
	got, ok := vars[name]
	return ok && got == value, nil
}
