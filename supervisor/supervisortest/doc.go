// Package supervisortest helps to test what runs under package supervisor.
//
// Most tests need two things: a [Recorder], which collects the events of a System, and an
// [Injector], which crashes an actor at a chosen or a random point and reports whether it did. A
// [Probe] makes actors for tests of the supervision itself: they note what happens to them and run
// the functions that they are sent.
//
//	events, crashes := supervisortest.NewRecorder(), supervisortest.NewInjector(seed)
//	sys, err := supervisor.NewSystem(supervisor.Options{OnEvent: events.OnEvent, Inject: crashes.Inject})
//	...
//	shot := crashes.CrashWithin("device-x/link/connection", 10)
//	...
//	hit, ok := shot.Hit() // !ok: the actor did not come to the point
//
// Any goroutine may use these types, also under virtual time (testing/synctest). They start no
// goroutine and do not wait.
package supervisortest
