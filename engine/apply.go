package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
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
	if revision != current.revision+1 {
		return fmt.Errorf("apply revision %d onto %d: %w", revision, current.revision, ErrGap)
	}
	next := current.edit(revision)
	for _, c := range changes {
		if err := next.put(c); err != nil {
			return fmt.Errorf("apply revision %d: %w", revision, err)
		}
	}
	data := next.done()
	e.swap(func(s *state) { s.data = data })
	return nil
}

// Replace forgets all data and takes documents, which are the directory as of
// revision. On an error, also one that documents yields, nothing changes.
func (e *Engine) Replace(ctx context.Context, revision uint64, documents iter.Seq2[Change, error]) error {
	next := (&snapshot{}).edit(revision)
	for c, err := range documents {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = next.put(c)
		}
		if err != nil {
			return fmt.Errorf("replace data by revision %d: %w", revision, err)
		}
	}
	data := next.done()
	e.write.Lock()
	defer e.write.Unlock()
	e.swap(func(s *state) { s.data = data })
	return nil
}

// check refuses what a snapshot cannot hold. Documents are objects: a policy
// reads members of them.
func check(c Change) error {
	switch {
	case c.Collection == "" || c.Collection == metaCollection:
		return fmt.Errorf("collection %q may not be written", c.Collection)
	case c.Key == "":
		return fmt.Errorf("a document of %s has no key", c.Collection)
	case c.Doc != nil && (len(c.Doc) == 0 || c.Doc[0] != '{' || !json.Valid(c.Doc)):
		return fmt.Errorf("document %s/%s is not a JSON object", c.Collection, c.Key)
	}
	return nil
}
