package native

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/tests/golden"
)

const testdata = "../../tests/testdata/"

// operation is one run of fwup on an image, with what it left there.
type operation struct {
	Step    int      `json:"step"`
	Name    string   `json:"name"`
	Base    string   `json:"base"`
	Archive string   `json:"archive"`
	Task    string   `json:"task"`
	Command []string `json:"command"`
	Exit    int      `json:"exit_code"`
	Image   string   `json:"image_sha256"`
	Env     struct {
		Good bool        `json:"crc_ok"`
		Vars [][2]string `json:"vars"`
	} `json:"uboot_env"`
	Regions   map[string]string `json:"regions_sha256"`
	Changed   []string          `json:"regions_changed"`
	Unchanged bool              `json:"unchanged"`
}

// record is the file of golden applies.
type applies struct {
	ImageSize int64 `json:"image_size"`
	Regions   map[string]struct {
		Offset int `json:"byte_offset"`
		Count  int `json:"byte_count"`
	} `json:"regions_blocks"`
	Chain    []operation `json:"chain"`
	Branches []operation `json:"branches"`
}

func goldenApplies(t *testing.T) (a applies) {
	t.Helper()
	file := golden.Read(t, testdata+"fixtures/fwup/golden/apply.json")
	require.NoError(t, json.Unmarshal(file, &a))
	return a
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func archive(t testing.TB, name string) []byte {
	t.Helper()
	return golden.Read(t, filepath.Join(testdata, "fixtures/fwup/fw", name))
}

// options returns whose archives an operation accepts.
func (o *operation) options(t *testing.T) fwfile.Options {
	t.Helper()
	var opts fwfile.Options
	for i, arg := range o.Command {
		if arg == "--public-key" {
			k, err := fwfile.ParseKey([]byte(o.Command[i+1]))
			require.NoError(t, err)
			opts.Keys = append(opts.Keys, k)
		}
	}
	opts.AllowUnsigned = len(opts.Keys) == 0
	return opts
}

// prefix returns the task's name as it was given to fwup.
func (o *operation) prefix() string { return o.Command[slices.Index(o.Command, "--task")+1] }

// apply applies an archive as a device does: the archive is verified to its end before the task's
// on-finish.
func apply(fw []byte, t Target, prefix string, opts fwfile.Options) error {
	r, err := fwfile.NewReader(bytes.NewReader(fw), opts)
	if err != nil {
		return err
	}
	run, err := Open(t, r.Meta(), Options{Task: prefix})
	if err != nil {
		return err
	}
	err = steps(run, r)
	if err != nil {
		return errors.Join(err, run.Fail())
	}
	return nil
}

func steps(run *Run, r *fwfile.Reader) error {
	if err := run.Begin(); err != nil {
		return err
	}
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := run.Resource(e, r); err != nil {
			return err
		}
	}
	if err := run.Ready(); err != nil {
		return err
	}
	return run.Finish()
}

// states returns the image after each step of the chain, which the test of the chain compares.
func states(t *testing.T, a applies) [][]byte {
	t.Helper()
	images := [][]byte{make([]byte, a.ImageSize)}
	for _, o := range a.Chain[1:] {
		disk := &memory{data: bytes.Clone(images[len(images)-1])}
		require.NoError(t, apply(archive(t, o.Archive), disk, o.prefix(), o.options(t)), o.Name)
		images = append(images, disk.data)
	}
	return images
}

// Every state of the chain is the image that fwup wrote, byte by byte.
func TestChainOfFwup(t *testing.T) {
	a := goldenApplies(t)
	for i, image := range states(t, a) {
		for name, r := range a.Regions {
			require.Equal(t, a.Chain[i].Regions[name], sum(image[r.Offset:r.Offset+r.Count]),
				"step %d, %s: region %s", i, a.Chain[i].Name, name)
		}
		require.Equal(t, a.Chain[i].Image, sum(image), "step %d, %s", i, a.Chain[i].Name)
	}
}

// notNative are operations whose options this package does not have.
var notNative = map[string]string{
	"complete with --max-size 12000 blocks (hard limit), all-zero image": "--max-size",
	`task prefix "" (empty)`: "no name means upgrade here",
}

// start returns the image that a branch begins with.
func (o *operation) start(t *testing.T, a applies, images [][]byte) []byte {
	t.Helper()
	switch {
	case strings.HasPrefix(o.Base, "step "):
	case strings.Contains(o.Name, "does not exist"):
		return nil
	case strings.Contains(o.Name, "4 MiB"):
		return make([]byte, 4<<20)
	default:
		return make([]byte, a.ImageSize)
	}
	step, err := strconv.Atoi(strings.TrimPrefix(o.Base, "step "))
	require.NoError(t, err)
	image := bytes.Clone(images[step])
	env := a.Regions["uboot_env"]
	region := image[env.Offset : env.Offset+env.Count]
	switch {
	case !o.Env.Good:
		region[100] ^= 1
	case o.Unchanged: // some begin with another environment, which they leave
		vars := map[string]string{}
		for _, v := range o.Env.Vars {
			vars[v[0]] = v[1]
		}
		b, err := encodeEnv(vars, int64(env.Count), false, 0)
		require.NoError(t, err)
		copy(region, b)
	case strings.Contains(o.Name, "product differs"):
		vars, err := decodeEnv(region, false)
		require.NoError(t, err)
		for _, v := range o.Env.Vars {
			if v[0] == "a.nerves_fw_product" {
				vars[v[0]] = v[1]
			}
		}
		b, err := encodeEnv(vars, int64(env.Count), false, 0)
		require.NoError(t, err)
		copy(region, b)
	case strings.Contains(o.Name, "0xa5"):
		b := a.Regions["rootfs_b"]
		copy(image[b.Offset:], bytes.Repeat([]byte{0xa5}, b.Count))
	}
	return image
}

// Every branch ends as fwup's: the same image, or a failure that leaves the same environment and
// boot partition. How much of a root file system a failed run has written is each program's own.
func TestBranchesOfFwup(t *testing.T) {
	a := goldenApplies(t)
	images := states(t, a)
	for _, o := range a.Branches {
		t.Run(o.Name, func(t *testing.T) {
			if why := notNative[o.Name]; why != "" {
				t.Logf("not native: %s", why)
				return
			}
			begin := o.start(t, a, images)
			disk := &memory{data: bytes.Clone(begin)}
			err := apply(archive(t, o.Archive), disk, o.prefix(), o.options(t))
			if o.Exit == 0 {
				require.NoError(t, err)
				require.Equal(t, o.Image, sum(disk.data))
				return
			}
			require.Error(t, err)
			t.Log(err)
			for name, r := range a.Regions {
				if name != "rootfs_a" && name != "rootfs_b" {
					at := func(image []byte) []byte { return image[r.Offset : r.Offset+r.Count] }
					require.True(t, bytes.Equal(at(begin), at(disk.data)), name)
				}
			}
			if o.Unchanged && o.Task == "upgrade" {
				require.True(t, bytes.Equal(begin, disk.data), "nothing was written")
			}
			if o.Unchanged && o.Env.Good {
				require.Equal(t, o.Image, sum(begin), "the image that fwup left")
			}
		})
	}
}
