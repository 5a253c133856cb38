package fat

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// do mounts the volume, looks up path and calls act with what is there and its folder.
func (v *Volume) do(what, path string, act func(names []name, at *found, dir uint32) error) error {
	names, err := split(path)
	if err == nil {
		err = v.start()
	}
	if err == nil {
		var at *found
		var dir uint32
		if at, dir, err = v.lookup(names); err == nil {
			err = act(names, at, dir)
		}
	}
	if err != nil {
		return fmt.Errorf("%s %q: %w", what, path, err)
	}
	return nil
}

// Touch makes an empty file unless path exists (fat_touch). It fails with ErrDenied for a folder
// and for a read-only file.
func (v *Volume) Touch(path string) error {
	return v.do("touch", path, func(names []name, at *found, _ uint32) error {
		if at != nil {
			if at.attr&(attrReadOnly|attrFolder) != 0 {
				return ErrDenied
			}
			return nil
		}
		f, err := v.truncateOrMake(names)
		if err != nil {
			return err
		}
		return f.sync()
	})
}

// Remove removes a file or an empty folder (fat_rm!). It fails with ErrNotExist and ErrDenied.
func (v *Volume) Remove(path string) error {
	return v.do("remove", path, func(_ []name, at *found, _ uint32) error {
		switch {
		case at == nil:
			return ErrNotExist
		case at.attr&attrReadOnly != 0:
			return ErrDenied
		}
		cluster := v.firstCluster(at.entry[:])
		if at.attr&attrFolder != 0 {
			if empty, err := v.empty(cluster); err != nil {
				return err
			} else if !empty {
				return ErrDenied
			}
		}
		if err := v.unregister(at); err != nil {
			return err
		}
		if cluster != 0 {
			if err := v.release(cluster); err != nil {
				return err
			}
		}
		return v.sync()
	})
}

// empty reports whether the folder at cluster has no entries but "." and "..".
func (v *Volume) empty(cluster uint32) (bool, error) {
	p, err := v.seek(cluster, 0)
	for more := true; err == nil && more; {
		var entry []byte
		entry, err = v.entry(p)
		switch {
		case err != nil:
			return false, err
		case entry[0] == 0:
			return true, nil
		case entry[0] != deleted && entry[0] != '.' && entry[11]&attrLabel == 0:
			return false, nil
		}
		more, err = v.step(&p, false)
	}
	return true, err
}

// Rename moves a file or folder (fat_mv). It fails with ErrNotExist, and with ErrExist when to
// exists.
func (v *Volume) Rename(from, to string) error {
	return v.do("rename", from, func(_ []name, at *found, dir uint32) error {
		names, err := split(to)
		if err != nil {
			return err
		}
		if at == nil {
			return ErrNotExist
		}
		other, toDir, err := v.lookup(names)
		switch {
		case err != nil:
			return fmt.Errorf("to %q: %w", to, err)
		case other != nil && other.place != at.place:
			return fmt.Errorf("to %q: %w", to, ErrExist)
		}
		_, entry, err := v.register(toDir, &names[len(names)-1])
		if err != nil {
			return fmt.Errorf("to %q: %w", to, err)
		}
		copy(entry[13:], at.entry[13:])
		if entry[11] = at.entry[11]; entry[11]&attrFolder == 0 {
			entry[11] |= attrArchive
		} else if dir != toDir {
			if err := v.setParent(v.firstCluster(entry), toDir); err != nil {
				return err
			}
		}
		v.window.dirty = true
		if err := v.unregister(at); err != nil {
			return err
		}
		return v.sync()
	})
}

// setParent changes the ".." entry of the folder at cluster.
func (v *Volume) setParent(cluster, parent uint32) error {
	v.window.dirty = true
	sector, err := v.sectorOf(cluster)
	if err != nil {
		return err
	}
	p, err := v.load(sector)
	if err != nil {
		return err
	}
	if entry := p[entrySize:][:entrySize]; entry[1] == '.' {
		v.putFirstCluster(entry, parent)
	}
	return nil
}

// Mkdir makes a folder, unless it exists (fat_mkdir). It fails with ErrExist when path is a file.
func (v *Volume) Mkdir(path string) error {
	return v.do("make folder", path, func(names []name, at *found, dir uint32) error {
		if at != nil {
			if at.attr&attrFolder == 0 {
				return ErrExist
			}
			return nil
		}
		cluster, err := v.extend(0)
		if err == nil {
			err = v.clear(cluster)
		}
		if err != nil {
			return err
		}
		p := v.window.data[:]
		copy(p, ".          ")
		p[11] = attrFolder
		le.PutUint32(p[22:], epoch)
		v.putFirstCluster(p, cluster)
		copy(p[entrySize:], p[:entrySize])
		p[entrySize+1] = '.'
		v.putFirstCluster(p[entrySize:], dir)
		v.window.dirty = true
		_, entry, err := v.register(dir, &names[len(names)-1])
		if err != nil {
			return err
		}
		le.PutUint32(entry[22:], epoch)
		v.putFirstCluster(entry, cluster)
		entry[11] = attrFolder
		v.window.dirty = true
		return v.sync()
	})
}

