package supervisor

import (
	"errors"
	"slices"
	"time"
)

// core decides what one supervisor does with its children, and in which order. It is pure: the
// caller brings the time and carries out the effects. Its inputs are the methods begin, childUp,
// childExiting, childExited, keptClosed, alarmed, ask and stop; each appends to out.
//
// now is the age of the System, never zero.
type core struct {
	id       *identity
	spec     *Spec
	children children
	window   intensity
	chance   chance
	out      *effects
	reason   error  // why the supervisor stops; nil: it does not
	later    *order // orders that wait for the end of the job: list, oldest first
	delay    time.Duration
	alarm    alarm // of the backoff of the job
	closings int32 // children whose kept values are being closed
	job      job
}

// begin starts the children for the first time.
func (k *core) begin(now time.Duration) {
	if k.job != idle || k.reason != nil {
		return
	}
	k.children = newChildren(k.spec)
	for c := range k.children.all() {
		c.redo = true
	}
	k.job = bringUp
	k.advance(now)
}

// stop begins the stop of the supervisor for reason, once.
func (k *core) stop(now time.Duration, reason error) {
	k.stopAll(reason)
	k.advance(now)
}

// childUp notes that Init of c has succeeded.
func (k *core) childUp(now time.Duration, c *child) {
	if c.phase != starting {
		return
	}
	k.out.disarm(c, &c.alarm)
	c.phase, c.fresh, c.upSince = up, false, now
	if o := c.starter; o != nil {
		c.starter = nil
		k.out.answer(o, c)
	}
	k.advance(now)
}

// childExiting notes that c exits by itself and that its Terminate begins. Shutdown bounds that as
// it bounds a stop.
func (k *core) childExiting(c *child, reason error) {
	if c.phase != up {
		return // it was asked to stop, does not start, or was abandoned
	}
	c.phase, c.reason = exiting, reason
	k.out.arm(c, &c.alarm, c.spec.stopWithin())
}

// childExited notes that c has exited or was abandoned, and decides what follows.
func (k *core) childExited(now time.Duration, c *child, reason error) {
	was := c.phase
	if !was.running() {
		return // it was abandoned before
	}
	k.out.disarm(c, &c.alarm)
	c.phase, c.reason = down, nil
	switch {
	case k.reason != nil:
		k.remove(c)
	case was == stopping || c.off || k.job == takeDown && c.redo:
		k.stopped(c)
	case was == starting:
		k.startFailed(now, c, reason)
	case k.job == bringUp:
		c.reason = reason // it is judged when all children have been started
	default:
		k.judge(now, c, reason)
	}
	k.advance(now)
}

// keptClosed notes that the values that a child kept are closed, or that their Shutdown is over.
func (k *core) keptClosed(now time.Duration) {
	k.closings--
	k.advance(now)
}

// alarmed handles the timer of c, or that of the job if c is nil. It ignores a timer that has been
// replaced or disarmed.
func (k *core) alarmed(now time.Duration, c *child, number alarm) {
	if c == nil {
		if k.alarm.rings(number) && k.job == backingOff {
			k.job = bringBack
			k.advance(now)
		}
		return
	}
	if !c.alarm.rings(number) {
		return
	}
	switch c.phase {
	case waiting:
		k.start(c)
	case starting:
		k.out.emit(effect{kind: effectAbandon, child: c, err: ErrStartTimeout})
	case exiting:
		k.out.emit(effect{kind: effectAbandon, child: c, err: c.reason})
	case stopping:
		k.out.emit(effect{kind: effectAbandon, child: c, err: ErrStopTimeout})
	case down, up:
	}
}

// ask carries out an order about a child. A stopping supervisor refuses it.
func (k *core) ask(now time.Duration, o *order) {
	c := k.children.find(o.id)
	switch {
	case k.reason != nil:
		k.out.refuse(o, ErrShutdown)
	case o.act == startChild:
		k.startNew(c, o)
	case c == nil:
		k.out.refuse(o, ErrNotFound)
	case o.act == terminateChild:
		k.terminate(c, o)
	case c.notDown() != nil:
		k.out.refuse(o, c.notDown())
	case o.act == deleteChild:
		o.next, c.stoppers = c.stoppers, o // answered when the kept values are closed
		k.remove(c)
	case !k.postpones(o):
		c.starter = o
		k.start(c)
	}
	k.advance(now)
}

