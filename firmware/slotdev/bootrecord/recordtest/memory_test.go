package recordtest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/hublink-go/hublink/firmware/slotdev/bootrecord"
	"github.com/hublink-go/hublink/firmware/slotdev/bootrecord/recordtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemory(t *testing.T) {
	recordtest.Test(t, func(_ *testing.T, seed uint64) recordtest.Rig {
		m := recordtest.NewMemory(seed, 4096)
		return recordtest.Rig{Power: m, Open: func() bootrecord.Store { return m }}
	})
}
