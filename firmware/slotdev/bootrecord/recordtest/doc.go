// Package recordtest has the contract of bootrecord.Store as a test, and a Store in memory.
//
//	recordtest.Test(t, func(t *testing.T, seed uint64) recordtest.Rig {
//		disk := firmwaretest.NewDisk(seed)
//		return recordtest.Rig{Power: disk, Open: func() bootrecord.Store { return store(disk) }}
//	})
//
// Test loses the power in every act of a Save, several times, and then expects the old record or
// the new one. [Memory] stands for the boot loaders whose own record is small: it keeps the entries
// in two versions beside a record that says which version counts.
//
// The package is for tests; it imports testing.
package recordtest