// startNew adds the child of the order as the last one and starts it. known is the child that has
// its ID, or nil.
func (k *core) startNew(known *child, o *order) {
	switch {
	case known != nil && known.phase == down && !known.redo:
		k.out.refuse(o, ErrAlreadyPresent)
	case known != nil:
		k.out.refuse(o, ErrAlreadyStarted)
	case !k.postpones(o):
		c := &child{spec: o.spec, starter: o, fresh: true}
		k.children.add(c)
		k.start(c)
	}
}

// terminate stops c by hand: nothing but an order starts it again.
func (k *core) terminate(c *child, o *order) {
	c.off = true
	o.next, c.stoppers = c.stoppers, o
	if c.phase.running() {
		k.stopOne(c)
		return
	}
	k.out.disarm(c, &c.alarm)
	c.phase, c.reason = down, nil
	k.stopped(c)
}

// postpones puts an order off while a job starts and stops children in order.
func (k *core) postpones(o *order) bool {
	if k.job == idle {
		return false
	}
	end := &k.later
	for *end != nil {
		end = &(*end).next
	}
	*end = o
	return true
}

// start starts a child that is not running.
func (k *core) start(c *child) {
	c.phase, c.off, c.reason = starting, false, nil
	if c.spec.Supervisor == nil {
		k.out.arm(c, &c.alarm, c.spec.startWithin())
	} else {
		k.out.disarm(c, &c.alarm)
	}
	k.out.emit(effect{kind: effectStart, child: c})
}

// stopOne asks a child to stop, once. A nested supervisor has no deadline: it takes as long as its
// children.
func (k *core) stopOne(c *child) {
	if c.phase == exiting || c.phase == stopping {
		return
	}
	c.phase = stopping
	if c.spec.Supervisor == nil {
		k.out.arm(c, &c.alarm, c.spec.stopWithin())
	} else {
		k.out.disarm(c, &c.alarm)
	}
	k.out.emit(effect{kind: effectStop, child: c})
}

// stopped handles a child that is down because an order or a job wanted it down.
func (k *core) stopped(c *child) {
	if c.spec.Restart == Temporary || c.off && k.spec.Strategy == Dynamic {
		k.remove(c)
		return
	}
	if c.starter != nil && (c.off || !c.redo) { // else the job starts it again
		k.refuseStarter(c)
	}
	k.out.answerAll(c.stoppers)
	c.stoppers = nil
}

// startFailed handles a child whose Init did not succeed. In the first start the supervisor stops
// with that error, an order gets it as its answer, and a restart counts it as one more crash.
func (k *core) startFailed(now time.Duration, c *child, reason error) {
	switch o := c.starter; {
	case o != nil:
		c.starter = nil
		k.out.refuse(o, startError(k.id.below(c.spec.ID), reason))
		if c.fresh {
			k.remove(c)
		}
	case k.job == bringUp:
		k.stopAll(startError(k.id.below(c.spec.ID), reason))
	default:
		k.restart(now, c, reason)
	}
}

// judge decides what becomes of a child that has exited by itself.
func (k *core) judge(now time.Duration, c *child, reason error) {
	c.reason = nil
	switch verdictOn(c.spec.Restart, reason) {
	case restartIt:
		k.restart(now, c, reason)
	case keepIt:
		k.closeKept(c)
		k.autoShutdown(c)
	case removeIt:
		k.remove(c)
		k.autoShutdown(c)
	}
}

