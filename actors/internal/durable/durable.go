// Package durable writes small files that a power loss leaves as they were or as they shall be: the
// journal, the time, a token.
//
// [Write] is all of it. It blocks for as long as the disk takes.
package durable

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// Write replaces the file at path atomically, readable by its owner only, whatever the older one
// allowed; when it returns nil, a power loss finds the new content.
func Write(path string, data []byte) error {
	dir := filepath.Dir(path)
	if err := replace(path, dir, data); err != nil {
		return fmt.Errorf("write %s: %w; check that the directory exists and is writable", path, err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	return nil
}

// replace is renameio.WriteFile, but for that the permissions of the older file do not live on.
func replace(path, dir string, data []byte) error {
	f, err := renameio.NewPendingFile(
		path,
		renameio.WithTempDir(dir),
		renameio.WithStaticPermissions(0o600),
	)
	if err != nil {
		return err
	}
	defer f.Cleanup() //nolint:errcheck // nothing is left to clean after the replacement
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.CloseAtomicallyReplace()
}
