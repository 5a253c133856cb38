// Package agent is the device process between its command line and the supervision tree: it turns a
// configuration file into a running [actors.Device].
//
// [Run] runs the agent until it is told to stop, stops by itself, or the machine has to reboot.
// [Check] opens what Run would open and changes nothing. [Commit] and [Reconnect] are what other
// commands ask of a running agent.
//
// [Install] and [Rollback] are updates by hand, while no agent runs. [LookAt], [Keys] and [History]
// change nothing.
//
// Run owns everything that it opens: a lock on the state directory, the slots, the control socket,
// and the device. It closes them in the reverse order, each within a bounded time, whatever the
// reason of the end. It reads no flags and no environment, writes its log to the given writer, and
// takes care of the memory of the process: it is meant to be the only thing that runs in it.
package agent
