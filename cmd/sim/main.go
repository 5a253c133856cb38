// Command sim shows and tries the device agent without a device and without a hub: it brings a
// simulated hub and runs the very same agent against it, once, under crashes, or by the thousand.
//
//	sim demo     one update over the air, end to end
//	sim chaos    updates while actors crash
//	sim fleet    many devices on one machine
//	sim fedecks  a Fedecks server or device at the terminal
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signal.Ignore(syscall.SIGPIPE) // a reader that has seen enough must not cost the clearing away
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM,
		syscall.SIGHUP)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
