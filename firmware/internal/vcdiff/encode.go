package vcdiff

import (
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"io"
)

// EncoderOptions are how Encode makes a delta. The zero value is sensible.
type EncoderOptions struct {
	Window int // bytes of the target in a window; zero: 1 MiB
}

const (
	encoderWindow = 1 << 20
	grain         = 16 // bytes that have to match
)

// Encode writes the delta that makes target of source to w.
func Encode(w io.Writer, source []byte, target io.Reader, o EncoderOptions) error {
	if o.Window <= 0 {
		o.Window = encoderWindow
	}
	if _, err := w.Write([]byte{0xD6, 0xC3, 0xC4, 0, 0}); err != nil {
		return fmt.Errorf("encode a delta: %w", err)
	}
	e := encoder{source: source, index: index(source)}
	buf := make([]byte, o.Window)
	for {
		n, err := io.ReadFull(target, buf)
		if n > 0 {
			if _, err := w.Write(e.window(buf[:n])); err != nil {
				return fmt.Errorf("encode a delta: %w", err)
			}
		}
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			return nil
		case err != nil:
			return fmt.Errorf("encode a delta: %w", err)
		}
	}
}

// index returns where in source each group of grain bytes is, at multiples of grain.
func index(source []byte) map[[grain]byte]int {
	at := make(map[[grain]byte]int, len(source)/grain)
	for i := len(source)/grain*grain - grain; i >= 0; i -= grain {
		at[[grain]byte(source[i:])] = i
	}
	return at
}

// encoder makes windows.
type encoder struct {
	source []byte
	index  map[[grain]byte]int

	data, instructions, addresses []byte // sections
	cache                         addressCache
	done                          int // bytes of the target
}

// window returns a window that makes target.
func (e *encoder) window(target []byte) []byte {
	e.data, e.instructions, e.addresses = e.data[:0], e.instructions[:0], e.addresses[:0]
	e.cache, e.done = addressCache{}, 0
	plain := 0 // first byte that no instruction makes
	for i := 0; i+grain <= len(target); {
		at, ok := e.index[[grain]byte(target[i:])]
		if !ok {
			i++
			continue
		}
		from, n := i, grain
		for i+n < len(target) && at+n < len(e.source) && target[i+n] == e.source[at+n] {
			n++
		}
		for from > plain && at > 0 && target[from-1] == e.source[at-1] {
			from, at, n = from-1, at-1, n+1
		}
		e.plain(target[plain:from])
		e.copy(at, n)
		i = from + n
		plain = i
	}
	e.plain(target[plain:])
	return e.assemble(target)
}

// plain makes p of the data section: runs of one byte, and other bytes.
func (e *encoder) plain(p []byte) {
	for len(p) > 0 {
		same := 1
		for same < len(p) && p[same] == p[0] {
			same++
		}
		if same >= grain {
			e.instructions = appendNumber(append(e.instructions, 0), int64(same))
			e.data = append(e.data, p[0])
			e.done += same
			p = p[same:]
			continue
		}
		n := unlike(p)
		if n <= 17 {
			e.instructions = append(e.instructions, byte(1+n))
		} else {
			e.instructions = appendNumber(append(e.instructions, 1), int64(n))
		}
		e.data = append(e.data, p[:n]...)
		e.done += n
		p = p[n:]
	}
}

// unlike returns how many bytes of p come before a run.
func unlike(p []byte) int {
	same := 1
	for i := 1; i < len(p); i++ {
		if same++; p[i] != p[i-1] {
			same = 1
		}
		if same == grain && i >= grain {
			return i - grain + 1
		}
	}
	return len(p)
}

// copy copies n bytes from at of the source, with the address in the shortest form.
func (e *encoder) copy(at, n int) {
	addr := int64(at)
	mode, value := byte(modeSelf), appendNumber(nil, addr)
	better := func(m byte, v []byte) {
		if len(v) < len(value) {
			mode, value = m, v
		}
	}
	better(modeHere, appendNumber(nil, int64(len(e.source)+e.done)-addr))
	for i, near := range e.cache.near {
		if addr >= near {
			better(modeNear+byte(i), appendNumber(nil, addr-near))
		}
	}
	if slot := addr % int64(len(e.cache.same)); e.cache.same[slot] == addr {
		better(modeSame+byte(slot/256), []byte{byte(slot)})
	}
	e.cache.update(addr)
	code := 19 + 16*mode
	if n >= 4 && n <= 18 {
		e.instructions = append(e.instructions, code+byte(n-3))
	} else {
		e.instructions = appendNumber(append(e.instructions, code), int64(n))
	}
	e.addresses = append(e.addresses, value...)
	e.done += n
}

// assemble returns the window with its sections and the checksum of target.
func (e *encoder) assemble(target []byte) []byte {
	var body []byte
	body = append(appendNumber(body, int64(len(target))), 0)
	for _, s := range [...][]byte{e.data, e.instructions, e.addresses} {
		body = appendNumber(body, int64(len(s)))
	}
	body = binary.BigEndian.AppendUint32(body, adler32.Checksum(target))
	body = append(append(append(body, e.data...), e.instructions...), e.addresses...)
	var w []byte
	if len(e.source) > 0 {
		w = appendNumber(append(w, fromSource|hasAdler), int64(len(e.source)))
		w = appendNumber(w, 0)
	} else {
		w = append(w, hasAdler)
	}
	return append(appendNumber(w, int64(len(body))), body...)
}

// appendNumber appends an integer (RFC 3284 section 2).
func appendNumber(p []byte, n int64) []byte {
	var buf [10]byte
	at := len(buf) - 1
	buf[at] = byte(n & 0x7F)
	for n >>= 7; n > 0; n >>= 7 {
		at--
		buf[at] = byte(n&0x7F) | 0x80
	}
	return append(p, buf[at:]...)
}
