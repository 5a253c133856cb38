package actors_test

import "sync"

// ramJournal keeps a journal in memory, apart from the slots.
type ramJournal struct {
	mu   sync.Mutex
	data []byte
}

func (j *ramJournal) Load() ([]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.data, nil
}

func (j *ramJournal) Save(data []byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.data = append([]byte(nil), data...)
	return nil
}
