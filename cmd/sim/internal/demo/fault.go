package demo

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hublink-go/hublink/protocol/hubtest"
)

// Fault is a failure on the way from the hub to the device.
type Fault string

// The faults. The first three are of the file, and the update has to fail; the others are of the
// network, and it has to go on.
const (
	None    Fault = ""
	Corrupt Fault = "corrupt" // one bit is wrong
	// the file is shorter than announced, in answers that are whole by themselves
	Truncated Fault = "truncated"
	Oversized Fault = "oversized" // the file is longer than announced
	Cut       Fault = "cut"       // the connection drops, twice
	Stall     Fault = "stall"     // nothing comes any more, without the connection being closed
)

var faults = []string{
	string(Corrupt),
	string(Truncated),
	string(Oversized),
	string(Cut),
	string(Stall),
}

// ParseFault reads what --fault takes.
func ParseFault(name string) (Fault, error) {
	if name != "" && !slices.Contains(faults, name) {
		return None, fmt.Errorf("there is no fault %q: give one of %s", name, strings.Join(faults, ", "))
	}
	return Fault(name), nil
}

// extra is how much longer or shorter the file is than announced.
const extra = 1000

// inject makes the downloads of a file go wrong. The third part of a file arrives before the
// network does.
func (f Fault) inject(fw *hubtest.Firmware) {
	size := fw.Content.Size
	switch f {
	case Corrupt:
		fw.Inject(hubtest.Flip(size / 2))
	case Truncated:
		fw.Inject(hubtest.Resize(-min(extra, (size+1)/2)))
	case Oversized:
		fw.Inject(hubtest.Resize(extra))
	case Cut:
		fw.Inject(hubtest.Cut(size / 3).Times(2))
	case Stall:
		fw.Inject(hubtest.Stall(size / 3).Times(1))
	case None:
	}
}

// interruptions is how often the download has to go on with Range; a file that is too small for the
// fault has none.
func (f Fault) interruptions(size int64) int {
	switch {
	case size/3 == 0:
		return 0
	case f == Cut:
		return 2
	case f == Stall:
		return 1
	}
	return 0
}
