package fwfile

import (
	"bytes"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"strings"

	"github.com/hublink-go/hublink/firmware/internal/inflate"
)

// Names of the entries that are no resources.
const (
	nameSignature = "meta.conf.ed25519"
	nameMeta      = "meta.conf"
	dataFolder    = "data/"
)

// Limits of fwup for the entries that are no resources, in bytes.
const (
	sizeSignature = 64
	minMeta       = 10
	maxMeta       = 50_000 - 1
)

// Options say whose archives a Reader accepts.
type Options struct {
	// Keys are the public keys of the device. An archive has to be signed by one of them.
	Keys []Key
	// AllowUnsigned accepts archives without a signature, and without Keys signed ones whose
	// signature cannot be verified. With Keys a signature of another key is refused all the same.
	AllowUnsigned bool
}

// Entry is a resource as it stands in the archive.
type Entry struct {
	Resource *Resource
	// Size is the number of bytes of the entry, -1 if only its end tells.
	Size int64
	// Delta means that the entry is not the resource but a difference to an older one, and that
	// nothing has compared it with Resource.Hash: the applier has to.
	Delta bool
}

// Reader reads one archive from a stream.
type Reader struct {
	src    source
	meta   *Meta
	text   []byte
	signer *Key
	read   map[int64]header // entries that were read, by the offset of their header
	seen   map[string]bool  // resources that were read
	cur    *content
	// inflate is used for one entry after the other.
	inflate *inflate.Decoder
	err     error // that ended the reading; io.EOF for the end of the archive
}

// NewReader reads signature and meta.conf from the beginning of an archive and verifies them. It
// returns an *Error that wraps one of the package's errors, or the error of src.
func NewReader(src io.Reader, opts Options) (*Reader, error) {
	if len(opts.Keys) == 0 && !opts.AllowUnsigned {
		return nil, &Error{Err: ErrNoKeys}
	}
	r := &Reader{
		src:  source{in: src},
		read: map[int64]header{}, seen: map[string]bool{},
	}
	sig, err := r.signature()
	if errors.Is(err, ErrTruncated) || err == nil && sig != sigLocal {
		return nil, &Error{Err: ErrNotArchive}
	}
	if err != nil {
		return nil, err
	}
	if err := r.head(opts); err != nil {
		return nil, err
	}
	return r, nil
}

// head reads the entries before the resources.
func (r *Reader) head(opts Options) error {
	h, err := r.src.local()
	if err != nil {
		return err
	}
	var signature []byte
	if h.name == nameSignature {
		if signature, err = r.small(h, sizeSignature, sizeSignature); err != nil {
			return err
		}
		switch sig, err := r.signature(); {
		case err != nil:
			return err
		case sig != sigLocal:
			return fault("", ErrCorrupt, "nothing follows the signature")
		}
		if h, err = r.src.local(); err != nil {
			return err
		}
	}
	if h.name != nameMeta {
		return fault(h.name, ErrUncovered, "it stands where meta.conf should be")
	}
	if r.text, err = r.small(h, minMeta, maxMeta); err != nil {
		return err
	}
	if err := r.authenticate(signature, opts); err != nil {
		return err
	}
	if r.meta, err = parseMeta(r.text); err != nil {
		return fault(nameMeta, ErrMeta, "%s", err)
	}
	return nil
}

// authenticate finds the key that signed meta.conf.
func (r *Reader) authenticate(signature []byte, opts Options) error {
	if signature == nil {
		if opts.AllowUnsigned {
			return nil
		}
		return fault("", ErrUnsigned, "sign it with fwup -S, or nh firmware sign")
	}
	if key, ok := verify(opts.Keys, r.text, signature); ok {
		r.signer = &key
		return nil
	}
	if len(opts.Keys) == 0 { // AllowUnsigned
		return nil
	}
	return fault(nameMeta, ErrSignature, "tried %s", ids(opts.Keys))
}

func ids(keys []Key) string {
	var b strings.Builder
	for i, k := range keys {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(k.ID())
	}
	return b.String()
}

