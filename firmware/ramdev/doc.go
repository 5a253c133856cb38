// Package ramdev is a device with two slots in memory, for simulations and tests.
//
//	d := ramdev.New(running, 8<<20)
//	actors.Firmware{Slots: d, Applier: d, Journal: d}
//
// [Device] keeps the contracts of firmware.Slots and firmware.Applier (firmwaretest.TestSlots and
// firmwaretest.TestApplier), and its Boot plays the boot loader of an A/B device: a firmware on
// trial gets three starts. It makes a call fail on request (FailNext) and lists the calls. The
// journal is lost with the process: a device whose state has to survive a power cut uses
// actors.FileJournal.
//
// A Device may be used by several goroutines.
package ramdev