// SetAttributes makes a file read-only (R), hidden (H) and a system file (S), as the letters of
// attrs say, and otherwise not (fat_attrib).
func (v *Volume) SetAttributes(path, attrs string) error {
	var set byte
	for _, c := range strings.ToUpper(attrs) {
		switch c {
		case 'R':
			set |= attrReadOnly
		case 'H':
			set |= attrHidden
		case 'S':
			set |= attrSystem
		default:
			return fmt.Errorf("attribute %q of %q: it has to be R, H or S", c, path)
		}
	}
	open := v.open // stays open
	defer func() { v.open = open }()
	return v.do("set attributes of", path, func(_ []name, at *found, _ uint32) error {
		if at == nil {
			return ErrNotExist
		}
		entry, err := v.entry(at.place)
		if err != nil {
			return err
		}
		entry[11] = set | entry[11]&^(attrReadOnly|attrHidden|attrSystem)
		v.window.dirty = true
		return v.sync()
	})
}

// SetLabel sets the name of the volume; an empty one removes it (fat_setlabel).
func (v *Volume) SetLabel(label string) error {
	if err := v.setLabel(label); err != nil {
		return fmt.Errorf("set label %.64q: %w", label, err)
	}
	return nil
}

func (v *Volume) setLabel(label string) error {
	text := [11]byte([]byte("           "))
	for i := range len(label) {
		if c := label[i]; c < ' ' || c >= 0x7F || strings.IndexByte(`+.,;=[]/*:<>|\"?`, c) >= 0 ||
			i >= 11 {
			return ErrName
		}
		text[i] = upper(label[i])
	}
	if err := v.start(); err != nil {
		return err
	}
	p, ok, err := v.label()
	switch {
	case err != nil:
		return err
	case ok && strings.TrimSpace(label) == "":
		entry, err := v.entry(p)
		if err != nil {
			return err
		}
		entry[0] = deleted
	case strings.TrimSpace(label) == "":
		return nil
	default:
		if !ok {
			if p, err = v.allocate(0, 1); err != nil {
				return err
			}
		}
		entry, err := v.entry(p)
		if err != nil {
			return err
		}
		if !ok {
			clear(entry)
			entry[11] = attrLabel
		}
		copy(entry, text[:])
	}
	v.window.dirty = true
	return v.sync()
}

// label returns the place of the name of the volume, and whether it has one.
func (v *Volume) label() (place, bool, error) {
	p, err := v.seek(0, 0)
	for more := true; err == nil && more; {
		var entry []byte
		entry, err = v.entry(p)
		switch {
		case err != nil:
			return place{}, false, err
		case entry[0] == 0:
			return place{}, false, nil
		case entry[0] != deleted && entry[0] != '.' && entry[11]&attrMask&^attrArchive == attrLabel:
			return p, true, nil
		}
		more, err = v.step(&p, false)
	}
	return place{}, false, err
}

// Copy copies a file of v to path to of volume dst, which may be v (fat_cp).
func (v *Volume) Copy(from string, dst *Volume, to string) error {
	r, err := v.Open(from)
	if err != nil {
		return err
	}
	if dst == v {
		if at, _, err := v.lookupPath(to); err == nil && at != nil && at.place == r.at.place {
			return fmt.Errorf("copy %q to %q: they are one file", from, to)
		}
	}
	dst.open = nil
	w, err := dst.Create(to)
	if err != nil {
		return err
	}
	defer func() { dst.open = nil }()
	_, err = io.CopyBuffer(io.NewOffsetWriter(w, 0), struct{ io.Reader }{
		io.NewSectionReader(r, 0, r.size),
	}, make([]byte, 4096))
	return err
}

func (v *Volume) lookupPath(path string) (*found, uint32, error) {
	names, err := split(path)
	if err != nil {
		return nil, 0, err
	}
	return v.lookup(names)
}

// Exists reports whether path is a file, and not a folder.
func (v *Volume) Exists(path string) (bool, error) {
	exists := false
	err := v.do("look for", path, func(_ []name, at *found, _ uint32) error {
		exists = at != nil && at.attr&attrFolder == 0
		return nil
	})
	if errors.Is(err, ErrNotExist) {
		err = nil // a folder of the path is missing
	}
	return exists, err
}

// Contains reports whether the file at path has pattern in it; every file has the empty one. It
// fails with ErrNotExist.
func (v *Volume) Contains(path, pattern string) (bool, error) {
	r, err := v.Open(path)
	if err != nil || pattern == "" {
		return err == nil, err
	}
	buf := make([]byte, max(64<<10, 2*len(pattern)))
	for off := int64(0); ; {
		n, err := r.ReadAt(buf, off)
		end := errors.Is(err, io.EOF)
		switch {
		case err != nil && !end:
			return false, err
		case bytes.Contains(buf[:n], []byte(pattern)):
			return true, nil
		case end:
			return false, nil
		}
		off += int64(n - len(pattern) + 1)
	}
}
