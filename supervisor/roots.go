package supervisor

// roots is the root supervisors of a System. The System's lock guards it.
type roots struct {
	m      map[*Supervisor]chan struct{} // closed when the root is up; nil: it was
	closed bool                          // no root is added any more
	done   bool                          // the ActorSystem is shut down
}

func (s *System) addRoot(root *Supervisor, isUp chan struct{}) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.roots.closed {
		return ErrStopped
	}
	if s.roots.m == nil {
		s.roots.m = make(map[*Supervisor]chan struct{})
	}
	s.roots.m[root] = isUp
	return nil
}

// rootUp lets Start return.
func (s *System) rootUp(root *Supervisor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if isUp := s.roots.m[root]; isUp != nil {
		close(isUp)
		s.roots.m[root] = nil
	}
}

func (s *System) removeRoot(root *Supervisor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.roots.m, root)
}

// closeRoots lets no root be added any more and returns those that have not exited.
func (s *System) closeRoots() []*Supervisor {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roots.closed = true
	all := make([]*Supervisor, 0, len(s.roots.m))
	for root := range s.roots.m {
		all = append(all, root)
	}
	return all
}

// setDone reports whether this is the first call.
func (s *System) setDone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.roots.done
	s.roots.done = true
	return first
}
