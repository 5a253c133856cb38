// Package supervisortest helps to test what runs under package supervisor.
//
// Most tests need two things: a [Recorder], which collects what the supervision reports, and an
// [Injector], which crashes an actor at a chosen or a random place and says whether it did. A
// [Probe] is an actor for tests of supervision itself: it notes what happens to it and does what it
// is told.
//
//	events, crashes := supervisortest.NewRecorder(), supervisortest.NewInjector(seed)
//	sys, err := supervisor.NewSystem(supervisor.Options{OnEvent: events.OnEvent, Inject: crashes.Inject})
//	...
//	shot := crashes.CrashWithin("device-x/link/connection", 10)
//	...
//	hit, ok := shot.Hit() // not ok: the actor had less to do
//
// Everything may be used from any goroutine and works under virtual time (testing/synctest).
// Nothing here starts a goroutine or waits.
package supervisortest
