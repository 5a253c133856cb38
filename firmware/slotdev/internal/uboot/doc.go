// Package uboot keeps a boot record in a U-Boot environment of one or two copies, on files or block
// devices.
//
//	store := uboot.Store{Storage: storage, At: locations}
//	r, err := store.Load()
//
// With two copies (U-Boot: CONFIG_ENV_REDUNDANT) each Save goes to the older one, is synced and
// read back, and counts from the moment that its CRC is right: at any time one copy is consistent.
// With one copy Save writes only the part that changes. That is as good as long as this part lies
// in one sector of the medium, 512 bytes of which the header is the first.
//
// The package does not write raw flash (MTD, UBI).
package uboot
