// Package extensions is the contract between a device agent and its extensions: features such as
// health reports or remote logs that share the device's connection, are switched on and off by the
// hub, and can crash without hurting anything else.
//
// An extension is written as an [Extension] with a [Factory] that makes it; it speaks through the
// [Host] that the factory is given. A program that embeds the agent lists the factories in its
// configuration and calls nothing here.
//
// # Life
//
// The host makes an extension when the hub attaches it, and calls Handle with one [Event] at a
// time: Attached first, then messages and ticks, then Detached. Attached and Detached may alternate
// many times, as connections come and go.
//
// An error or a panic, of Handle or of a goroutine that Host.Go has started, ends this incarnation:
// no Detached follows, its context ends, and the host makes a fresh extension, which gets Attached
// if the hub still wants it. A call of Handle that takes longer than Factory.Deadline counts as a
// crash: the host abandons the call, tells the hub, and makes a fresh extension. Crashes that come
// too fast (the fourth within 30 seconds) detach the extension until the hub attaches it again.
//
// # Goroutines
//
// Work that waits (a sensor, a subprocess, a file that grows) belongs into a goroutine of Host.Go:
//
//	host.Go("read the sensor", func(ctx context.Context) error {
//		for {
//			value, err := sensor.Read(ctx)
//			if err != nil {
//				return err // a fresh extension tries again
//			}
//			if err := host.PushContext(ctx, "value", value); errors.Is(err, extensions.ErrDetached) {
//				continue
//			} else if err != nil {
//				return err
//			}
//		}
//	})
//
// It may push and set timers at any time; while the extension is detached, a push returns
// ErrDetached and has no other effect. What the goroutine shares with Handle needs a lock. A plain
// go statement is not safe: its panic ends the process.
//
// # Ownership
//
// An extension belongs to its host. It owns the files that it opens, and has released them when
// Handle returns from Detached, when Handle returns an error, or when the context of the
// incarnation has ended. Work done in Handle delays only the extension itself.
//
// # Ordering
//
// Events arrive in the order in which the hub sent them. Pushes of one goroutine leave in the order
// of its calls. Both are lost when the connection is: the host repeats nothing, and the hub asks
// again when it attaches again.
//
// # Limits
//
// Events that wait for a slow Handle are bounded, and so are pushes that wait for a slow socket:
// then Push returns ErrBusy, and PushContext waits. There are no replies: the hub answers no push
// of an extension. The package does no I/O, starts no goroutine and keeps no registry.
package extensions
