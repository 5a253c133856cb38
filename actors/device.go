package actors

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/supervisor"
)

// ErrReboot is what Wait returns when the tree has stopped because the machine shall reboot and no
// Client.Reboot took care of it.
var ErrReboot = errors.New("the device has to reboot")

// ErrNotRunning is returned by calls that need a device that was started and has not ended.
var ErrNotRunning = errors.New("the device is not running")

// stopTimeout is what Run gives the tree to stop, over the longest shutdown time of an actor.
const stopTimeout = 20 * time.Second

// Device is one device agent. New wires it, Start starts it, Wait waits for its end, Stop stops it;
// Run does all of that. All methods may be called from any goroutine.
type Device struct {
	name   string
	own    shared
	parts  *parts
	system *supervisor.System // the embedder's; nil: an own one

	mu     sync.Mutex
	begun  chan struct{} // nil: Start was not called; closed when it has returned
	sys    *supervisor.System
	root   *supervisor.Supervisor
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
// failed start leaves nothing running, and a Device can be started once.
func (d *Device) Start(ctx context.Context) error {
	begun := make(chan struct{})
	d.mu.Lock()
	before := d.begun
	if before == nil {
		d.begun = begun
	}
	d.mu.Unlock()
	if before != nil {
		return fmt.Errorf("start %s: it has been started before; make a new Device", d.name)
	}
	defer close(begun)
	if err := d.openSystem(); err != nil {
		return err
	}
	d.parts.resolve(d.sys, d.name)
	// without the lock: OnEvent may call methods meanwhile
	root, err := d.sys.Start(ctx, d.parts.spec(d.name))
	if err != nil {
		// ctx may be what has ended the start
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		return errors.Join(fmt.Errorf("start %s: %w", d.name, err), d.release(stop))
	}
	d.mu.Lock()
	d.root = root
	leaving := d.reboot != ""
	d.mu.Unlock()
	if leaving { // a reboot was asked for during the start
		d.stopSoon(root)
	}
	return nil
}

// Wait blocks until the device has ended: nil after Stop, ErrReboot when it shall reboot, otherwise
// why its supervisor gave up.
func (d *Device) Wait() error {
	root, _ := d.started(context.Background())
	if root == nil {
		return ErrNotRunning
	}
	err := root.Wait()
	d.mu.Lock()
	reason := d.reboot
	d.mu.Unlock()
	if reason != "" {
		return fmt.Errorf("%w: %s", ErrReboot, reason)
	}
	return err
}

// Stop stops the device's actors in order, the last started first, and closes the socket. It is
// idempotent and bounded: what does not stop in its time is abandoned and named in the error.
func (d *Device) Stop(ctx context.Context) error {
	root, err := d.started(ctx)
	if root == nil || err != nil {
		return err
	}
	report, err := root.Stop(ctx)
	return errors.Join(err, report.Err(), d.release(ctx))
}

// Run starts the device and blocks until it ends or ctx does; then it stops the device and returns
// what Wait returns.
func (d *Device) Run(ctx context.Context) error {
	if err := d.Start(ctx); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-d.running().Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	err := d.Stop(stop)
	return errors.Join(d.Wait(), err)
}

// Reconnect drops the socket, if there is one, and dials at once: the backoff starts anew.
func (d *Device) Reconnect() error {
	return d.tell(&d.parts.channel.Connection, message.Reconnect{}, "reconnect")
}

// Commit ends the trial of the running firmware, so that the boot loader will not go back from it,
// and tells the hub. It answers when the boot record has been written.
func (d *Device) Commit(ctx context.Context) error {
	if !d.alive() {
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
	root := d.running()
	if root == nil {
		return supervisor.TreeNode{}, ErrNotRunning
	}
	return supervisor.Tree(ctx, root)
}

// tell sends to an actor, whose ref is read after it is known to be there.
func (d *Device) tell(r *supervisor.Ref, msg any, what string) error {
	if !d.alive() {
		return fmt.Errorf("%s: %w", what, ErrNotRunning)
	}
	if err := r.Send(msg); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// running returns the root; nil: it was not started.
func (d *Device) running() *supervisor.Supervisor {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.root
}

// started is running once a start that is under way has come to its end.
func (d *Device) started(ctx context.Context) (*supervisor.Supervisor, error) {
	d.mu.Lock()
	begun := d.begun
	d.mu.Unlock()
	if begun == nil {
		return nil, nil //nolint:nilnil // it was not started, which is no error
	}
	select {
	case <-begun:
		return d.running(), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("stop %s, which is still being started: %w", d.name, ctx.Err())
	}
}

func (d *Device) alive() bool {
	root := d.running()
	if root == nil {
		return false
	}
	select {
	case <-root.Done():
		return false
	default:
		return true
	}
}

// endForReboot stops the tree from outside of it, because an actor cannot wait for its own end;
// Wait then returns ErrReboot. One that is still being started is stopped when it has been.
func (d *Device) endForReboot(reason string) {
	d.mu.Lock()
	root := d.root
	first := d.reboot == ""
	d.reboot = reason
	d.mu.Unlock()
	if root != nil && first {
		d.stopSoon(root)
	}
}

func (d *Device) stopSoon(root *supervisor.Supervisor) {
	go func() { // ends with the tree, within the stop timeout
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		_, _ = root.Stop(ctx) // Run and Stop report what would not stop
	}()
}

// openSystem makes sure that there is a system to run under.
func (d *Device) openSystem() error {
	if d.system != nil {
		d.sys = d.system
		return nil
	}
	sys, err := supervisor.NewSystem(supervisor.Options{
		Name: d.name, Logger: d.own.logs.base, OnEvent: d.own.events.actorExited,
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", d.name, err)
	}
	d.sys = sys
	return nil
}

// release ends the system if it is the device's own.
func (d *Device) release(ctx context.Context) error {
	if d.system != nil || d.sys == nil {
		return nil
	}
	report, err := d.sys.Shutdown(ctx)
	if err != nil {
		return err
	}
	return report.Err()
}
