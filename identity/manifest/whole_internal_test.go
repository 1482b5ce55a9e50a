package manifest

import "github.com/gatehouse-authz/gatehouse/identity"

// Apply applies all batches of the files in one transaction.
func (s *State) Apply(tx *identity.Tx, o Options) (*Report, error) {
	whole := &Report{}
	for batch, err := range s.Batches(o, func() int { return BatchEntries }) {
		if err != nil {
			return nil, err
		}
		part, err := batch.Apply(tx)
		if err != nil {
			return nil, err
		}
		whole.add(part)
	}
	return whole, nil
}

// Count is the number of steps of one kind.
func (r *Report) Count(op Op) int {
	n := 0
	for _, step := range r.Steps {
		if step.Op == op {
			n++
		}
	}
	return n
}

// add takes what another part of the same import did.
func (r *Report) add(part *Report) {
	r.Steps = append(r.Steps, part.Steps...)
	r.Notes = append(r.Notes, part.Notes...)
	r.Kept += part.Kept
}
