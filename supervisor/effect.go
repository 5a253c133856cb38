package supervisor

import "time"

// effect is one thing that the core wants done. The supervisor's actor carries effects out in the
// order in which the core has emitted them.
type effect struct {
	kind   effectKind
	number alarm  // effectArm: the timer's number
	child  *child // nil: the supervisor itself
	order  *order // effectAnswer: to whom; effectClose: the list that waits for the close
	err    error  // the reason or the answer
	delay  time.Duration
}

// effectKind is the act of an effect.
type effectKind uint8

const (
	effectStart      effectKind = iota // make and launch the next incarnation of child
	effectStop                         // ask child to stop
	effectArm                          // set the one timer of child to delay
	effectDisarm                       // stop the one timer of child
	effectAbandon                      // abandon child for err; then childExited follows
	effectClose                        // close the values that child kept; then keptClosed follows
	effectAnswer                       // answer order with err, or with the Ref of child
	effectUp                           // every child has started once: tell the parent
	effectRestarting                   // report that child is restarted for err after delay
	effectGaveUp                       // report err: the intensity is exceeded
	effectExit                         // the supervisor exits with err
)

// effects is what the core has emitted since the actor has looked.
type effects struct{ list []effect }

// A list of effects has room for firstEffects, which most turns of a supervisor do not exceed. It
// is used again up to a room for keepEffects.
const (
	firstEffects = 8
	keepEffects  = 64
)

func (o *effects) emit(e effect) { o.list = append(o.list, e) }

// answer emits the answer to order, which is no error: the Ref of c, or nothing if c is nil.
func (o *effects) answer(to *order, c *child) {
	o.emit(effect{kind: effectAnswer, order: to, child: c})
}

// refuse emits an error as the answer to order.
func (o *effects) refuse(to *order, err error) {
	o.emit(effect{kind: effectAnswer, order: to, err: err})
}

// answerAll emits the answers to a list of orders.
func (o *effects) answerAll(list *order) {
	for list != nil {
		next := list.next
		list.next = nil
		o.answer(list, nil)
		list = next
	}
}

// arm emits the timer of c, or of the supervisor if c is nil. a is the counter of its timers.
func (o *effects) arm(c *child, a *alarm, d time.Duration) {
	o.emit(effect{kind: effectArm, child: c, number: a.set(), delay: d})
}

// disarm takes the timer back, if it is set.
func (o *effects) disarm(c *child, a *alarm) {
	if a.clear() {
		o.emit(effect{kind: effectDisarm, child: c})
	}
}

// alarm numbers the timers of one child or supervisor, so that a timer that fires late is
// recognized. The number is odd while a timer is set.
type alarm uint32

// set starts a new number.
func (a *alarm) set() alarm {
	*a = (*a + 1) | 1
	return *a
}

// clear makes the number invalid and reports whether a timer was set.
func (a *alarm) clear() bool {
	was := *a&1 == 1
	if was {
		*a++
	}
	return was
}

// rings reports whether the timer with the number is the one that is set, and clears it.
func (a *alarm) rings(number alarm) bool { return *a == number && a.clear() }
