package server

import (
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Bus carries the messages between the servers of a cluster. [Local] is one inside a process,
// package natsbus has one over NATS, and a new one has to pass the tests of package bustest. The
// embedder opens and closes a Bus; a server joins and leaves it.
type Bus interface {
	// Publish sends data to the node named to, or to all nodes when to is empty; then the sender may
	// receive it too. Data may be lost, but arrives once at most, and data of one goroutine arrives at
	// each node in order. Publish does not wait for the receivers. It may keep data, which must not
	// change afterwards. It returns ErrTooLarge, ErrBusDown, or other errors of the bus.
	Publish(to string, data []byte) error
	// Join adds a node until leave is called. Its name has up to 64 letters, digits, - and _. The bus
	// calls receive with the data that is published to all and to node. Receive must not block or
	// change data, and may keep data. A call of receive may still run after leave has returned.
	Join(node string, receive func(data []byte)) (leave func(), err error)
}

// Errors of a bus.
var (
	ErrTooLarge = errors.New("message is larger than the bus takes")
	ErrBusDown  = errors.New("bus is not connected")
	ErrNodeName = errors.New("name of a node is up to 64 letters, digits, - and _")
)

// Local is a Bus of servers in one process. The zero Local is ready to use.
type Local struct {
	mu    sync.RWMutex
	nodes map[string]*localNode
}

// localNode is a node that joined. Its address tells it from a later one of the same name.
type localNode struct{ receive func(data []byte) }

// Join adds a node. It returns an error when a node of that name is there.
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

// Publish sends data to one node or to all. It calls the receivers before it returns.
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

// ValidNode reports whether name can be the name of a node.
func ValidNode(name string) bool {
	odd := func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' &&
			c != '_'
	}
	return name != "" && len(name) <= 64 && strings.IndexFunc(name, odd) < 0
}
