// Package machine makes a folder that stands for a machine, so that the device process can be tried
// on a desk: two slot files, or one disk that takes signed archives, a boot record, and a
// configuration that fits a simulated hub. [New] makes one, [Firmware] an archive for its disk, and
// [Boot] plays its boot loader.
package machine
