package firmwaretest

import (
	"testing"

	"github.com/hublink-go/hublink/firmware"
)

// onBoard returns a rig with the fake of a kind on a disk.
func onBoard(kind Kind, seed uint64) Rig {
	disk := NewDisk(seed)
	b := NewBoard(disk, factory, 5<<18)
	return Rig{
		Slots: b, Applier: b.Applier(kind), Boot: b.Boot, Bytes: b.Bytes, Kind: kind, Serve: b.Serve,
		Disk: disk,
		Reopen: func() (firmware.Slots, firmware.Applier) {
			b.open = nil
			return b, b.Applier(kind)
		},
	}
}

func TestBoardSlots(t *testing.T) {
	TestSlots(t, func(*testing.T) Rig { return onBoard(Slot, 1) })
}

func TestFakes(t *testing.T) {
	for _, kind := range Kinds() {
		t.Run(kind.String(), func(t *testing.T) {
			TestApplier(t, func(*testing.T) Rig { return onBoard(kind, 1) })
		})
	}
}

func TestFakesSurvivePowerCuts(t *testing.T) {
	for _, kind := range Kinds() {
		t.Run(kind.String(), func(t *testing.T) {
			TestPowerCuts(t, func(_ *testing.T, seed uint64) Rig { return onBoard(kind, seed) })
		})
	}
}
