package fat_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/hublink-go/hublink/firmware/internal/blockcache"
	"github.com/hublink-go/hublink/firmware/internal/fat"
)

// script is runs of fwup over one image, each a list of acts: words with tabs between them, as
// "write", block, name, size, seed. "finish" begins the on-finish part of a run.
type script [][][]string

func parseScript(text string) (s script, sums []string) {
	for line := range strings.Lines(text) {
		words := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		switch words[0] {
		case "run":
			s = append(s, nil)
		case "sha256":
			sums = append(sums, words[1])
		default:
			s[len(s)-1] = append(s[len(s)-1], words)
		}
	}
	return s, sums
}

func (s script) text(sums []string) string {
	var b strings.Builder
	for i, run := range s {
		b.WriteString("run\n")
		for _, act := range run {
			fmt.Fprintln(&b, strings.Join(act, "\t"))
		}
		fmt.Fprintf(&b, "sha256\t%s\n", sums[i])
	}
	return b.String()
}

// content is a file of a script.
func content(size, seed int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "%d:%d\n", seed, i*i%(seed+7))
	}
	return b.Bytes()[:size]
}

// image is a file in memory.
type image struct{ data []byte }

// newImage returns the image that scripts begin with: bytes that show what was not written.
func newImage() *image { return &image{bytes.Repeat([]byte{0xA5}, 1<<20)} }

func (m *image) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(m.data)) {
		return 0, io.EOF
	}
	n := copy(p, m.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (m *image) WriteAt(p []byte, off int64) (int, error) {
	if end := off + int64(len(p)); end > int64(len(m.data)) {
		m.data = append(m.data, make([]byte, end-int64(len(m.data)))...)
	}
	return copy(m.data[off:], p), nil
}

func (m *image) sum() string { return fmt.Sprintf("%x", sha256.Sum256(m.data)) }

// player does the acts of one run.
type player struct {
	cache   *blockcache.Cache
	volumes map[string]*fat.Volume
}

func newPlayer(m *image) *player {
	return &player{
		cache:   blockcache.New(m, blockcache.Options{Size: int64(len(m.data)), Segments: 8}),
		volumes: map[string]*fat.Volume{},
	}
}

func number(s string) int64 {
	n, err := strconv.ParseInt(s, 0, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func (p *player) volume(block string) *fat.Volume {
	v := p.volumes[block]
	if v == nil {
		v = fat.New(p.cache, number(block))
		p.volumes[block] = v
	}
	return v
}

func (p *player) play(run [][]string) error {
	for _, act := range run {
		if err := p.act(act); err != nil {
			return err
		}
	}
	return p.cache.Flush()
}

func (p *player) act(a []string) error {
	if a[0] == "finish" {
		for _, v := range p.volumes {
			v.Unmount()
		}
		return nil
	}
	v := p.volume(a[1])
	switch a[0] {
	case "fat_mkfs":
		v.Unmount()
		return fat.Format(p.cache, number(a[1]), number(a[2]))
	case "write":
		f, err := v.Create(a[2])
		if err != nil {
			return err
		}
		_, err = f.WriteAt(content(int(number(a[3])), int(number(a[4]))), 0)
		return err
	case "fat_mv":
		return v.Rename(a[2], a[3])
	case "fat_mv!":
		if err := v.Remove(a[3]); err != nil && !isMissing(err) {
			return err
		}
		return v.Rename(a[2], a[3])
	case "fat_rm":
		if err := v.Remove(a[2]); err != nil && !isMissing(err) {
			return err
		}
		return nil
	case "fat_rm!":
		return v.Remove(a[2])
	case "fat_cp":
		if len(a) == 4 {
			return v.Copy(a[2], v, a[3])
		}
		return v.Copy(a[2], p.volume(a[3]), a[4])
	case "fat_mkdir":
		return v.Mkdir(a[2])
	case "fat_setlabel":
		return v.SetLabel(a[2])
	case "fat_attrib":
		if err := v.SetAttributes(a[2], a[3]); err != nil && !isMissing(err) {
			return err
		}
		return nil // fwup does not look at the result
	case "fat_touch":
		return v.Touch(a[2])
	}
	panic("no such act: " + a[0])
}

// conf is a run as a configuration of fwup, with the files of its resources.
func conf(run [][]string) (text string, files map[string][]byte) {
	var resources, task strings.Builder
	files = map[string][]byte{}
	task.WriteString("task t {\non-init {\n")
	for _, a := range run {
		switch a[0] {
		case "finish":
			task.WriteString("}\non-finish {\n")
		case "write":
			name := fmt.Sprintf("r%d", len(files))
			files[name] = content(int(number(a[3])), int(number(a[4])))
			fmt.Fprintf(&resources, "file-resource %s { host-path = \"${DIR}/%s\" }\n", name, name)
			fmt.Fprintf(&task, "}\non-resource %s {\nfat_write(%s, %q)\n", name, a[1], a[2])
		default:
			fmt.Fprintf(&task, "%s(", a[0])
			for i, arg := range a[1:] {
				if i > 0 {
					task.WriteString(", ")
				}
				fmt.Fprintf(&task, "%q", arg)
			}
			task.WriteString(")\n")
		}
	}
	task.WriteString("}\n}\n")
	return resources.String() + task.String(), files
}
