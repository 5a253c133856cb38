package firmware

import "crypto/sha256"

// CheckpointEvery is how many bytes are written between two checkpoints. After a power cut the
// device downloads at most these again, and what was on its way.
const CheckpointEvery = 512 << 10

// Plan is one try of a transfer: which file is downloaded, what it is for, and what an earlier try
// has left. It is immutable.
type Plan struct {
	Run        uint64 // number of the try, in all its events
	Source     Source
	Target     Target
	Limit      int64 // bytes that the file may have; 0 means Source.Size
	Checkpoint int64 // bytes that an earlier try has written and synced
	// what an earlier try has written may be kept, once it was hashed again; false: begin at its start
	Keep bool
}

// Rehash finds out how many of the bytes in a slot can be kept: it hashes the slot again from its
// start. With part hashes, every part with the right hash counts, also behind the checkpoint. Bytes
// of an unfinished part, and of an offer without part hashes, count up to the checkpoint; the hash
// of their part or of the file still judges them in the end.
//
//	for off, n := r.Next(); n > 0; off, n = r.Next() {
//		read, _ := slot.ReadAt(buf[:n], off)
//		r.Take(buf[:read])
//	}
type Rehash struct {
	v          *Verifier
	checkpoint int64
	loose      bool // the next part has the wrong hash: only the checkpoint counts
	ended      bool
}

// NewRehash returns a Rehash of a slot from its start, for a new v.
func NewRehash(v *Verifier, checkpoint int64) *Rehash {
	return &Rehash{v: v, checkpoint: checkpoint}
}

// Next returns which bytes to read now: n bytes at off, at most PartSize. n is 0 when the rest has
// to be downloaded.
func (r *Rehash) Next() (off int64, n int) {
	if r.ended {
		return r.v.off, 0
	}
	if !r.loose {
		if n := r.part(); n > 0 {
			return r.v.off, n
		}
	}
	end := r.checkpoint
	if r.v.limit > 0 {
		end = min(end, r.v.limit)
	}
	if r.v.part != nil { // its hash was wrong
		end = min(end, (r.v.off/PartSize+1)*PartSize-1)
	}
	return r.v.off, int(max(0, min(PartSize, end-r.v.off)))
}

// part returns the length of the next part when its hash can judge it, else 0.
func (r *Rehash) part() int {
	v := r.v
	i := v.off / PartSize
	switch {
	case v.part == nil || v.off%PartSize != 0 || i >= int64(len(v.src.Partials)):
		return 0
	case v.src.Size > 0:
		return int(min(PartSize, v.src.Size-v.off))
	case i == int64(len(v.src.Partials))-1:
		return 0 // the last part, of unknown length
	default:
		return PartSize
	}
}

// Take hashes the bytes that were read. Fewer bytes than Next has asked for mean that there are no
// more.
func (r *Rehash) Take(p []byte) {
	_, n := r.Next()
	if n == 0 {
		return
	}
	judged := !r.loose && r.part() > 0
	switch {
	case judged && len(p) >= n && r.good(p[:n]):
		r.v.trust(p[:n])
	case judged:
		r.loose = true
		r.ended = r.checkpoint >= r.v.off+int64(n)
	default:
		if _, err := r.v.Write(p[:min(n, len(p))]); err != nil {
			r.v.Reset()
			r.ended = true
		}
		r.ended = r.ended || len(p) < n
	}
}

func (r *Rehash) good(p []byte) bool {
	sum := sha256.Sum256(p)
	return compareSum(r.v.src.Partials[r.v.off/PartSize], sum)
}
