// Package firmwaretest helps to test what writes firmware: the contracts of package firmware as
// tests, a device in memory, and a disk that loses its power.
//
//	firmwaretest.TestSlots(t, fresh)   // fresh makes a Rig: a device whose slot a runs, and what is needed to look at it
//	firmwaretest.TestApplier(t, fresh)
//
// [Device] is a firmware.Slots and firmware.Applier that keeps the contracts and fails when it is
// told to. [Disk] keeps files in memory and forgets what was not synced, in whole sectors, when its
// power goes in the middle of an act: in the n-th write or sync, chosen by the test, with a seed
// for what survives.
//
// A Device and a Disk may be used by several goroutines. The package is for tests; it imports
// testing.
//
// It plays no hub and no boot loader but the one that every A/B device has: a firmware on trial
// gets three starts.
package firmwaretest
