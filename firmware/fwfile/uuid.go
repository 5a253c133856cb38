package fwfile

import (
	"encoding/hex"

	"golang.org/x/crypto/blake2b"
)

// namespace is the UUID that fwup puts before meta.conf when it computes the UUID of an archive.
var namespace = [16]byte{
	0x20, 0x53, 0xdf, 0xfb, 0xd5, 0x1e, 0x43, 0x10, 0xb9, 0x3b, 0x95, 0x6d, 0xa8, 0x9f, 0x9f, 0x34,
}

// UUID returns the UUID that fwup gives to an archive with this meta.conf. It does not depend on
// the signature nor on how resources are encoded, so a delta has the UUID of the full archive.
// fwup sets the version bits and leaves the variant bits alone.
func UUID(meta []byte) string {
	h, _ := blake2b.New256(nil) // fails for long keys only
	_, _ = h.Write(namespace[:])
	_, _ = h.Write(meta)
	sum := h.Sum(nil)[:16]
	sum[6] = sum[6]&0x0f | 0x50
	s := hex.EncodeToString(sum)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
