package native

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware/fwfile"
)

// generator makes configurations of fwup with everything that a native task may do.
type generator struct {
	rng   *rand.Rand
	files map[string][]byte // of the resources
}

func (g *generator) env() string {
	second := ""
	if g.rng.IntN(2) == 0 {
		second = "\nblock-offset-redund=48"
	}
	return "uboot-environment e {\nblock-offset=40\nblock-count=4" + second + "\n}\n"
}

func (g *generator) mbr(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "mbr %s {\nsignature=%d\n", name, g.rng.IntN(99999))
	b.WriteString("partition 0 {\nblock-offset=64\nblock-count=200\ntype=0xc\nboot=true\n}\n")
	fmt.Fprintf(&b, "partition 1 {\nblock-offset=%d\nblock-count=300\ntype=0x83\nexpand=%t\n}\n",
		2000+g.rng.IntN(9000), g.rng.IntN(2) == 0)
	return b.String() + "}\n"
}

func (g *generator) gpt() string {
	id := func() string {
		return fmt.Sprintf("%08x-0000-4000-8000-%012x", g.rng.Uint32(), g.rng.IntN(1<<48))
	}
	return fmt.Sprintf("gpt g {\nguid=%q\npartition 2 {\nblock-offset=1000\nblock-count=100\n"+
		"type=%q\nguid=%q\nname=\"x\"\nexpand=%t\n}\n}\n", id(), id(), id(), g.rng.IntN(2) == 0)
}

// call makes a call of a function that needs no resource.
func (g *generator) call() string {
	n := g.rng.IntN
	return []string{
		fmt.Sprintf("mbr_write(m%d)", n(2)),
		[]string{"gpt_write(g)", "uboot_recover(e)", "uboot_clearenv(e)"}[n(3)],
		fmt.Sprintf("uboot_setenv(e, \"k%d\", \"v%d\")", n(5), n(100)),
		fmt.Sprintf("uboot_unsetenv(e, \"k%d\")", n(5)),
		fmt.Sprintf("raw_memset(%d, %d, 0x%x)", 300+n(3000), 1+n(600), n(256)),
		fmt.Sprintf("fat_touch(5000, \"f%d\")", n(5)),
		fmt.Sprintf("fat_mv!(5000, \"f0\", \"f%d\")", 1+n(5)),
		fmt.Sprintf("fat_rm(5000, \"f%d\")", n(5)),
		fmt.Sprintf("fat_mkdir(5000, \"d%d\")", n(5)),
	}[n(9)]
}

func (g *generator) calls(most int) string {
	var b strings.Builder
	for range g.rng.IntN(most) {
		b.WriteString(g.call() + "\n")
	}
	return b.String()
}

// resource makes a resource and returns its declaration and its on-resource.
func (g *generator) resource(name string) (declaration, on string) {
	data := make([]byte, g.rng.IntN([]int{1000, 70_000, 900_000}[g.rng.IntN(3)]))
	for i := range data {
		data[i] = byte(g.rng.IntN(4))
	}
	if len(data) > 20_000 {
		clear(data[5000:16_000]) // a hole
	}
	g.files[name] = data
	write := fmt.Sprintf("raw_write(%d)\n", 300+g.rng.IntN(3000))
	if g.rng.IntN(2) == 0 {
		write = fmt.Sprintf("fat_write(5000, \"f%d\")\n", g.rng.IntN(5))
	}
	return fmt.Sprintf("file-resource %s {\nhost-path=\"${DIR}/%s\"\nskip-holes=%t\n}\n", name, name,
		g.rng.IntN(2) == 0), "on-resource " + name + " {\n" + write + g.calls(3) + "}\n"
}

func (g *generator) conf() string {
	text := g.env() + g.mbr("m0") + g.mbr("m1") + g.gpt()
	task := "task t {\non-init {\nfat_mkfs(5000, 4000)\nfat_touch(5000, \"f0\")\nuboot_recover(e)\n" +
		fmt.Sprintf("trim(%d, %d)\n", 300+g.rng.IntN(3000), 1+g.rng.IntN(2000)) + g.calls(8) + "}\n"
	for i := range g.rng.IntN(4) {
		declaration, on := g.resource(fmt.Sprint("r", i))
		text, task = text+declaration, task+on
	}
	return text + task + "on-finish {\n" + g.calls(6) + "}\n}\n"
}

// With the program itself more than the recorded images can be compared.
func TestAgainstFwup(t *testing.T) {
	fwup := os.Getenv("HUBLINK_FWUP")
	if fwup == "" {
		t.Skip("SKIPPED: HUBLINK_FWUP is not set, NOT checked: new configurations against fwup")
	}
	for seed := range uint64(100) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { againstFwup(t, fwup, seed) })
	}
}

func againstFwup(t *testing.T, fwup string, seed uint64) {
	g := &generator{rng: rand.New(rand.NewPCG(seed, 9)), files: map[string][]byte{}}
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		return path
	}
	text := g.conf()
	for name, data := range g.files {
		write(name, data)
	}
	fw := filepath.Join(dir, "x.fw")
	create := exec.Command(fwup, "-c", "-f", write("c.conf", []byte(text)), "-o", fw)
	create.Env = append(os.Environ(), "DIR="+dir)
	out, err := create.CombinedOutput()
	require.NoError(t, err, "%s\n%s", out, text)

	begin := bytes.Repeat([]byte{0xA5}, (72+g.rng.IntN(9))*256*512)
	image := write("image", begin)
	out, theirs := exec.Command(fwup, "--apply", "--no-unmount", "-q", "-d", image, "-i", fw, "--task",
		"t").CombinedOutput()
	archive, err := os.ReadFile(fw)
	require.NoError(t, err)
	disk := &memory{data: begin}
	ours := apply(archive, disk, "t", fwfile.Options{AllowUnsigned: true})
	require.Equal(t, theirs == nil, ours == nil, "fwup: %s\nnative: %v\n%s", out, ours, text)
	if ours == nil {
		want, err := os.ReadFile(image)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, disk.data), text)
	}
}
