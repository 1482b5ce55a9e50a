package snapshot

// Has says whether there is a collection of the name.
func (s *Snapshot) Has(name string) bool { return s.collections[name] != nil }

// Len is how many documents the collection has.
func (s *Snapshot) Len(name string) int {
	if c := s.collections[name]; c != nil {
		return c.count
	}
	return 0
}
