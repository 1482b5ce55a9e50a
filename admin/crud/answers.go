package crud

import (
	"cmp"
	"context"
	"net/http"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// What answers have in common, whatever they are about.

// one answers with a document and its validator.
type one[T any] struct {
	ETag string `header:"ETag"`
	Body T
}

// written answers a write with what the directory made of the document.
type written[T any] struct {
	Status int
	RevisionHeader
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     T
}

// many answers with a page of a list.
type many[T any] struct {
	Body struct {
		Items []T    `json:"items"`
		Next  string `json:"next,omitempty" doc:"cursor of the next page; missing on the last."`
	}
}

// readOne reads one document.
func readOne[T any](ctx context.Context, s *Surface, fn func(*identity.Tx) (T, error)) (*one[T], error) {
	out := &one[T]{}
	err := s.Directory.Read(ctx, func(tx *identity.Tx) (err error) {
		out.Body, err = fn(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	out.ETag, err = etagOf(out.Body)
	return out, err
}

// readPage reads a page of a list. The cursors that lead into the list and on from here
// are sealed for its name and the filter.
func readPage[T, W any](
	ctx context.Context, s *Surface, p Paging, list string, filter any,
	wire func(T) W, fn func(*identity.Tx, identity.Page) ([]T, string, error),
) (*many[W], error) {
	page, err := s.page(p, list, filter)
	if err != nil {
		return nil, err
	}
	var found []T
	var next string
	err = s.Directory.Read(ctx, func(tx *identity.Tx) (err error) {
		found, next, err = fn(tx, page)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &many[W]{}
	out.Body.Items = make([]W, 0, len(found))
	for _, item := range found {
		out.Body.Items = append(out.Body.Items, wire(item))
	}
	out.Body.Next, err = s.cursor(next, list, filter)
	return out, err
}

// writeOne runs one write. fn fills in the body as the directory made it in the same
// transaction, since whoever gives a thing away may not read it any more; and, where the
// document is new, status and location.
func writeOne[T any](ctx context.Context, s *Surface, fn func(*writing, *written[T]) error) (*written[T], error) {
	out := &written[T]{Status: http.StatusOK}
	number, err := s.write(ctx, func(w *writing) error { return fn(w, out) })
	if err != nil {
		return nil, err
	}
	out.RevisionHeader = revision(number)
	out.ETag, err = etagOf(out.Body)
	return out, err
}

// made says that the document is new, and where it is from now on.
func (o *written[T]) made(path string) { o.Status, o.Location = http.StatusCreated, base+path }

// removeOne runs a write that leaves nothing to show.
func removeOne(ctx context.Context, s *Surface, fn func(*writing) error) (*RevisionHeader, error) {
	number, err := s.write(ctx, fn)
	if err != nil {
		return nil, err
	}
	header := revision(number)
	return &header, nil
}

// inside asks about what belongs to an account, which may be an organisation. To who may
// not see that, and where there is none, it is not there.
func (s *Surface) inside(ctx context.Context, whole resource, action string, r resource) error {
	err := s.ask(ctx, action, r)
	if err == nil {
		return nil
	}
	if hidden := s.see(ctx, whole); hidden != nil {
		return hidden
	}
	missing := s.Directory.Read(ctx, func(tx *identity.Tx) error {
		_, err := tx.Account(identity.AccountID(whole.ID))
		return err
	})
	return cmp.Or(missing, err)
}
