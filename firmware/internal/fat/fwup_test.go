package fat_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hublink-go/hublink/firmware/internal/fat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "record the scripts anew, with the fwup in $HUBLINK_FWUP")

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// The images are those that fwup 1.16.0 wrote for the same acts.
func TestScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/scripts/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			s, sums := parseScript(string(text))
			m := newImage()
			for i, run := range s {
				require.NoError(t, newPlayer(m).play(run), "run %d", i)
				require.Equal(t, sums[i], m.sum(), "run %d", i)
			}
		})
	}
}

// With the program itself more scripts than the recorded ones can be compared.
func TestAgainstFwup(t *testing.T) {
	fwup := os.Getenv("HUBLINK_FWUP")
	if fwup == "" {
		t.Skip("SKIPPED: HUBLINK_FWUP is not set, NOT checked: new scripts against fwup")
	}
	for seed := range uint64(scripts()) {
		s := generate(seed)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "img")
			m := newImage()
			require.NoError(t, os.WriteFile(path, m.data, 0o600))
			var sums []string
			for i, run := range s {
				ours := newPlayer(m).play(run)
				theirs := apply(t, fwup, dir, run)
				require.Equal(
					t,
					ours == nil,
					theirs == nil,
					"run %d: ours %v, theirs %v\n%v",
					i,
					ours,
					theirs,
					run,
				)
				if ours != nil {
					s = s[:i]
					break
				}
				data, err := os.ReadFile(path)
				require.NoError(t, err)
				for at := range min(len(data), len(m.data)) {
					if data[at] != m.data[at] {
						t.Fatalf("run %d: byte %#x is %#x, fwup has %#x\n%v", i, at, m.data[at], data[at], run)
					}
				}
				require.Len(t, m.data, len(data))
				sums = append(sums, m.sum())
			}
			if *update && len(s) > 0 {
				name := fmt.Sprintf("testdata/scripts/%02d.txt", seed)
				require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
				require.NoError(t, os.WriteFile(name, []byte(s.text(sums)), 0o600))
			}
		})
	}
}

func scripts() int {
	if *update {
		return 30
	}
	return 300
}

func apply(t *testing.T, fwup, dir string, run [][]string) error {
	text, files := conf(run)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "fwup.conf"), []byte(text), 0o600))
	for name, data := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	create := exec.Command(
		fwup,
		"-c",
		"-f",
		filepath.Join(dir, "fwup.conf"),
		"-o",
		filepath.Join(dir, "x.fw"),
	)
	create.Env = append(os.Environ(), "DIR="+dir)
	out, err := create.CombinedOutput()
	require.NoError(t, err, "%s\n%s", out, text)
	out, err = exec.Command(fwup, "--apply", "--no-unmount", "-q", "-d", filepath.Join(dir, "img"),
		"-i", filepath.Join(dir, "x.fw"), "--task", "t").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

var names = []string{
	"a", "B", "zImage", "boot.txt", "BOOT.TXT", "Boot.Txt", "config.txt", "a long name.text",
	"another long name.text", "start4.elf", "bcm2711-rpi-4-b.dtb", "bcm2711-rpi-cm4.dtb", "x.y.z",
	".hidden", "  leading", "plus+1.bin", "NAME.toolong", "12345678.123", "123456789.12", "dir",
	"dir/a", "dir/overlays.dtbo", "dir/sub", "dir/sub/file.one",
	"vc4-kms-v3d-pi4-with-a-name-of-many-entries-indeed.dtbo",
}

// generate makes a script of acts that mostly succeed.
func generate(seed uint64) script {
	rng := rand.New(rand.NewPCG(seed, 1))
	pick := func() string { return names[rng.IntN(len(names))] }
	first := fmt.Sprint(8 + 56*rng.IntN(3) + 256*rng.IntN(2))
	sizes := []int{129 + rng.IntN(4000), 4300 + rng.IntN(3000), 9000 + rng.IntN(20000)}
	size := sizes[rng.IntN(3)]
	if rng.IntN(12) == 0 {
		size = 66600 + rng.IntN(2000)
	}
	m := newImage()
	var s script
	for range 1 + rng.IntN(3) {
		var run [][]string
		try := func(act ...string) {
			clone := &image{append([]byte(nil), m.data...)}
			if newPlayer(clone).play(append(run[:len(run):len(run)], act)) == nil || rng.IntN(100) == 0 {
				run = append(run, act)
			}
		}
		if len(s) == 0 {
			run = append(run, []string{"fat_mkfs", first, fmt.Sprint(size)})
			try("fat_setlabel", first, []string{"BOOT", "small", "a b", "TOOLONGLABEL"}[rng.IntN(4)])
			try("fat_mkdir", first, "dir")
		}
		for range rng.IntN(20) {
			switch rng.IntN(12) {
			case 0, 1, 2, 3:
				try(
					"write",
					first,
					pick(),
					fmt.Sprint(rng.IntN([]int{600, 5000, 60000}[rng.IntN(3)])),
					fmt.Sprint(rng.IntN(100)),
				)
			case 4:
				try("fat_mv", first, pick(), pick())
			case 5:
				try("fat_mv!", first, pick(), pick())
			case 6:
				try("fat_rm", first, pick())
			case 7:
				try("fat_cp", first, pick(), pick())
			case 8:
				try("fat_mkdir", first, pick())
			case 9:
				try("fat_touch", first, pick())
			case 10:
				try("fat_attrib", first, pick(), []string{"R", "HS", "", "S"}[rng.IntN(4)])
			case 11:
				try("fat_setlabel", first, []string{"NEW", "", "x-y"}[rng.IntN(3)])
			}
		}
		run = append(run, []string{"finish"})
		for range rng.IntN(4) {
			switch rng.IntN(3) {
			case 0:
				try("fat_mv!", first, pick(), pick())
			case 1:
				try("fat_touch", first, pick())
			case 2:
				try("fat_mkdir", first, pick())
			}
		}
		s = append(s, run)
		if newPlayer(m).play(run) != nil {
			break
		}
	}
	return s
}

