// Package bootrecord is the boot record of an A/B device as its slots see it: variables that the
// boot loader and the agent share, behind a [Store] for each boot loader.
//
//	r, err := store.Load()
//	err = r.Put("nerves_fw_active", "b")
//	err = r.Save()
//
// The slots of package slotdev read and write variables by the names that Nerves systems use. A
// Store keeps those variables where its boot loader finds them. The first one is the U-Boot
// environment. A Store for another boot loader maps the variables that its loader acts on:
//
//   - nerves_fw_active is the slot that starts next ("a" or "b");
//   - upgrade_available=1 puts that slot on trial: bootcount counts its starts, and the loader
//     starts the other slot after bootlimit of them;
//   - after such a fall-back, also a silent one, Load returns what U-Boot's altbootcmd leaves:
//     nerves_fw_active names the slot that runs, and upgrade_available is 0.
//
// All other variables are data. A loader whose own record has no room for them (GRUB's block of
// 1,024 bytes, an entry of systemd-boot, UEFI variables, a Raspberry Pi's autoboot.txt) needs a
// file beside it. Such a Store writes the file before the one act that flips, and Load decides by
// the loader's own record which version of the file counts: Save stays atomic as a whole.
//
// Package recordtest has the contract as a test and a Store in memory.
package bootrecord