// restart counts a crash and arranges the restart. When the intensity is exceeded, it stops the
// supervisor instead.
func (k *core) restart(now time.Duration, c *child, reason error) {
	if !k.window.allow(now) {
		limit := k.window.limit
		gaveUp := &GaveUpError{
			Path: k.id.path(), Child: c.spec.ID, Max: limit.Max, Within: limit.Within, Reason: reason,
		}
		k.out.emit(effect{kind: effectGaveUp, child: c, err: gaveUp})
		k.stopAll(gaveUp)
		return
	}
	if c.upSince > 0 && now-c.upSince >= k.spec.Backoff.max() {
		c.streak = 0
	}
	c.streak++
	c.restarts++
	c.upSince = 0
	delay := k.spec.Backoff.delay(c.streak, k.chance)
	k.out.emit(effect{kind: effectRestarting, child: c, err: reason, delay: delay})
	switch {
	case k.spec.Strategy == OneForAll || k.spec.Strategy == RestForOne:
		k.restartTogether(c, delay)
	case delay > 0:
		c.phase = waiting
		k.out.arm(c, &c.alarm, delay)
	default:
		k.start(c)
	}
}

// autoShutdown stops the supervisor when the exit of a significant child demands it.
func (k *core) autoShutdown(exited *child) {
	if !exited.spec.Significant {
		return
	}
	if k.spec.AutoShutdown == AllSignificant {
		for c := range k.children.all() {
			if c != exited && c.spec.Significant && c.phase != down {
				return
			}
		}
	}
	k.stopAll(ErrShutdown)
}

// remove removes a child that is down and closes what it kept. A stopping supervisor leaves a
// static child in the list, because nothing reads the list again.
func (k *core) remove(c *child) {
	if k.reason == nil || k.spec.Strategy == Dynamic {
		k.children.remove(c)
	}
	if c.starter != nil {
		k.refuseStarter(c)
	}
	k.closeKept(c)
}

// refuseStarter answers the order that waits for the start of c: c was stopped before it was up.
func (k *core) refuseStarter(c *child) {
	k.out.refuse(c.starter, &StartError{Path: k.id.below(c.spec.ID), Err: ErrShutdown})
	c.starter = nil
}

// closeKept closes the values that c kept. The orders that wait for the stop of c wait for that
// too.
func (k *core) closeKept(c *child) {
	k.closings++
	k.out.emit(effect{kind: effectClose, child: c, order: c.stoppers})
	c.stoppers = nil
}

// startError returns the error for an actor at path that did not start. A reason that names an
// actor below it stays as it is.
func startError(path string, reason error) error {
	var e *StartError
	if errors.As(reason, &e) {
		return reason
	}
	return &StartError{Path: path, Err: reason}
}

// isUp handles the moment in which every child has been started once.
func (k *core) isUp(now time.Duration) {
	k.out.emit(effect{kind: effectUp})
	for c := range k.children.all() { // those that crashed while their siblings were still starting
		switch {
		case c.phase != down || c.reason == nil || k.reason != nil:
		case k.job == takeDown && c.redo:
			c.reason = nil // the job restarts it together with its sibling
		default:
			k.judge(now, c, c.reason)
		}
	}
}

// restartTogether begins the restart of c and of the siblings that the strategy adds.
func (k *core) restartTogether(c *child, delay time.Duration) {
	order := k.children.order
	first, end := affected(k.spec.Strategy, slices.Index(order, c), len(order))
	for _, sibling := range order[first:end] {
		sibling.redo = true
	}
	k.out.disarm(nil, &k.alarm)
	k.delay = delay
	k.job = takeDown
}

// stopAll begins the stop of the supervisor. From then on nothing is restarted.
func (k *core) stopAll(reason error) {
	if k.reason != nil {
		return
	}
	k.reason = reason
	k.job = shutDown
	k.out.disarm(nil, &k.alarm)
	for o := k.later; o != nil; o = k.later {
		k.later, o.next = o.next, nil
		k.out.refuse(o, ErrShutdown)
	}
	for c := range k.children.all() {
		c.redo = true
		switch {
		case !c.phase.running():
			k.out.disarm(c, &c.alarm)
			c.phase = down
			k.remove(c)
		case k.spec.Strategy == Dynamic:
			k.stopOne(c)
		}
	}
}