func TestErrors(t *testing.T) {
	m := newImage()
	p := newPlayer(m)
	v := p.volume("8")
	for _, path := range []string{"", "/", "a/..", "a:b", "ä", "x\n", strings.Repeat("n", 256), "a*"} {
		_, err := v.Create(path)
		require.ErrorIs(t, err, fat.ErrName, "%q", path)
	}
	_, err := v.Create("a")
	require.ErrorIs(t, err, fat.ErrNotFAT)
	require.Error(t, fat.Format(p.cache, 8, 127))
	require.Error(t, fat.Format(p.cache, 8, 4100), "between FAT12 and FAT16")
	require.NoError(t, fat.Format(p.cache, 8, 200))
	_, err = v.Create("dir/a")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, v.Mkdir("dir"))
	require.NoError(t, v.Mkdir("dir"))
	_, err = v.Create("dir")
	require.ErrorIs(t, err, fat.ErrDenied)
	f, err := v.Create("dir/a")
	require.NoError(t, err)
	_, err = f.WriteAt(make([]byte, 400*512), 0)
	require.ErrorIs(t, err, fat.ErrFull)
	require.ErrorIs(t, v.Remove("dir"), fat.ErrDenied)
	require.ErrorIs(t, v.Mkdir("dir/a"), fat.ErrExist)
	require.ErrorIs(t, v.Rename("dir/a", "dir"), fat.ErrExist)
	require.ErrorIs(t, v.Rename("none", "other"), fs.ErrNotExist)
	require.NoError(t, v.SetAttributes("dir/a", "r"))
	require.ErrorIs(t, v.Remove("dir/a"), fat.ErrDenied)
	_, err = f.WriteAt([]byte("x"), 400*512)
	require.Error(t, err, "it is not open any more")
	require.ErrorIs(t, v.SetLabel("a.b"), fat.ErrName)
	require.ErrorContains(t, v.SetAttributes("dir/a", "X"), "R, H or S")
}

func TestReading(t *testing.T) {
	p := newPlayer(newImage())
	require.NoError(t, fat.Format(p.cache, 64, 8192))
	v := p.volume("64")
	want := content(100_000, 3)
	f, err := v.Create("a file")
	require.NoError(t, err)
	for off := 0; off < len(want); off += 777 {
		_, err = f.WriteAt(want[off:min(off+777, len(want))], int64(off))
		require.NoError(t, err)
	}
	_, err = f.WriteAt([]byte("end"), 110_000)
	require.NoError(t, err)
	want = append(append(want, make([]byte, 10_000)...), "end"...)
	r, err := v.Open("A FILE")
	require.NoError(t, err)
	require.Equal(t, int64(len(want)), r.Size())
	rng := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		off, n := rng.IntN(len(want)), rng.IntN(5000)
		got := make([]byte, n)
		n, _ = r.ReadAt(got, int64(off))
		require.Equal(t, string(want[off:min(off+len(got), len(want))]), string(got[:n]))
	}
	for pattern, found := range map[string]bool{
		"": true, "end": true, "3:9": true, "\x00end": true, "ende": false,
	} {
		got, err := v.Contains("a file", pattern)
		require.NoError(t, err)
		require.Equal(t, found, got, "%q", pattern)
	}
	_, err = v.Contains("none", "")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, v.Mkdir("dir"))
	for path, want := range map[string]bool{
		"a file": true, "dir": false, "none": false, "none/a": false,
	} {
		got, err := v.Exists(path)
		require.NoError(t, err)
		require.Equal(t, want, got, path)
	}
}
