// Package demo shows one update over the air, end to end: a simulated hub, one device on slot
// files, an offer, the download, the reboot, the trial and the commit.
//
//	result, err := demo.Run(ctx, demo.Options{Fault: demo.Cut}) // at most Limit
//
// Everything is the real thing but for the hub and the machine: the boot loader is slotdev.Boot,
// and a reboot is a device agent that ends and another one that starts from the boot record. Run
// owns what it starts and the folder that it works in, and leaves neither.
package demo
