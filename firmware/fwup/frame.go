package fwup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// FrameType is the type of a frame that fwup writes.
type FrameType string

// Types of frames.
const (
	Progress FrameType = "PR" // Code is a percentage
	Warning  FrameType = "WN" // Text is for people; tasks inform with it
	Failure  FrameType = "ER" // Text says what went wrong; the exit code follows
	Success  FrameType = "OK"
)

// Frame is what fwup reports with --framing.
type Frame struct {
	Type FrameType
	Code uint16
	Text string
}

// maxFrame bounds the length of a frame. fwup's own longest message has a few hundred bytes.
const maxFrame = 64 << 10

// ErrFrame means that a program wrote something else than frames: it is no fwup, or an old one.
var ErrFrame = errors.New("not a frame of fwup")

// ReadFrame reads one frame. It returns io.EOF at the end of the stream between two frames.
func ReadFrame(r io.Reader) (Frame, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("%w: the stream ends inside of it", ErrFrame)
		}
		return Frame{}, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n < 4 || n > maxFrame {
		return Frame{}, fmt.Errorf("%w: a length of %d", ErrFrame, n)
	}
	f := Frame{Type: FrameType(head[4:6]), Code: binary.BigEndian.Uint16(head[6:])}
	switch f.Type {
	case Progress, Warning, Failure, Success:
	default:
		return Frame{}, fmt.Errorf("%w: type %q", ErrFrame, string(f.Type))
	}
	text := make([]byte, n-4)
	if _, err := io.ReadFull(r, text); err != nil {
		return Frame{}, fmt.Errorf("%w: the stream ends inside of it", ErrFrame)
	}
	f.Text = string(text)
	return f, nil
}

// AppendFrame appends a frame as fwup writes it.
func AppendFrame(dst []byte, f Frame) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(4+len(f.Text))) //nolint:gosec // texts are short
	dst = append(dst, f.Type...)
	dst = binary.BigEndian.AppendUint16(dst, f.Code)
	return append(dst, f.Text...)
}

// framer writes bytes of an archive as frames for fwup's stdin.
type framer struct{ w io.Writer }

// Write writes one frame. An empty one would end the archive, so it writes none.
func (f framer) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	var head [4]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(p))) //nolint:gosec // pieces are short
	if _, err := f.w.Write(head[:]); err != nil {
		return 0, err
	}
	return f.w.Write(p)
}

// end tells fwup that the archive is complete.
func (f framer) end() error {
	_, err := f.w.Write(make([]byte, 4))
	return err
}
