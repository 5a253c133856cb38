// Package chaos crashes the actors of devices while updates run again and again, and counts what
// that costs.
//
//	plan, err := chaos.NewPlan(seed, kinds, kills, devices, limits) // which actor dies when; pure
//	result, err := chaos.Run(ctx, config) // carries a plan out against a simulated hub
//
// Every kill is a panic inside Receive, at a point that the seed chooses: before a message, between
// two effects of it, or after it. The supervisors have the intensities that they have on a device,
// and the plan keeps below them: what is shown is that the allowed number of crashes costs nothing.
// A kill counts when the supervisor has reported the crash of its victim; one that finds no victim
// in time goes to the end of its device's list.
//
// # Order
//
// The devices work at the same time, each through its own list, one kill after the other. The same
// seed gives the same lists; which message a victim holds when it dies depends on the machine.
package chaos
