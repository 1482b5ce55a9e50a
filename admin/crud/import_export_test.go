package crud

import "time"

// ImportLimits are the limits of imports that tests make smaller; zero fields stay.
type ImportLimits struct {
	Body           int64
	Names, Batch   int
	Idle, Patience time.Duration
}

// LimitImports has to be called before the first import.
func (s *Surface) LimitImports(l ImportLimits) {
	limits := &s.imports.limits
	if l.Body > 0 {
		limits.body = l.Body
	}
	if l.Names > 0 {
		limits.names = l.Names
	}
	if l.Batch > 0 {
		limits.batch = l.Batch
	}
	if l.Idle > 0 {
		limits.idle = l.Idle
	}
	if l.Patience > 0 {
		limits.patience = l.Patience
	}
}
