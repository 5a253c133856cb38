// Command device is the Hublink device agent: it connects a machine to its NervesHub, takes updates
// over the air, and answers on a local socket.
//
//	device run -c /etc/hublink/device.toml
//	device status
//
// See the README for the configuration and the exit codes.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
