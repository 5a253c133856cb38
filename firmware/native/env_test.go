package native

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware/fwfile"
)

// A partition table in the segment of an environment, written after it, leaves the variables as
// they are: tasks for a Raspberry Pi change variables in on-init and exchange the MBR in on-finish.
func TestTableBesideEnvironment(t *testing.T) {
	for _, env := range []fwfile.Env{
		{Name: "e", Offset: 16, Count: 4},
		{Name: "e", Offset: 16, Count: 4, Redundant: true, Second: 32},
	} {
		m := &fwfile.Meta{
			Partitions: fwfile.Partitions{
				Envs: []fwfile.Env{env},
				MBRs: []fwfile.MBR{{Name: "m", Partitions: []fwfile.MBRPartition{
					{Offset: 63, Count: 100, Type: 0x83},
				}}},
			},
			Tasks: []fwfile.Task{{
				Name:     "upgrade",
				OnInit:   []fwfile.Call{{"uboot_recover", "e"}, {"uboot_setenv", "e", "key", "value"}},
				OnFinish: []fwfile.Call{{"mbr_write", "m"}},
			}},
		}
		disk := &memory{data: make([]byte, 1<<20)}
		run, err := Open(disk, m, Options{})
		require.NoError(t, err)
		require.NoError(t, run.Begin())
		require.NoError(t, run.Ready())
		require.NoError(t, run.Finish())
		require.Equal(t, byte(0x55), disk.data[510])
		e, err := openEnv(disk, env)
		require.NoError(t, err)
		vars, err := e.vars()
		require.NoError(t, err)
		require.Equal(t, map[string]string{"key": "value"}, vars)
	}
}
