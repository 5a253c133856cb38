// Package archive makes fwup archives and machines for them, for demonstrations and benches:
// [Build] writes a signed archive with two slots and a boot record, [NewDisk] makes the disk of a
// machine by the task complete of any archive.
package archive
