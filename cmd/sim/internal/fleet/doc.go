// Package fleet runs many device agents in one process against a simulated hub in another, over real sockets, and measures what
// they cost.
//
//	err := fleet.ServeHub(hubConfig, os.Stdin, os.Stdout)        // in the hub's process
//	result, err := fleet.Run(ctx, fleet.Config{Devices: 2000})   // in the agents' process; starts the other one
//
// The agents are the very same as on a device, with everything but flash, which is in memory, and share one supervisor.System. The hub's
// process is told by a pipe, answers by a pipe, and ends when the pipe is closed, however the agents' process ends.
//
// # Limits
//
// An agent takes a file descriptor in each of the two processes. Beyond the ports that a source address has, further addresses of
// 127.0.0.0/8 are used.
package fleet
