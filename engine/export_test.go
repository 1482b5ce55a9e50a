package engine

// NewInterpreting is New, but for OPA's own interpreter evaluating every policy.
func NewInterpreting(o Options) *Engine {
	e := New(o)
	e.interpret = true
	return e
}

// Frozen is an engine that stays in the state e is in now and remembers nothing.
func (e *Engine) Frozen() *Engine {
	s := *e.state.Load()
	p := *s.policy
	p.questions = map[string]*question{}
	for name, q := range s.policy.questions {
		p.questions[name] = &question{by: q.by, input: field{whole: true}}
	}
	s.policy = &p
	f := New(Options{Deadline: e.deadline, Now: e.now})
	f.state.Store(&s)
	return f
}
