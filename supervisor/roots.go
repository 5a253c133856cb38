package supervisor

// roots are the root supervisors of a System. The System's lock guards them.
type roots struct {
	m      map[*Supervisor]chan struct{} // to be closed when it is up; nil: it is
	closed bool                          // no more of them
	ended  bool                          // Shutdown is done
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

func (s *System) forgetRoot(root *Supervisor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.roots.m, root)
}

// lastRoots returns the roots that have not ended. There will be no more of them.
func (s *System) lastRoots() []*Supervisor {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roots.closed = true
	all := make([]*Supervisor, 0, len(s.roots.m))
	for root := range s.roots.m {
		all = append(all, root)
	}
	return all
}

// setEnded says whether this is the first end.
func (s *System) setEnded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.roots.ended
	s.roots.ended = true
	return first
}
