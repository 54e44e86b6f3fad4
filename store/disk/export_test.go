package disk

// RecoverAtOnce makes a store whose disk was full look again with every write.
func (s *Store) RecoverAtOnce() { s.pause = 0 }

// Waiting is the number of writers in the queue.
func (s *Store) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue)
}

// Sealed is a small file's text with its checksum.
func Sealed(text string) string { return sealed(text) }

// EngineGivesUp does what Pebble does when it finds that its state cannot be.
func (s *Store) EngineGivesUp(why string) { logger{s.config.Log, s.guard}.Fatalf("%s", why) }
