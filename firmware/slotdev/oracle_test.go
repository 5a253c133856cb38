package slotdev_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/slotdev"
	"github.com/hublink-go/hublink/tests/needs"
)

// tools are U-Boot's programs for the boot record of cfg.
type tools struct {
	t          *testing.T
	conf       string
	print, set string
}

func newTools(t *testing.T, cfg slotdev.Config) tools {
	t.Helper()
	x := tools{
		t:     t,
		conf:  filepath.Join(t.TempDir(), "fw_env.config"),
		print: needs.Program(t, "fw_printenv", "boot records against U-Boot's tools"),
		set:   needs.Program(t, "fw_setenv", "boot records against U-Boot's tools"),
	}
	var conf strings.Builder
	for _, l := range cfg.Env {
		fmt.Fprintf(&conf, "%s 0x%x 0x%x\n", l.Path, l.Offset, l.Size)
	}
	require.NoError(t, os.WriteFile(x.conf, []byte(conf.String()), 0o600))
	return x
}

func (x tools) run(program string, args ...string) string {
	x.t.Helper()
	out, err := exec.Command(program, append([]string{"-c", x.conf}, args...)...).CombinedOutput()
	require.NoError(x.t, err, "%s %q: %s", program, args, out)
	return string(out)
}

// all returns the environment.
func (x tools) all() map[string]string {
	x.t.Helper()
	env := map[string]string{}
	for line := range strings.Lines(x.run(x.print)) {
		k, v, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		require.True(x.t, ok, "%q", line)
		env[k] = v
	}
	return env
}

// U-Boot's tools and slotdev read what the other one wrote, and take the same one of two copies for
// the newer one.
func TestUBootTools(t *testing.T) {
	for copies := 1; copies <= 2; copies++ {
		t.Run(fmt.Sprint(copies, " copies"), func(t *testing.T) {
			cfg := files(t, copies)
			cfg.BootID = "this-boot"
			x := newTools(t, cfg)
			require.NoError(t, slotdev.Create(cfg, factory, strings.NewReader(image)))
			d := open(t, cfg)
			require.Equal(t, map[string]string{
				"nerves_fw_active": "a", "nerves_fw_validated": "1", "upgrade_available": "0", "bootcount": "0",
				"bootlimit":        "3",
				"a.nerves_fw_uuid": "uuid-of-1.0.0", "a.nerves_fw_product": "p",
				"a.nerves_fw_architecture": "arm",
				"a.nerves_fw_version":      "1.0.0", "a.nerves_fw_platform": "pi", "a.nerves_fw_validated": "1",
			}, x.all())

			x.run(x.set, "nerves_serial_number", "a serial = number")
			x.run(x.set, "b.nerves_fw_application_part0_devpath", "/dev/sda3")
			target := firmware.Target{
				UUID:     "2",
				Meta:     firmware.Metadata{"version": "2.0.0", "misc": "äöü"},
				Size:     10,
				Checksum: "abc",
			}
			s, err := d.Begin(t.Context(), target)
			require.NoError(t, err)
			require.Equal(t, `b open 10 "abc" "2"`, x.all()["hublink_staged"])
			require.NoError(t, s.Finish(t.Context()))
			require.NoError(t, d.Flip(t.Context(), target))
			require.Equal(t, map[string]string{
				"nerves_fw_active": "b", "nerves_fw_validated": "0", "upgrade_available": "1", "bootcount": "0",
				"bootlimit":        "3",
				"a.nerves_fw_uuid": "uuid-of-1.0.0", "a.nerves_fw_product": "p",
				"a.nerves_fw_architecture": "arm",
				"a.nerves_fw_version":      "1.0.0", "a.nerves_fw_platform": "pi", "a.nerves_fw_validated": "1",
				"b.nerves_fw_uuid": "2", "b.nerves_fw_version": "2.0.0", "b.nerves_fw_misc": "äöü",
				"b.nerves_fw_validated":                 "0",
				"b.nerves_fw_application_part0_devpath": "/dev/sda3",
				"nerves_serial_number":                  "a serial = number",
				"hublink_pending":                       "a this-boot", "hublink_staged": `b open 10 "abc" "2"`,
			}, x.all())

			x.run(x.set, "bootcount", "3") // as a boot loader counts
			slot, err := slotdev.Boot(cfg)
			require.NoError(t, err)
			require.Equal(t, "a", slot, "the fourth start is one too many")
			require.Equal(t, "a", x.all()["nerves_fw_active"])

			for i := range 300 { // the flags go round
				if i%2 == 0 {
					x.run(x.set, "turn", fmt.Sprint(i))
				} else {
					target.UUID = fmt.Sprint("turn-", i)
					s, err := d.Begin(t.Context(), target)
					require.NoError(t, err)
					require.NoError(t, s.Abort())
				}
				env := x.all()
				require.Equal(t, fmt.Sprint(i-i%2), env["turn"])
				if i%2 == 1 {
					require.Equal(t, fmt.Sprintf(`b open 10 "abc" "turn-%d"`, i), env["hublink_staged"])
				}
			}
			require.Equal(t, "a serial = number", x.all()["nerves_serial_number"])
		})
	}
}

// A record that a Nerves system wrote has no keys of Hublink.
func TestRecordOfAnotherProgram(t *testing.T) {
	for _, c := range []struct {
		name      string
		env       map[string]string
		validated bool
		reverted  bool
	}{
		{"no key about validation", nil, true, false},
		{"on trial", map[string]string{"upgrade_available": "1"}, false, false},
		{
			"committed",
			map[string]string{"upgrade_available": "0", "b.nerves_fw_validated": "0"},
			true,
			false,
		},
		{"the key of the slot", map[string]string{
			"b.nerves_fw_validated": "0",
			"nerves_fw_validated":   "1",
		}, false, false},
		{"the old key for both slots", map[string]string{"nerves_fw_validated": "0"}, false, false},
		{
			"reverted",
			map[string]string{"upgrade_available": "0", "a.nerves_fw_validated": "0"},
			true,
			true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := files(t, 2)
			x := newTools(t, cfg)
			require.NoError(t, slotdev.Create(cfg, factory, nil))
			for k := range x.all() {
				x.run(x.set, k)
			}
			for k, v := range map[string]string{
				"nerves_fw_active": "b", "b.nerves_fw_uuid": "2",
				"a.nerves_fw_uuid": "1",
			} {
				x.run(x.set, k, v)
			}
			for k, v := range c.env {
				x.run(x.set, k, v)
			}
			state, err := open(t, cfg).State(t.Context())
			require.NoError(t, err)
			require.Equal(t, firmware.BootState{
				Active: "b", Next: "b", Meta: firmware.Metadata{"uuid": "2"},
				Other:     firmware.Metadata{"uuid": "1"},
				Validated: c.validated, Reverted: c.reverted, Capacity: cfg.Size,
			}, state)
		})
	}
	t.Run("no active slot", func(t *testing.T) {
		cfg := files(t, 2)
		x := newTools(t, cfg)
		require.NoError(t, slotdev.Create(cfg, factory, nil))
		x.run(x.set, "nerves_fw_active", "c")
		_, err := open(t, cfg).State(t.Context())
		require.ErrorContains(t, err, `nerves_fw_active="c"`)
	})
}
