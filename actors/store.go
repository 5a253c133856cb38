package actors

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hublink-go/hublink/actors/internal/durable"
)

// maxJournal bounds what is read back: a file that is larger is not ours.
const maxJournal = 4 << 20

// FileJournal keeps the journal in one file, readable by its owner only: it holds the signed
// address of the firmware. Save replaces the file atomically and returns when file and directory
// are on disk.
type FileJournal struct {
	Path string
}

// Load returns the journal; nil when there is none.
func (j FileJournal) Load() ([]byte, error) { return readSmall(j.Path, maxJournal) }

// Save replaces the journal.
func (j FileJournal) Save(data []byte) error { return durable.Write(j.Path, data) }

// FileClock keeps the latest known time in one file, in seconds since 1970.
type FileClock struct {
	Path string
}

// LoadTime returns the stored time; the zero time when there is none.
func (c FileClock) LoadTime() (time.Time, error) {
	data, err := readSmall(c.Path, 64)
	if err != nil || data == nil {
		return time.Time{}, err
	}
	sec, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the stored time in %s: %w; delete the file", c.Path, err)
	}
	return time.Unix(sec, 0), nil
}

// SaveTime replaces the stored time.
func (c FileClock) SaveTime(t time.Time) error {
	return durable.Write(c.Path, []byte(strconv.FormatInt(t.Unix(), 10)+"\n"))
}

func readSmall(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case info.Size() > limit:
		return nil, fmt.Errorf(
			"read %s: it has %d bytes, more than the %d that it can have; delete the file",
			path,
			info.Size(),
			limit,
		)
	}
	return os.ReadFile(path)
}
