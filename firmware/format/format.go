// Package format tells what kind of file a firmware is by its first bytes, and gives it to the
// applier that takes it.
//
// Two calls are what most need: [Detect], and [New], which makes one firmware.Applier of one for
// archives and one for raw images. A raw image is everything that is not recognised as something
// else, so a slot never receives an archive, a bundle or an image for another kind of device.
package format

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Kind is what a file is.
type Kind uint8

// Kinds of files.
const (
	Raw      Kind = iota // nothing that is recognised: an image of a slot
	Archive              // a ZIP file, as fwup makes them
	RAUC                 // a RAUC bundle
	SWUpdate             // a cpio archive that begins with sw-description
	ESP                  // an application image for ESP-IDF
)

// Need is how many of the first bytes Detect needs to tell all kinds apart.
const Need = 128

// String returns the name of the kind.
func (k Kind) String() string {
	return [...]string{
		"raw image", "fwup archive", "RAUC bundle", "SWUpdate image", "ESP-IDF image",
	}[min(k, ESP)]
}

// Detect returns the kind of a file of that size, in bytes or 0 if it is not known, by its first
// Need bytes, or by fewer if it has no more.
func Detect(head []byte, size int64) Kind {
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return Archive
	case isBundle(head, size):
		return RAUC
	case isDescription(head):
		return SWUpdate
	case isApplication(head):
		return ESP
	default:
		return Raw
	}
}

// isBundle reports whether the file is a squashfs with something behind it: a RAUC bundle ends with
// its signature and the length of that in 8 bytes (RAUC reference, bundle formats). A squashfs
// alone, padded to 4 KiB, may be the image of a slot.
func isBundle(head []byte, size int64) bool {
	if len(head) < 48 || !bytes.HasPrefix(head, []byte("hsqs")) || size == 0 {
		return false
	}
	used := binary.LittleEndian.Uint64(head[40:]) // squashfs superblock, bytes_used
	return used < 1<<62 && size > int64(used+4095)&^4095
}

// isDescription reports whether the file is a cpio archive in the format newc whose first entry is
// sw-description (SWUpdate documentation, handling images).
func isDescription(head []byte) bool {
	return (bytes.HasPrefix(head, []byte("070701")) || bytes.HasPrefix(head, []byte("070702"))) &&
		len(head) >= 124 && bytes.HasPrefix(head[110:], []byte("sw-description"))
}

// isApplication reports whether the file has the headers of an ESP-IDF application: the image's
// magic byte, and that of the application description behind it.
func isApplication(head []byte) bool {
	return len(head) >= 36 && head[0] == 0xe9 && head[1] >= 1 && head[1] <= 16 &&
		binary.LittleEndian.Uint32(head[32:]) == 0xabcd5432
}

// A KindError is the error for a file of a kind that no applier takes.
type KindError struct{ Kind Kind }

// Error says what the file is and what to do.
func (e *KindError) Error() string {
	switch e.Kind {
	case Raw:
		return "this is no fwup archive: set firmware.format to auto or raw for images of a slot"
	case Archive:
		return "this is a fwup archive, and the agent is set up for images of a slot: " +
			"set firmware.disk, and firmware.format to auto or fw"
	default:
		return fmt.Sprintf("this is a %s, which this agent does not install", e.Kind)
	}
}
