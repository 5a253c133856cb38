// Package demo shows one update over the air, end to end: a simulated hub, one device on the
// file of a disk, an offer, the download, the reboot, the trial and the commit.
//
//	result, err := demo.Run(ctx, demo.Options{Fault: demo.Cut}) // at most Limit
//
// The offer is a fwup archive, which Run makes and signs or is given; with Raw it is the image of a
// slot. The machine has the layout of the archive, or was made by the archive Base.
//
// Everything is the real thing but for the hub and the machine: the boot loader is slotdev.Boot,
// and a reboot is a device agent that ends and another one that starts from the boot record. Run
// owns what it starts and the folder that it works in, and leaves neither.
package demo
