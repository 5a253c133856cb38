package supervisor

// queueKeep is the size of a buffer that an empty queue keeps. It gives a larger one back, so that
// a burst costs no memory afterwards.
const queueKeep = 4

// queue is a ring of messages that grows and shrinks with what waits in it. The zero value is empty
// and takes no memory.
type queue struct {
	buf  []any
	head int32
	n    int32
}

// push appends msg.
func (q *queue) push(msg any) {
	if int(q.n) == len(q.buf) {
		q.resize(max(queueKeep, 2*len(q.buf)))
	}
	q.buf[(int(q.head)+int(q.n))%len(q.buf)] = msg
	q.n++
}

// pop takes the oldest message out. The queue must not be empty.
func (q *queue) pop() any {
	msg := q.buf[q.head]
	q.buf[q.head] = nil
	q.head = int32((int(q.head) + 1) % len(q.buf))
	q.n--
	switch {
	case q.n == 0 && len(q.buf) > queueKeep:
		q.release()
	case len(q.buf) > 4*queueKeep && int(q.n) <= len(q.buf)/4:
		q.resize(len(q.buf) / 2)
	}
	return msg
}

// dropFirst removes the oldest message that may is true for, if there is one.
func (q *queue) dropFirst(may func(any) bool) (dropped any, ok bool) {
	for i := range int(q.n) {
		at := (int(q.head) + i) % len(q.buf)
		if !may(q.buf[at]) {
			continue
		}
		dropped = q.buf[at]
		for ; i > 0; i-- { // those before it move up by one
			to := (int(q.head) + i) % len(q.buf)
			from := (int(q.head) + i - 1) % len(q.buf)
			q.buf[to] = q.buf[from]
		}
		q.pop()
		return dropped, true
	}
	return nil, false
}

// resize moves the messages into a buffer of the given size.
func (q *queue) resize(size int) {
	buf := make([]any, size)
	for i := range int(q.n) {
		buf[i] = q.buf[(int(q.head)+i)%len(q.buf)]
	}
	q.buf, q.head = buf, 0
}

// release gives the buffer of an empty queue back.
func (q *queue) release() { q.buf, q.head = nil, 0 }
