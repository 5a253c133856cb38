// Package exttest helps to test extensions: a scripted [Host] that plays the hub and the clock, and
// [Run], the rules that every extension has to keep.
//
// A test makes a Host with [NewHost], says what the hub does (Attach, Send, Detach) or lets time
// pass (Advance), and says with Expect and ExpectSilence what the hub must have got. Run is one
// call in the test file of an extension.
//
// Time is virtual: it moves only with Advance, and starts at [Epoch]. A Host is for one test and
// its goroutine; the extension may use the part that it is given from any goroutine that the
// contract allows.
//
// The package shows no network, no negotiation and no quarantine: those are the agent's.
package exttest
