package actors

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hublink-go/hublink/actors/internal/lifecycle"
	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/supervisor"
)

// ErrReboot is what Wait returns when the tree has stopped because the machine shall reboot and no
// Client.Reboot took care of it.
var ErrReboot = errors.New("the device has to reboot")

// ErrNotRunning is returned by calls that need a device that was started and has not ended.
var ErrNotRunning = lifecycle.ErrNotRunning

// Device is one device agent. New wires it, Start starts it, Wait waits for its end, Stop stops it;
// Run does all of that. All methods may be called from any goroutine.
type Device struct {
	name   string
	own    shared
	parts  *parts
	system *supervisor.System // the embedder's; nil: an own one
	tree   lifecycle.Tree

	mu     sync.Mutex
	reboot string // why the device shall reboot; empty: it shall not
}

// New checks cfg and wires a device. It starts nothing and opens nothing.
func New(cfg Config) (*Device, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	urls, err := cfg.Hub.urls()
	if err != nil {
		return nil, err
	}
	d := &Device{name: cfg.Name, system: cfg.System}
	if d.name == "" {
		d.name = "device-" + strings.ReplaceAll(cfg.Identity, "/", "_")
	}
	d.own.jitter = newJitter(cfg.Seed, d.name)
	d.own.logs = logs{base: cfg.Logger, device: cfg.Identity}
	d.own.events = events{device: cfg.Identity, hook: cfg.OnEvent, log: d.own.logs.actor}
	d.own.board.Start(time.Now())
	d.parts = newParts(&cfg, urls, &d.own, d.endForReboot)
	return d, nil
}

// Start starts the device's actors and returns when they run; it does not wait for the hub. A
// failed start leaves nothing running and can be repeated. A Device that was started cannot be
// started again.
func (d *Device) Start(ctx context.Context) error {
	own := supervisor.Options{
		Name: d.name, Logger: d.own.logs.base, OnEvent: d.own.events.actorExited,
	}
	o := lifecycle.Options{Name: d.name, System: d.system, Own: own}
	if err := d.tree.Start(ctx, o, d.grow); err != nil {
		return err
	}
	if d.rebooting() != "" { // a reboot was asked for during the start
		d.stopSoon()
	}
	return nil
}

func (d *Device) grow(
	ctx context.Context, sys *supervisor.System,
) (*supervisor.Supervisor, error) {
	d.parts.resolve(sys, d.name)
	return sys.Start(ctx, d.parts.spec(d.name))
}

// Run starts the device and blocks until it ends or ctx does; then it stops the device and returns
// what Wait returns.
func (d *Device) Run(ctx context.Context) error { return lifecycle.Run(ctx, d) }

// Done returns a channel that is closed when the device has ended. It may be called before Start.
func (d *Device) Done() <-chan struct{} { return d.tree.Done() }

// Wait blocks until the device has ended: nil after Stop, ErrReboot when it shall reboot, otherwise
// why its supervisor gave up. It returns ErrNotRunning when the device was not started.
func (d *Device) Wait() error {
	err := d.tree.Wait()
	if reason := d.rebooting(); reason != "" && d.tree.Root() != nil {
		return fmt.Errorf("%w: %s", ErrReboot, reason)
	}
	return err
}

// Stop stops the device's actors in order, the last started first, and closes the socket. It is
// idempotent and bounded: what does not stop in its time is abandoned and named in the error.
func (d *Device) Stop(ctx context.Context) error { return d.tree.Stop(ctx, nil) }

// Reconnect drops the socket, if there is one, and dials at once: the backoff starts anew.
func (d *Device) Reconnect() error {
	return d.tell(&d.parts.channel.Connection, message.Reconnect{}, "reconnect")
}

// Commit ends the trial of the running firmware, so that the boot loader will not go back from it,
// and tells the hub. It answers when the boot record has been written.
func (d *Device) Commit(ctx context.Context) error {
	if !d.tree.Alive() {
		return fmt.Errorf("commit: %w", ErrNotRunning)
	}
	res, err := supervisor.Call[message.Committed](ctx, d.parts.device.Updater, message.CommitWanted{})
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return res.Err
}

// Reboot asks for an orderly reboot: the hub is told, then Client.Reboot is called.
func (d *Device) Reboot(reason string) error {
	return d.tell(&d.parts.device.Updater, message.RebootWanted{Reason: reason}, "reboot")
}

// Status returns what the device knows of itself. It never blocks and works offline.
func (d *Device) Status() Status { return statusOf(d.own.events.device, d.own.board.Read()) }

// Tree returns a picture of the supervision tree as it stands.
func (d *Device) Tree(ctx context.Context) (supervisor.TreeNode, error) {
	root := d.tree.Root()
	if root == nil {
		return supervisor.TreeNode{}, ErrNotRunning
	}
	return supervisor.Tree(ctx, root)
}

// tell sends to an actor, whose ref is read after it is known to be there.
func (d *Device) tell(r *supervisor.Ref, msg any, what string) error {
	if !d.tree.Alive() {
		return fmt.Errorf("%s: %w", what, ErrNotRunning)
	}
	if err := r.Send(msg); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// rebooting returns why the device shall reboot; empty means that it shall not.
func (d *Device) rebooting() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reboot
}

// endForReboot stops the tree from outside of it, because an actor cannot wait for its own end;
// Wait then returns ErrReboot. A device that is still being started is stopped when it runs.
func (d *Device) endForReboot(reason string) {
	d.mu.Lock()
	first := d.reboot == ""
	d.reboot = reason
	d.mu.Unlock()
	if first && d.tree.Root() != nil {
		d.stopSoon()
	}
}

func (d *Device) stopSoon() {
	go func() { // ends with the tree, within the stop timeout
		ctx, cancel := context.WithTimeout(context.Background(), lifecycle.StopTimeout)
		defer cancel()
		_, _ = d.tree.Root().Stop(ctx) // Run and Stop report what would not stop
	}()
}
