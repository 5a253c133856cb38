package supervisor

import (
	"hash/maphash"
	"sync"
)

const nameShards = 64

// names finds the living incarnation of a path. One goroutine at a time may claim or release a
// path; any goroutine may look it up.
type names struct {
	seed   maphash.Seed
	shards [nameShards]nameShard
}

type nameShard struct {
	mu sync.RWMutex
	m  map[string]*cell
}

func newNames() *names { return &names{seed: maphash.MakeSeed()} }

func (n *names) shard(path string) *nameShard {
	return &n.shards[maphash.String(n.seed, path)%nameShards]
}

// get returns the living incarnation of path, or nil.
func (n *names) get(path string) *cell {
	s := n.shard(path)
	s.mu.RLock()
	c := s.m[path]
	s.mu.RUnlock()
	return c
}

// claim gives the path to c. It reports false when another cell has it.
func (n *names) claim(c *cell) bool {
	s := n.shard(c.path())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m[c.path()] != nil {
		return false
	}
	if s.m == nil {
		s.m = make(map[string]*cell)
	}
	s.m[c.path()] = c
	return true
}

// release frees the path, if c has it.
func (n *names) release(c *cell) {
	s := n.shard(c.path())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m[c.path()] == c {
		delete(s.m, c.path())
	}
}
