package engine

import (
	"context"
	"fmt"
	"iter"

	"github.com/gatehouse-authz/gatehouse/engine/internal/snapshot"
)

// Apply brings the data to the next revision: all of changes become visible to
// decisions at once, or none of them on an error. changes may be empty. A
// revision that does not follow the current one is ErrGap, whichever side of it
// it lies on; before the first Replace it is ErrNotReady.
func (e *Engine) Apply(_ context.Context, revision uint64, changes []Change) error {
	e.write.Lock()
	defer e.write.Unlock()
	current := e.state.Load().data
	if current == nil {
		return fmt.Errorf("apply revision %d: %w", revision, errNoData)
	}
	if revision != current.Revision()+1 {
		return fmt.Errorf("apply revision %d onto %d: %w", revision, current.Revision(), ErrGap)
	}
	next := current.Edit(revision)
	for _, c := range changes {
		if err := next.Put(c); err != nil {
			return fmt.Errorf("apply revision %d: %w", revision, err)
		}
	}
	data := next.Done()
	e.swap(func(s *state) { s.data = data })
	return nil
}

// Replace forgets all data and takes documents, which are the directory as of
// revision. Documents that are as they were are kept and not held twice, and
// decisions made from them stay remembered. On an error, also one that documents
// yields, nothing changes; it is ErrGap where the data became another meanwhile,
// which may be newer than what was being taken.
func (e *Engine) Replace(ctx context.Context, revision uint64, documents iter.Seq2[Change, error]) error {
	before := e.state.Load().data
	current := before
	if current == nil {
		current = snapshot.New(e.parsedBytes, e.collections...)
	}
	next := current.Renew(revision)
	for c, err := range documents {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = next.Put(c)
		}
		if err != nil {
			return fmt.Errorf("replace data by revision %d: %w", revision, err)
		}
	}
	data := next.Done()
	e.write.Lock()
	defer e.write.Unlock()
	if e.state.Load().data != before {
		return fmt.Errorf("replace data by revision %d: %w", revision, ErrGap)
	}
	e.swap(func(s *state) { s.data = data })
	return nil
}
