// Package firmwaretest helps to test what writes firmware: the contracts of package firmware as
// tests, devices with fakes of all kinds of appliers, and a disk that loses its power.
//
//	firmwaretest.TestSlots(t, fresh)     // fresh makes a Rig: a device whose slot a runs, and how to look at it
//	firmwaretest.TestApplier(t, fresh)   // for the Kind of the Rig
//	firmwaretest.TestPowerCuts(t, fresh) // a whole update, with a power cut in every act
//
// [Device] is a firmware.Slots and firmware.Applier in memory that keeps the contracts, and fails
// when it is told to. [Disk] keeps files in memory and loses what was not synced, in whole sectors,
// when its power goes in the n-th write or sync, with a seed for what survives. [Board] is a device
// on a Disk, and has a fake of each [Kind] of applier.
//
// A Device and a Disk may be used by several goroutines, a Board by one at a time. The package is
// for tests; it imports testing.
//
// Its boot loader does what every A/B device does: a firmware on trial gets three starts.
package firmwaretest