// small reads an entry that is kept in memory.
func (r *Reader) small(h header, least, most int64) ([]byte, error) {
	c, err := r.open(h, most)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(io.LimitReader(c, most+1)); err != nil {
		return nil, &Error{Entry: h.name, Err: err}
	}
	if n := int64(b.Len()); n < least {
		return nil, fault(h.name, ErrMeta, "it has %d bytes and needs %d", n, least)
	}
	r.read[h.offset] = c.h
	return b.Bytes(), nil
}

// Meta returns what meta.conf says. It is verified, and must not be changed.
func (r *Reader) Meta() *Meta { return r.meta }

// MetaText returns the bytes of meta.conf.
func (r *Reader) MetaText() []byte { return r.text }

// Signer returns the key that signed the archive, or nil for one that was accepted unverified.
func (r *Reader) Signer() *Key { return r.signer }

// Offset returns how many bytes of the archive were needed so far: those of all entries that were
// read, and of the current one the part that Read has inflated.
func (r *Reader) Offset() int64 { return r.src.offset }

// Seen reports whether the archive has had the resource so far.
func (r *Reader) Seen(resource string) bool { return r.seen[resource] }

// Next goes to the next resource. It reads what is left of the current one, so that a resource
// which is passed over is verified too. It returns io.EOF when the archive is complete; other
// errors are final and mean that nothing of the archive may be trusted.
func (r *Reader) Next() (Entry, error) {
	if r.err != nil {
		return Entry{}, r.err
	}
	e, err := r.next()
	if err != nil {
		r.err, r.cur = err, nil
	}
	return e, err
}

func (r *Reader) next() (Entry, error) {
	if r.cur != nil {
		if _, err := io.Copy(io.Discard, readerOnly{r}); err != nil {
			return Entry{}, err
		}
		r.cur = nil
	}
	sig, err := r.signature()
	if err != nil {
		return Entry{}, err
	}
	switch sig {
	case sigLocal:
		return r.entry()
	case sigCentral, sigEnd, sigEnd64:
		if err := r.finish(sig); err != nil {
			return Entry{}, err
		}
		return Entry{}, io.EOF
	default:
		return Entry{}, fault("", ErrCorrupt, "no record begins at byte %d", r.src.offset-4)
	}
}

// readerOnly hides other methods of a Reader from io.Copy.
type readerOnly struct{ io.Reader }

// entry opens the resource whose local header follows.
func (r *Reader) entry() (Entry, error) {
	if len(r.read) == maxEntries {
		return Entry{}, fault("", ErrUnsupported, "more than %d entries", maxEntries)
	}
	h, err := r.src.local()
	if err != nil {
		return Entry{}, err
	}
	name, ok := strings.CutPrefix(h.name, dataFolder)
	if !ok {
		name = "/" + h.name
	}
	resource := r.meta.Resource(name)
	switch {
	case resource == nil:
		return Entry{}, fault(h.name, ErrUncovered, "meta.conf does not name it")
	case r.seen[name]:
		return Entry{}, fault(h.name, ErrUncovered, "it comes twice")
	}
	r.seen[name] = true
	e := Entry{Resource: resource, Size: h.size}
	if h.size == 0 && h.descriptor() {
		e.Size = -1
	}
	want := resource.Size()
	e.Delta = e.Size >= 0 && e.Size != want && len(resource.Segments) == 1
	limit := want
	if e.Delta {
		limit = e.Size
	}
	if r.cur, err = r.open(h, limit); err != nil {
		return Entry{}, err
	}
	r.cur.resource = resource
	if !e.Delta {
		r.cur.sum = resource.NewHash()
	}
	return e, nil
}

// Read reads from the current resource. It returns io.EOF when the resource has been read to its
// end and its length, checksum and hash (not for a delta) are right.
func (r *Reader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.cur == nil {
		return 0, io.EOF
	}
	n, err := r.cur.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &Error{Entry: r.cur.h.name, Err: err}
		r.err = err
	}
	if errors.Is(err, io.EOF) {
		r.read[r.cur.h.offset] = r.cur.h
	}
	return n, err
}

