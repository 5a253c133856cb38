// Package health tells the hub how the device is: processor, memory, disk, temperature, network,
// and whatever the program adds.
//
// [New] makes the factory for the agent's list of extensions; nothing else needs to be called. The
// hub asks when it attaches the extension, then every hour, and every minute while its page of the
// device is open (NervesHub); each time it gets one report.
//
//	site := map[string]string{"site": "roof"}
//	agent.Extensions = append(agent.Extensions, health.New(health.Options{Metadata: site}))
//
// # What is reported
//
//	cpu_temp                           °C, if the machine has a sensor
//	cpu_usage_percent                  since the last report; in the first one since the start
//	load_1min load_5min load_15min
//	mem_size_mb mem_used_mb mem_used_percent
//	                                   MiB; used is what is not available to programs
//	disk_total_kb disk_available_kb disk_used_percentage
//	                                   KiB, of the file system at Options.Disk, as df counts
//	<interface>_bytes_received_total <interface>_bytes_sent_total
//	                                   of at most four interfaces, those with hardware first
//
// The hub keeps 20 metrics of a report (NervesHub). When the program adds more than fit, the report
// leaves out the last in alphabetical order. A metric that cannot be read is left out too, and
// appears as a failed check with the reason. NaN and infinities are never sent.
//
// # Ownership and limits
//
// Everything is read inside Handle, from /proc, /sys and with one statfs call; there are no
// goroutines and no open files between reports. The functions in [Options] run there as well. A
// file system that does not answer (a dead NFS mount) or a function that hangs stops this extension
// alone, and the agent replaces it after extensions.HandleDeadline: name a local Disk. The package
// works on Linux.
package health
