package scribe

// Kept is how many bytes of messages this node has of all groups.
func (s *Scribe) Kept() (sum int) {
	for _, g := range s.order {
		_, bytes := g.hist.Len()
		sum += bytes
	}
	return sum
}
