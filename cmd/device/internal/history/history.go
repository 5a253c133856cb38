// Package history keeps what has become of firmware on a device: a bounded log on disk, to which
// entries are only appended.
//
// [Open] opens the log in a folder, [Log.Add] appends, [Read] reads it. An entry is one line of
// JSON, written by one write and synced. A crash at any byte costs at most the entry that was being
// written: a line that cannot be read is skipped, and the next entry begins on a line of its own.
// When the file is full it becomes the older of two, and the oldest entries go. One process at a
// time may have the log open; others may read.
package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"
)

// Bounds of the log.
const (
	maxFile = 128 << 10 // of each of the two files
	maxLine = 4 << 10
	maxText = 400 // of each text of an entry
)

// Who is behind an entry.
const (
	ByHub    = "hub"
	ByHand   = "hand"
	ByDevice = "device"
)

// Entry is one thing that happened to a firmware.
type Entry struct {
	Time    time.Time `json:"time"`
	By      string    `json:"by"`
	What    string    `json:"what"`
	UUID    string    `json:"uuid,omitempty"`
	Version string    `json:"version,omitempty"`
	Key     string    `json:"key,omitempty"` // id of the key that made the signature
	Task    string    `json:"task,omitempty"`
	Slot    string    `json:"slot,omitempty"`
	Boot    string    `json:"boot,omitempty"` // id of the boot of the machine
	Bytes   int64     `json:"bytes,omitempty"`
	Millis  int64     `json:"ms,omitempty"` // how long it took
	Reason  string    `json:"reason,omitempty"`
}

// Log is an open history.
type Log struct {
	dir  string
	file *os.File
	size int64
	torn bool // the file does not end with a whole line
}

// Open opens the history in the folder dir.
func Open(dir string) (*Log, error) {
	l := &Log{dir: dir}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("open the history: %w", err)
	}
	return l, nil
}

func newer(dir string) string { return filepath.Join(dir, "history") }
func older(dir string) string { return filepath.Join(dir, "history.1") }

func (l *Log) open() error {
	f, err := os.OpenFile(newer(l.dir), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.file, l.size, l.torn = f, info.Size(), false
	if l.size > 0 {
		var last [1]byte
		_, err = f.ReadAt(last[:], l.size-1)
		l.torn = last[0] != '\n'
	}
	return err
}

// Add appends an entry and returns when it is on disk.
func (l *Log) Add(e Entry) error {
	for _, text := range [...]*string{
		&e.By, &e.What, &e.UUID, &e.Version, &e.Key, &e.Task, &e.Slot, &e.Boot, &e.Reason,
	} {
		*text = shorten(*text)
	}
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	if l.torn {
		line = append([]byte{'\n'}, line...)
	}
	line = append(line, '\n')
	if len(line) > maxLine {
		return fmt.Errorf("write the history: an entry of %d bytes", len(line))
	}
	if l.size+int64(len(line)) > maxFile {
		if err := l.rotate(); err != nil {
			return fmt.Errorf("write the history: %w", err)
		}
		line = bytes.TrimLeft(line, "\n")
	}
	n, err := l.file.Write(line)
	l.size, l.torn = l.size+int64(n), err != nil && (n > 0 || l.torn)
	if err == nil {
		err = l.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	return nil
}

// rotate makes the file the older one.
func (l *Log) rotate() error {
	if err := os.Rename(newer(l.dir), older(l.dir)); err != nil {
		return err
	}
	_ = l.file.Close() // everything in it is synced
	return l.open()
}

// Close closes the history.
func (l *Log) Close() error { return l.file.Close() }

func shorten(text string) string {
	if len(text) <= maxText {
		return text
	}
	n := maxText
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "..."
}

// Read returns the entries of the history in dir, oldest first. Lines that cannot be read, as a
// crash leaves one, are skipped. Without a history there are none.
func Read(dir string) ([]Entry, error) {
	var all []Entry
	for _, path := range [...]string{older(dir), newer(dir)} {
		entries, err := readFile(path)
		if err != nil {
			return nil, fmt.Errorf("read the history: %w", err)
		}
		all = append(all, entries...)
	}
	return all, nil
}

func readFile(path string) (entries []Entry, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := bufio.NewReaderSize(io.LimitReader(f, maxFile+maxLine), maxLine)
	for {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue // its rest is no entry either
		case errors.Is(err, io.EOF):
			return entries, nil // what has no end was not written whole
		case err != nil:
			return nil, err
		}
		var e Entry
		if json.Unmarshal(line, &e) == nil && !e.Time.IsZero() && e.What != "" {
			entries = append(entries, e)
		}
	}
}
