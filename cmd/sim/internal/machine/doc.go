// Package machine makes a folder that stands for a machine, so that the device process can be tried
// on a desk: two slot files, a boot record, and a configuration that fits a simulated hub. [New]
// makes one, [Boot] plays its boot loader.
package machine
