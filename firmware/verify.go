package firmware

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// TooLargeError means that a firmware does not fit into its slot.
type TooLargeError struct {
	Size     int64 // bytes of the firmware, or those that came so far
	Capacity int64 // bytes of the slot
}

// Error implements error.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the firmware has %d bytes, the slot takes %d", e.Size, e.Capacity)
}

// ExcessError means that more bytes came than the offer announced.
type ExcessError struct {
	Size int64 // announced
}

// Error implements error.
func (e *ExcessError) Error() string {
	return fmt.Sprintf("the file is longer than the %d bytes that the hub announced", e.Size)
}

// ShortError means that fewer bytes came than the offer announced.
type ShortError struct {
	Size int64 // announced
	Got  int64
}

// Error implements error.
func (e *ShortError) Error() string {
	return fmt.Sprintf("the file has %d bytes, the hub announced %d", e.Got, e.Size)
}

// MismatchError means that the bytes do not have the SHA-256 that the offer announced.
type MismatchError struct {
	Part      int // number of the part of PartSize bytes; negative means the file
	Want, Got string
}

// Error implements error. It shows a dozen digits, which tell two files apart.
func (e *MismatchError) Error() string {
	what := "the file"
	if e.Part >= 0 {
		what = fmt.Sprintf("part %d of the file", e.Part)
	}
	return fmt.Sprintf(
		"%s is corrupt: its SHA-256 is %.12s..., the hub announced %.12s...",
		what,
		e.Got,
		e.Want,
	)
}

// Verifier checks size, part hashes and SHA-256 of a firmware over bytes that come in order. It
// belongs to one goroutine.
type Verifier struct {
	src   Source
	limit int64
	file  hash.Hash
	part  hash.Hash // of the part that off is in; nil without part hashes
	off   int64
	good  int64 // up to here the part hashes were compared
}

// NewVerifier returns a verifier of the file src, which may have limit bytes when src has no size.
func NewVerifier(src Source, limit int64) *Verifier {
	v := &Verifier{src: src, limit: limit, file: sha256.New()}
	if src.Size > 0 {
		v.limit = src.Size
	}
	if len(src.Partials) > 0 {
		v.part = sha256.New()
	}
	return v
}

// Offset returns how many bytes were taken. No hash that could be compared so far was wrong.
func (v *Verifier) Offset() int64 { return v.off }

// Reset starts again: the next byte is the first of the file.
func (v *Verifier) Reset() {
	v.file.Reset()
	if v.part != nil {
		v.part.Reset()
	}
	v.off, v.good = 0, 0
}

// Write takes the next bytes. It fails with *ExcessError, *TooLargeError or *MismatchError. After
// an error only Reset may be called.
func (v *Verifier) Write(p []byte) (int, error) {
	if v.limit > 0 && int64(len(p)) > v.limit-v.off {
		if v.src.Size > 0 {
			return 0, &ExcessError{Size: v.src.Size}
		}
		return 0, &TooLargeError{Size: v.off + int64(len(p)), Capacity: v.limit}
	}
	_, _ = v.file.Write(p) // hashes do not fail
	if v.part == nil {
		v.off += int64(len(p))
		return len(p), nil
	}
	for rest := p; len(rest) > 0; {
		n := min(len(rest), int(PartSize-v.off%PartSize))
		_, _ = v.part.Write(rest[:n])
		rest, v.off = rest[n:], v.off+int64(n)
		if v.off%PartSize == 0 {
			if err := v.endPart(); err != nil {
				return len(p) - len(rest), err
			}
		}
	}
	return len(p), nil
}

// Finish judges the file. It fails with *ShortError or *MismatchError.
func (v *Verifier) Finish() error {
	if v.src.Size > 0 && v.off < v.src.Size {
		return &ShortError{Size: v.src.Size, Got: v.off}
	}
	if v.part != nil {
		if v.good < v.off {
			if err := v.endPart(); err != nil {
				return err
			}
		}
		if all := int64(len(v.src.Partials)) * PartSize; v.off <= all-PartSize {
			return &ShortError{Size: all, Got: v.off}
		}
	}
	if v.src.Checksum == "" {
		return nil
	}
	return compare(-1, v.src.Checksum, v.file)
}

// endPart judges the part that ends at off, which is shorter at the end of the file.
func (v *Verifier) endPart() error {
	i := int((v.off - 1) / PartSize)
	if i >= len(v.src.Partials) {
		return &ExcessError{Size: int64(len(v.src.Partials)) * PartSize}
	}
	err := compare(i, v.src.Partials[i], v.part)
	v.part.Reset()
	v.good = v.off
	return err
}

// trust takes a part whose hash Rehash has compared.
func (v *Verifier) trust(p []byte) {
	_, _ = v.file.Write(p)
	v.off += int64(len(p))
	v.good = v.off
}

func compare(part int, want string, h hash.Hash) error {
	var sum [sha256.Size]byte
	got := hex.EncodeToString(h.Sum(sum[:0]))
	if strings.EqualFold(got, want) {
		return nil
	}
	return &MismatchError{Part: part, Want: lower(want), Got: got}
}

func compareSum(want string, sum [sha256.Size]byte) bool {
	return strings.EqualFold(hex.EncodeToString(sum[:]), want)
}

func isSum(s string) bool {
	if len(s) != hex.EncodedLen(sha256.Size) {
		return false
	}
	_, err := hex.DecodeString(s)
	return err == nil
}

func lower(s string) string { return strings.ToLower(s) }
