package firmwaretest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"github.com/hublink-go/hublink/firmware"
)

// The archive of the fakes: a magic and the length of the payload, the payload, an end.
const (
	archiveMagic = "FAKE"
	archiveEnd   = "end of the archive"
	archiveHead  = len(archiveMagic) + 4
	packed       = int64(archiveHead + len(archiveEnd))
)

// Pack returns the file that an applier of the kind takes for a payload.
func (k Kind) Pack(payload []byte) []byte {
	if k != Archive && k != Program {
		return payload
	}
	file := binary.BigEndian.AppendUint32([]byte(archiveMagic), uint32(len(payload)))
	return append(append(file, payload...), archiveEnd...)
}

// Applier returns the fake of a kind, which works on the board.
func (b *Board) Applier(k Kind) firmware.Applier { return &boardApplier{b, k} }

// Serve makes file what a self-fetching installer downloads from url.
func (b *Board) Serve(url string, file []byte) { b.served[url] = file }

type boardApplier struct {
	board *Board
	kind  Kind
}

// Begin implements firmware.Applier.
func (a *boardApplier) Begin(ctx context.Context, t firmware.Target) (firmware.Staging, error) {
	b := a.board
	var slot string
	err := b.change(ctx, func(r *record) error {
		switch {
		case t.Size > b.capacity+packed || a.kind == Slot && t.Size > b.capacity:
			return &firmware.TooLargeError{Size: t.Size, Capacity: b.capacity}
		case r.active().Trial:
			return errors.New("begin: the running firmware is on trial")
		}
		r.undescribe()
		r.idle().Target = t
		slot = other(r.Running)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s := &boardStaging{board: b, kind: a.kind, target: t, slot: slot}
	b.open = s
	switch a.kind {
	case Archive:
		return firmware.InOrder(&archive{boardStaging: s}), nil
	case Program:
		return firmware.InOrder(&program{boardStaging: s}), nil
	case Installer:
		return &installer{boardStaging: s}, nil
	case SelfFetching:
		return firmware.SelfFetching(&installer{boardStaging: s}), nil
	default:
		return s, nil
	}
}

// boardStaging is the open slot of a board, or its spool.
type boardStaging struct {
	board  *Board
	kind   Kind
	target firmware.Target
	slot   string
	file   File // nil: not open yet
}

// at returns the file that the bytes go to.
func (s *boardStaging) at(file string) (File, error) {
	if s.board.open != s {
		return nil, fmt.Errorf("the slot: %w", fs.ErrClosed)
	}
	if s.file == nil {
		f, err := s.board.disk.Open(file, true)
		if err != nil {
			return nil, err
		}
		s.file = f
	}
	return s.file, nil
}

func (s *boardStaging) place() string {
	if s.kind == Installer || s.kind == SelfFetching {
		return spoolFile
	}
	return s.slot
}

func (s *boardStaging) ReadAt(p []byte, off int64) (int, error) {
	f, err := s.at(s.place())
	if err != nil {
		return 0, err
	}
	return f.ReadAt(p, off)
}

func (s *boardStaging) WriteAt(p []byte, off int64) (int, error) {
	f, err := s.at(s.place())
	if err != nil {
		return 0, err
	}
	if off < 0 || off+int64(len(p)) > s.board.capacity {
		return 0, &firmware.TooLargeError{Size: off + int64(len(p)), Capacity: s.board.capacity}
	}
	return f.WriteAt(p, off)
}

func (s *boardStaging) Sync() error {
	f, err := s.at(s.place())
	if err != nil {
		return err
	}
	return f.Sync()
}

// Finish leaves the slot ready to be flipped to, and ends the staging.
func (s *boardStaging) Finish(ctx context.Context) error {
	if err := s.Sync(); err != nil {
		return err
	}
	if err := s.end(); err != nil {
		return err
	}
	return s.board.change(ctx, func(r *record) error {
		r.idle().Ready = true
		return nil
	})
}

// Abort ends the staging.
func (s *boardStaging) Abort() error { return s.end() }

func (s *boardStaging) end() error {
	if s.board.open != s {
		return fmt.Errorf("the slot: %w", fs.ErrClosed)
	}
	s.board.open = nil
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// flipNow is what the on-finish of an archive, a program and an installer end with.
func (s *boardStaging) flipNow(ctx context.Context) error {
	return s.board.change(ctx, func(r *record) error {
		if r.Running == s.slot || !same(r.idle().Target, s.target) {
			return errors.New("flip: the boot record was changed meanwhile")
		}
		r.flip(s.target)
		return nil
	})
}

// unpacker finds the payload of an archive in the bytes that come.
type unpacker struct {
	head []byte
	got  int64 // bytes of the payload
	want int64
}

// next returns the bytes of the payload in p, and what comes after the payload.
func (u *unpacker) next(p []byte) (payload, after []byte, err error) {
	if n := min(archiveHead-len(u.head), len(p)); n > 0 {
		u.head, p = append(u.head, p[:n]...), p[n:]
		if len(u.head) == archiveHead {
			u.want = int64(binary.BigEndian.Uint32(u.head[len(archiveMagic):]))
		}
	}
	if len(u.head) < archiveHead {
		return nil, nil, nil
	}
	if !bytes.HasPrefix(u.head, []byte(archiveMagic)) {
		return nil, nil, errors.New("the file is no archive")
	}
	n := min(int64(len(p)), u.want-u.got)
	u.got += n
	return p[:n], p[n:], nil
}

// archive unpacks in order and writes the payload at any offset; its on-finish flips.
type archive struct {
	*boardStaging
	unpacker unpacker
}

// Write implements firmware.Stream.
func (a *archive) Write(p []byte) (int, error) {
	off := a.unpacker.got
	payload, _, err := a.unpacker.next(p)
	if err != nil {
		return 0, err
	}
	if len(payload) == 0 {
		_, err = a.at(a.slot)
	} else {
		_, err = a.WriteAt(payload, off)
	}
	return len(p), err
}

// Finish implements firmware.Stream.
func (a *archive) Finish(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if a.unpacker.want == 0 || a.unpacker.got < a.unpacker.want {
		return errors.New("the archive ends early")
	}
	return a.Sync()
}

// Flip implements firmware.Stream.
func (a *archive) Flip(ctx context.Context) error {
	if err := a.end(); err != nil {
		return err
	}
	return a.flipNow(ctx)
}

// program is the standard input of a program that flips as soon as it has the payload. The last
// byte of the payload and what follows are held back until Flip.
type program struct {
	*boardStaging
	unpacker unpacker // finds the tail
	process  process
	tail     []byte
}

// process is the program: it knows nothing of hashes and intents.
type process struct {
	unpacker unpacker
	flipped  bool
}

func (p *process) write(ctx context.Context, s *boardStaging, data []byte) error {
	off := p.unpacker.got
	payload, _, err := p.unpacker.next(data)
	if err != nil {
		return err
	}
	if len(payload) > 0 {
		if _, err := s.WriteAt(payload, off); err != nil {
			return err
		}
	}
	if u := &p.unpacker; u.want == 0 || u.got < u.want || p.flipped {
		return nil
	}
	if err := s.Sync(); err != nil {
		return err
	}
	p.flipped = true
	return s.flipNow(ctx)
}

// Write implements firmware.Stream.
func (p *program) Write(data []byte) (int, error) {
	if _, err := p.at(p.slot); err != nil {
		return 0, err
	}
	_, after, err := p.unpacker.next(data)
	if err != nil {
		return 0, err
	}
	give := len(data) - len(after)
	if u := &p.unpacker; u.want > 0 && u.got == u.want && len(p.tail) == 0 {
		give-- // the byte that makes the program flip
	}
	if len(p.tail) > 0 {
		give = 0
	}
	p.tail = append(p.tail, data[give:]...)
	return len(data), p.process.write(context.Background(), p.boardStaging, data[:give])
}

// Finish implements firmware.Stream.
func (p *program) Finish(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := p.at(p.slot); err != nil {
		return err
	}
	if len(p.tail) == 0 {
		return errors.New("the archive ends early")
	}
	return nil
}

// Flip implements firmware.Stream.
func (p *program) Flip(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return errors.Join(err, p.end())
	}
	return errors.Join(p.process.write(ctx, p.boardStaging, p.tail), p.end())
}

// installer works on a file, and flips in the middle of what it does.
type installer struct{ *boardStaging }

// Fetch implements firmware.Fetcher.
func (i *installer) Fetch(ctx context.Context, src firmware.Source, advanced func(int64)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	file, ok := i.board.served[string(src.URL)]
	if !ok {
		return errors.New("the server has no such file")
	}
	const piece = 64 << 10
	for off := 0; off < len(file); off += piece {
		end := min(off+piece, len(file))
		if _, err := i.WriteAt(file[off:end], int64(off)); err != nil {
			return err
		}
		advanced(int64(end))
	}
	return i.Sync()
}

// Finish implements firmware.Staging.
func (i *installer) Finish(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return i.Sync()
}

// Flip implements firmware.Flipper: it copies the file to the slot, then flips.
func (i *installer) Flip(ctx context.Context) error {
	b := i.board
	if err := i.end(); err != nil {
		return err
	}
	to, err := b.disk.Open(i.slot, true)
	if err != nil {
		return err
	}
	file := b.disk.first(spoolFile, int(i.target.Size))
	const piece = 256 << 10
	for off := 0; off < len(file); off += piece {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := to.WriteAt(file[off:min(off+piece, len(file))], int64(off)); err != nil {
			return err
		}
	}
	if err := errors.Join(to.Sync(), to.Close()); err != nil {
		return err
	}
	return i.flipNow(ctx)
}
