package crud

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// entry is what one write did to one document.
type entry struct {
	Revision   uint64 `json:"revision" example:"4711" doc:"Of the directory; one write is one revision."`
	Seq        int    `json:"seq" example:"1" doc:"Tells the documents of one revision apart."`
	At         string `json:"at" format:"date-time" example:"2026-01-31T18:00:00.120Z" doc:"In UTC, always to the millisecond, so that text sorts like time."`
	Actor      string `json:"actor" example:"account:01K9ZR7B8C9D0E1F2G3H4J5K6M" doc:"Who wrote."`
	Address    string `json:"address,omitempty" example:"192.0.2.7" doc:"Where the request came from; missing for what did not come by HTTP."`
	Collection string `json:"collection" example:"namespaces"`
	Key        string `json:"key" example:"lab" doc:"Of the document in its collection."`
	Before     object `json:"before,omitempty" doc:"The document before; missing where there was none."`
	After      object `json:"after,omitempty" doc:"The document after; missing where it is gone."`
}

const milliseconds = "2006-01-02T15:04:05.000Z"

func entryOf(e identity.Entry) entry {
	return entry{
		Revision: e.Revision, Seq: e.Seq, At: e.At.UTC().Format(milliseconds), Actor: string(e.Actor), Address: e.Address,
		Collection: e.Collection, Key: e.Key, Before: object(e.Before), After: object(e.After),
	}
}

type JournalFilter struct {
	Actor      string    `query:"actor" maxLength:"256" doc:"Who wrote: account:<uid>, cli:import, and so on."`
	Collection string    `query:"collection" maxLength:"64" doc:"accounts, teams, namespaces, passwords, tokens, and so on."`
	Key        string    `query:"key" maxLength:"512" doc:"Of the document: a uid, or the name of a namespace."`
	Since      time.Time `query:"since" doc:"Of this moment and later."`
	Until      time.Time `query:"until" doc:"Before this moment."`
	Order      string    `query:"order" enum:"newest,oldest" default:"newest" doc:"What comes first."`
}

type journalList struct {
	Body struct {
		Items []entry `json:"items"`
		Next  string  `json:"next,omitempty" doc:"cursor of the next page; missing on the last."`
	}
}

const (
	// journalChunk is how many rows are read at once, and journalBytes how many bytes of
	// documents a page may begin another row with: a row may hold two documents of a
	// megabyte each.
	journalChunk = 20
	journalBytes = 4 << 20
)

func (s *Surface) registerJournal() {
	add(s, huma.Operation{
		Method: http.MethodGet, Path: "/journal", OperationID: "listJournal", Tags: []string{"Journal"}, Summary: "Read who changed what",
		Description: "One item for each document that a write changed. A page ends early where its documents are large. " +
			"No document holds a secret.",
	}, s.listJournal)
}

func (s *Surface) listJournal(ctx context.Context, in *struct {
	Paging
	JournalFilter
}) (*journalList, error) {
	if err := s.narrowJournal(ctx, &in.JournalFilter); err != nil {
		return nil, err
	}
	page, err := s.page(in.Paging, "journal", in.JournalFilter)
	if err != nil {
		return nil, err
	}
	var at identity.JournalAt
	if page.After != "" {
		if _, err := fmt.Sscanf(page.After, "%d %d", &at.Revision, &at.Seq); err != nil {
			return nil, fmt.Errorf("a cursor of the journal: %w", err)
		}
	}
	rows, more, err := s.journalRows(ctx, in.JournalFilter, at, page.Limit)
	if err != nil {
		return nil, err
	}
	out := &journalList{}
	out.Body.Items = make([]entry, 0, len(rows))
	for _, row := range rows {
		out.Body.Items = append(out.Body.Items, entryOf(row))
	}
	if more {
		last := rows[len(rows)-1]
		out.Body.Next, err = s.cursor(fmt.Sprintf("%d %d", last.Revision, last.Seq), "journal", in.JournalFilter)
	}
	return out, err
}

// narrowJournal asks for the journal, with the account that wrote where the filter names
// one. Where policy gives people only what they did themselves, the filter says so.
func (s *Surface) narrowJournal(ctx context.Context, f *JournalFilter) error {
	asked := resource{Kind: "journal"}
	if f.Actor != "" {
		asked.Account, _ = strings.CutPrefix(f.Actor, "account:")
		if asked.Account == f.Actor {
			asked.Account = ""
		}
		return s.ask(ctx, list, asked)
	}
	own, err := s.narrow(ctx, asked)
	if own {
		f.Actor = string(callerOf(ctx).actor())
	}
	return err
}

// journalRows reads a page, in parts that fit into memory whatever is in them.
func (s *Surface) journalRows(ctx context.Context, f JournalFilter, at identity.JournalAt, limit int) (rows []identity.Entry, more bool, err error) {
	filter := identity.JournalFilter{
		Actor: identity.Actor(f.Actor), Collection: f.Collection, Key: f.Key,
		Since: f.Since, Until: f.Until, Newest: f.Order != "oldest",
	}
	size := 0
	for {
		part, more, err := s.Directory.JournalPage(ctx, filter, at, min(journalChunk, limit-len(rows)))
		if err != nil {
			return nil, false, err
		}
		for i, row := range part {
			rows = append(rows, row)
			if size += len(row.Before) + len(row.After); size >= journalBytes {
				return rows, more || i < len(part)-1, nil
			}
		}
		if !more || len(part) == 0 || len(rows) >= limit {
			return rows, more && len(part) > 0, nil
		}
		last := rows[len(rows)-1]
		at = identity.JournalAt{Revision: last.Revision, Seq: last.Seq}
	}
}