// inflater reads the data of a deflated entry. A read returns what one piece of the archive
// inflates to, at most.
type inflater struct {
	src   *source
	d     *inflate.Decoder
	piece []byte // inflated, not read
}

func (i *inflater) Read(p []byte) (int, error) {
	for len(i.piece) == 0 {
		if i.d.Done() {
			return 0, io.EOF
		}
		in, err := i.src.next()
		if err != nil {
			return 0, ended(err)
		}
		used, out, err := i.d.Step(in)
		i.src.take(used)
		if i.piece = out; err != nil {
			return 0, err
		}
	}
	n := copy(p, i.piece)
	i.piece = i.piece[n:]
	return n, nil
}

// content is the content of one entry.
type content struct {
	src      *source
	h        header
	in       io.Reader
	begin    int64 // offset of the data
	n        int64 // bytes read
	limit    int64
	crc      hash.Hash32
	sum      hash.Hash // nil for signature, meta.conf and deltas
	resource *Resource
	done     bool
}

// open makes a content of an entry that may have limit bytes.
func (r *Reader) open(h header, limit int64) (*content, error) {
	if h.size > limit {
		return nil, fault(h.name, ErrCorrupt, "it has %d bytes and may have %d", h.size, limit)
	}
	c := &content{src: &r.src, h: h, begin: r.src.offset, limit: limit, crc: crc32.NewIEEE()}
	switch {
	case h.method == methodDeflate:
		if r.inflate == nil {
			r.inflate = inflate.New()
		}
		r.inflate.Reset()
		c.in = &inflater{src: c.src, d: r.inflate}
	case h.descriptor() && h.size == 0:
		return nil, fault(h.name, ErrUnsupported, "stored, and its length is not in its header")
	default:
		c.in = io.LimitReader(c.src, h.size)
	}
	return c, nil
}

// Read reads, hashes and bounds the data. At the end of the data it verifies them.
func (c *content) Read(p []byte) (int, error) {
	if c.done {
		return 0, io.EOF
	}
	n, err := c.in.Read(p)
	c.n += int64(n)
	if c.n > c.limit {
		return 0, fmt.Errorf("%w: it has more than %d bytes", ErrCorrupt, c.limit)
	}
	_, _ = c.crc.Write(p[:n])
	if c.sum != nil {
		_, _ = c.sum.Write(p[:n])
	}
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		if err := c.verify(); err != nil {
			return 0, err
		}
		c.done = true
		return n, io.EOF
	case errors.Is(err, inflate.ErrCorrupt):
		return 0, fmt.Errorf("%w: %w", ErrCorrupt, err)
	default:
		return 0, ended(err)
	}
}

// verify compares what was read with what header, descriptor and meta.conf say.
func (c *content) verify() error {
	if c.h.method == methodStored && c.n < c.h.size {
		return ErrTruncated
	}
	packed := c.src.offset - c.begin
	if c.h.descriptor() {
		if err := c.src.trailer(&c.h); err != nil {
			return err
		}
	}
	switch {
	case c.h.size != c.n || c.h.packed != packed:
		return fmt.Errorf("%w: it has %d bytes (%d compressed), and its header says %d (%d)",
			ErrCorrupt, c.n, packed, c.h.size, c.h.packed)
	case c.h.crc != c.crc.Sum32():
		return fmt.Errorf("%w: CRC-32", ErrCorrupt)
	case c.sum == nil:
		return nil
	case c.n != c.resource.Size():
		return fmt.Errorf("%w: it has %d bytes, and meta.conf says %d",
			ErrCorrupt, c.n, c.resource.Size())
	case !bytes.Equal(c.sum.Sum(nil), c.resource.Hash[:]):
		return fmt.Errorf("%w: its BLAKE2b-256 is not the one in meta.conf", ErrCorrupt)
	default:
		return nil
	}
}
