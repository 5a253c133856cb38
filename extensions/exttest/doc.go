// Package exttest helps to test extensions: a scripted [Host] that plays the hub and the clock, and
// [Run], the rules that every extension has to keep.
//
// A test makes a Host with [NewHost], acts as the hub (Attach, Send, Detach) or lets time pass
// (Advance), and checks with Expect and ExpectSilence what the hub has got. Run is one call in the
// test file of an extension.
//
// Time is virtual: the clock and the timers of a Host start at [Epoch] and move only with Advance.
// Goroutines of the extension that wait for time wait for real time, or for that of a
// testing/synctest bubble around the test; Expect and ExpectCrash wait up to 5 s while goroutines
// run. A Host is for one test and its goroutine.
//
// The network, the negotiation and the quarantine are the agent's: protocol/hubtest shows them.
package exttest
