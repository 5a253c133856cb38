// Package fleet runs many device agents in one process against a simulated hub in another, over
// real sockets, and measures what they cost.
//
//	err := fleet.ServeHub(hubConfig, os.Stdin, os.Stdout)        // in the hub's process
//	result, err := fleet.Run(ctx, fleet.Config{...})             // in the agents' process
//
// The agents are the very same as on a device, with everything but flash, which is in memory, and
// share one supervisor.System. The hub's process is told by a pipe, answers by a pipe, and ends
// when the pipe is closed, however the agents' process ends.
//
// A run has up to four parts: bare sockets, whose memory is the socket's share of a device's; the
// fleet's joins; a time in which nothing but heartbeats is to happen; and, on request, a restart of
// the hub in the middle of that: every socket is closed with 1012, the process ends, and another
// one takes its address two seconds after the first close. What the restart does to sockets and
// dials is counted apart from errors (Restart).
//
// # Limits
//
// An agent takes a file descriptor in each of the two processes. Beyond the ports that a source
// address has, further addresses of 127.0.0.0/8 are used.
package fleet
