package server

import (
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Bus carries what the servers of a cluster say to each other. [Local] is one in this process;
// package natsbus has one over NATS; a new one shall pass the tests of package bustest. It belongs
// to whoever made it: a server joins and leaves it, and does not close it.
type Bus interface {
	// Publish sends data to one node or, if to is empty, to all, perhaps to the one that publishes
	// too. Data may be lost, but comes at most once, and what one goroutine publishes comes to each
	// node in order. Publish does not wait for the receivers; it may keep data, which must not be
	// changed any more. Errors: ErrTooLarge, ErrBusDown, or others of the bus.
	Publish(to string, data []byte) error
	// Join takes part under a name, of up to 64 letters, digits, - and _, until leave is called. What
	// is published to all and to the name is given to receive, which must not block, may keep data and
	// must not change it. Calls under way may end after leave.
	Join(node string, receive func(data []byte)) (leave func(), err error)
}

// Errors of a bus.
var (
	ErrTooLarge = errors.New("message is larger than the bus takes")
	ErrBusDown  = errors.New("bus is not connected")
	ErrNodeName = errors.New("name of a node is up to 64 letters, digits, - and _")
)

// Local is a bus of servers in one process. The zero Local is empty and ready.
type Local struct {
	mu    sync.RWMutex
	nodes map[string]*localNode
}

// localNode is one that takes part; its address tells it from a later one of the same name.
type localNode struct{ receive func(data []byte) }

// Join takes part. A name can be there once.
func (l *Local) Join(node string, receive func(data []byte)) (leave func(), err error) {
	if !ValidNode(node) {
		return nil, fmt.Errorf("join as %q: %w", node, ErrNodeName)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.nodes[node] != nil {
		return nil, fmt.Errorf("join as %q: the name is taken", node)
	}
	if l.nodes == nil {
		l.nodes = map[string]*localNode{}
	}
	n := &localNode{receive: receive}
	l.nodes[node] = n
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.nodes[node] == n {
			delete(l.nodes, node)
		}
	}, nil
}

// Publish calls the receivers before it returns.
func (l *Local) Publish(to string, data []byte) error {
	l.mu.RLock()
	receivers := make([]func([]byte), 0, len(l.nodes))
	for name, n := range l.nodes {
		if to == "" || to == name {
			receivers = append(receivers, n.receive)
		}
	}
	l.mu.RUnlock()
	for _, receive := range receivers {
		receive(data)
	}
	return nil
}

// ValidNode says whether a name can be that of a node.
func ValidNode(name string) bool {
	odd := func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' &&
			c != '_'
	}
	return name != "" && len(name) <= 64 && strings.IndexFunc(name, odd) < 0
}
