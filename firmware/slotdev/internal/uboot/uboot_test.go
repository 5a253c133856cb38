package uboot_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hublink-go/hublink/firmware/firmwaretest"
	"github.com/hublink-go/hublink/firmware/slotdev/bootrecord"
	"github.com/hublink-go/hublink/firmware/slotdev/bootrecord/recordtest"
	"github.com/hublink-go/hublink/firmware/slotdev/internal/uboot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	for name, at := range map[string][]uboot.Location{
		"one copy in one sector": {{Path: "env", Offset: 1024, Size: 512}},
		"two copies in one file": {
			{Path: "env", Offset: 512, Size: 4096},
			{Path: "env", Offset: 8192, Size: 4096},
		},
		"two copies in two files": {{Path: "env", Size: 4096}, {Path: "env2", Offset: 100, Size: 4096}},
	} {
		t.Run(name, func(t *testing.T) {
			recordtest.Test(t, func(_ *testing.T, seed uint64) recordtest.Rig {
				disk := firmwaretest.NewDisk(seed)
				store := uboot.Store{Storage: disk, At: at}
				return recordtest.Rig{Power: disk, Open: func() bootrecord.Store { return store }}
			})
		})
	}
}

func TestPaths(t *testing.T) {
	s := uboot.Store{At: []uboot.Location{{Path: "x"}, {Path: "y"}}}
	require.Equal(t, []string{"x", "y"}, s.Paths())
}
