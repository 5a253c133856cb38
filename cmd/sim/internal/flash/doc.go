// Package flash is the storage of a simulated device, in memory: two slots, their boot record and
// the journal.
//
//	d := flash.New(meta, capacity) // meta runs in slot a, committed
//	err := d.Boot()                // what the boot loader does; it refuses a slot whose bytes are not what the record says
//
// A [Device] is the firmware.Slots, the firmware.Applier and the actors.Journal of one device, and
// outlives the actors that use it, as flash does. It holds nothing but its boot record until an
// update begins, and then what was written. All methods may be called from any goroutine; a Staging
// belongs to one at a time.
package flash
