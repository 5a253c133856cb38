package native

import (
	"errors"
	"fmt"

	"github.com/hublink-go/hublink/firmware/internal/fat"
)

// volume returns the FAT file system at a block of the target. One is used for all calls of a task
// up to its on-finish, because it remembers where free clusters are.
func (r *Run) volume(block string) (*fat.Volume, error) {
	n, err := number(block)
	if err != nil {
		return nil, err
	}
	return r.volumeAt(n), nil
}

func (r *Run) volumeAt(block uint64) *fat.Volume {
	v := r.volumes[block]
	if v == nil {
		v = fat.New(r.cache, int64(block)) //nolint:gosec // numbers are bounded
		r.volumes[block] = v
	}
	return v
}

func fatMkfs(r *Run, args []string, _ *source) error {
	first, err := number(args[0])
	if err != nil {
		return err
	}
	count, err := number(args[1])
	if err != nil {
		return err
	}
	delete(r.volumes, first)
	return fat.Format(r.cache, int64(first), int64(count)) //nolint:gosec // number bounds both
}

// fatFile is a file that a resource is written to.
type fatFile struct{ file *fat.File }

func (f fatFile) writeAt(p []byte, off int64) error {
	_, err := f.file.WriteAt(p, off)
	return err
}

// hole lets the file grow to its length; what lies in the hole is left to the file system.
func (f fatFile) hole(_, length int64) error {
	_, err := f.file.WriteAt(nil, length)
	return err
}

func fatWrite(r *Run, args []string, s *source) error {
	v, err := r.volume(args[0])
	if err != nil {
		return err
	}
	f, err := v.Create(args[1])
	if err != nil {
		return err
	}
	return s.copy(fatFile{f})
}

func fatMove(r *Run, args []string, _ *source) error { return move(r, args, false) }

func fatMoveOver(r *Run, args []string, _ *source) error { return move(r, args, true) }

// move renames a file; force removes one that has the new name.
func move(r *Run, args []string, force bool) error {
	v, err := r.volume(args[0])
	if err != nil {
		return err
	}
	if force {
		if err := v.Remove(args[2]); err != nil && !errors.Is(err, fat.ErrNotExist) {
			return err
		}
	}
	return v.Rename(args[1], args[2])
}

func fatRemove(r *Run, args []string, s *source) error {
	err := fatRemoveExisting(r, args, s)
	if errors.Is(err, fat.ErrNotExist) {
		return nil
	}
	return err
}

func fatRemoveExisting(r *Run, args []string, _ *source) error {
	v, err := r.volume(args[0])
	if err != nil {
		return err
	}
	return v.Remove(args[1])
}

func fatCopy(r *Run, args []string, _ *source) error {
	from, err := r.volume(args[0])
	if err != nil {
		return err
	}
	to, name := from, args[2]
	if len(args) == 4 {
		name = args[3]
		if to, err = r.volume(args[2]); err != nil {
			return err
		}
	}
	return from.Copy(args[1], to, name)
}

func fatMkdir(r *Run, args []string, _ *source) error {
	v, err := r.volume(args[0])
	if err != nil {
		return err
	}
	return v.Mkdir(args[1])
}

func fatLabel(r *Run, args []string, _ *source) error {
	v, err := r.volume(args[0])
	if err != nil {
		return err
	}
	return v.SetLabel(args[1])
}

func fatAttrib(r *Run, args []string, _ *source) error {
	v, err := r.volume(args[0])
	if err != nil {
		return err
	}
	return v.SetAttributes(args[1], args[2])
}

func fatTouch(r *Run, args []string, _ *source) error {
	v, err := r.volume(args[0])
	if err != nil {
		return err
	}
	return v.Touch(args[1])
}

// fileExists is the requirement require-fat-file-exists.
func (r *Run) fileExists(block, path string) (bool, error) {
	v, err := r.volume(block)
	if err != nil {
		return false, err
	}
	return v.Exists(path)
}

// fileContains is the requirement require-fat-file-match.
func (r *Run) fileContains(block, path, text string) (bool, error) {
	v, err := r.volume(block)
	if err != nil {
		return false, fmt.Errorf("file system: %w", err)
	}
	return v.Contains(path, text)
}
