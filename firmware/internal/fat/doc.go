// Package fat formats, changes and reads FAT12, FAT16 and FAT32 filesystems, with the bytes that
// fwup 1.16 writes for its fat_ functions.
//
//	err := fat.Format(device, firstBlock, blockCount) // fat_mkfs
//	v := fat.New(device, firstBlock)
//	f, err := v.Create("boot.txt")                    // fat_write
//	_, err = f.WriteAt(data, 0)
//
// Every method brings the changes to the device before it returns. All times are the FAT epoch,
// 1980-01-01 00:00, and the serial number of a volume follows from its size: images are
// reproducible.
//
// # What decides the bytes
//
// Names that do not fit 8.3 get long entries and a numbered short name. A cluster is the next free
// one after the last one that was taken. A Volume remembers that one from its first use on, as fwup
// does from one [Volume.Unmount] to the next: use one Volume for one filesystem and unmount it
// before the on-finish part of a task. The rest of a file's last sector holds what the buffer of
// the file held before, which is zeros as long as all writes but the last are whole sectors.
//
// # Limits
//
// Names are printable ASCII; fwup takes other bytes for code page 850. A volume has sectors of 512
// bytes and no partition table of its own. Files that stay below 4 GiB. The package trusts nothing
// on the device: damaged tables end in ErrDamaged, and reading takes bounded time.
//
// A Volume belongs to one goroutine.
package fat
