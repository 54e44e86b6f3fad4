package s3

// Parts is how many parts all open uploads have.
func (s *Server) Parts() int {
	s.uploads.mu.Lock()
	defer s.uploads.mu.Unlock()
	return s.uploads.parts
}
