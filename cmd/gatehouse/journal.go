package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-authz/gatehouse/identity"
)

const (
	journalPage   = 1000 // rows read at a time
	journalLatest = 100  // rows shown where nobody says how many
	journalEvery  = 250 * time.Millisecond
)

// journalOptions say what of the journal to show.
type journalOptions struct {
	actor, collection, key string
	since                  string
	limit                  int
	follow                 bool
	format                 string
}

func newJournalCommand(a *app) *cobra.Command {
	var o journalOptions
	c := &cobra.Command{
		Use:   "journal [--follow] [--actor WHO] [--collection NAME] [--key KEY] [--since 1h]",
		Short: "Show who changed what in the directory",
		Long: `Prints the journal of the directory, oldest first: when, revision, who, from which address
(- where it came from no network), what became of which document, and how it is different. A
server may be running on the data directory. With --follow it goes on as changes come, until
it is stopped. The journal holds no password, no hash and no token.

As json each change is one object on a line of its own, with the whole documents before and
after.`,
		Example: `  gatehouse journal
  gatehouse journal --follow --format json
  gatehouse journal --since 24h --collection namespaces --key lab
  gatehouse journal --actor cli:import --limit 0`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			filter, err := o.filter(a.now())
			if err != nil {
				return hint(c, err)
			}
			return a.withDirectory(c.Context(), func(_ Config, dir *identity.Directory) error {
				return a.showJournal(c.Context(), dir, filter, o)
			})
		},
	}
	c.Flags().BoolVarP(&o.follow, "follow", "f", false, "go on as changes come")
	c.Flags().StringVar(&o.actor, "actor", "", "only what `WHO` did, such as account:<id>, cli:import or bootstrap")
	c.Flags().StringVar(&o.collection, "collection", "", "only documents of `NAME`, such as accounts, namespaces, tokens")
	c.Flags().StringVar(&o.key, "key", "", "only the document with `KEY`: the id of an account or a team, the name of a namespace")
	c.Flags().StringVar(&o.since, "since", "", "only what is not older than `AGE`, as 90m or 7d, or of the given time (RFC 3339) and later")
	c.Flags().IntVar(&o.limit, "limit", journalLatest, "the latest `N` changes; 0 = all")
	c.Flags().StringVar(&o.format, "format", formatText, "text or json")
	return c
}

func (o journalOptions) filter(now time.Time) (identity.JournalFilter, error) {
	f := identity.JournalFilter{Actor: identity.Actor(o.actor), Collection: o.collection, Key: o.key}
	if o.format != formatText && o.format != formatJSON {
		return f, fmt.Errorf("--format %q is neither text nor json", o.format)
	}
	if o.limit < 0 {
		return f, fmt.Errorf("--limit %d is below 0", o.limit)
	}
	if o.since == "" {
		return f, nil
	}
	if at, err := time.Parse(time.RFC3339, o.since); err == nil {
		f.Since = at
		return f, nil
	}
	age, err := parseAge(o.since)
	if err != nil || age < 0 {
		return f, fmt.Errorf("--since %q is neither an age such as 90m or 7d nor a time such as 2031-01-31T12:00:00Z", o.since)
	}
	f.Since = now.Add(-age)
	return f, nil
}

// showJournal prints what there is, and then what comes.
func (a *app) showJournal(ctx context.Context, dir *identity.Directory, f identity.JournalFilter, o journalOptions) error {
	out := &journalWriter{out: bufio.NewWriter(a.out), format: o.format}
	// Read before the rows: what is written in between is among the rows or comes later.
	end, err := endOfJournal(ctx, dir)
	if err != nil {
		return err
	}
	if o.limit == 0 {
		err = out.from(ctx, dir, f, &identity.JournalAt{})
	} else {
		err = out.latest(ctx, dir, f, o.limit)
	}
	if err != nil || !o.follow {
		return err
	}
	at := &end
	if later(out.last, *at) {
		at = &out.last
	}
	return out.follow(ctx, dir, f, at)
}

func later(a, b identity.JournalAt) bool {
	return a.Revision > b.Revision || a.Revision == b.Revision && a.Seq > b.Seq
}

// endOfJournal is the place behind everything that is there.
func endOfJournal(ctx context.Context, dir *identity.Directory) (at identity.JournalAt, err error) {
	err = dir.Read(ctx, func(tx *identity.Tx) (err error) {
		at.Revision, err = tx.Revision()
		return err
	})
	at.Seq = math.MaxInt32 // of a revision
	return at, err
}

// journalWriter prints journal rows and knows the last one.
type journalWriter struct {
	out    *bufio.Writer
	format string
	last   identity.JournalAt
}

// latest prints the last rows, oldest first.
func (w *journalWriter) latest(ctx context.Context, dir *identity.Directory, f identity.JournalFilter, limit int) error {
	f.Newest = true
	var rows []identity.Entry
	at, more := identity.JournalAt{}, true
	for more && len(rows) < limit {
		page, rest, err := dir.JournalPage(ctx, f, at, min(limit-len(rows), journalPage))
		if err != nil {
			return fmt.Errorf("read the journal: %w", err)
		}
		rows, more = append(rows, page...), rest && len(page) > 0
		if more {
			at = placeOf(page[len(page)-1])
		}
	}
	slices.Reverse(rows)
	return w.write(rows)
}

// from prints all rows behind a place and moves it.
func (w *journalWriter) from(ctx context.Context, dir *identity.Directory, f identity.JournalFilter, at *identity.JournalAt) error {
	for more := true; more; {
		rows, rest, err := dir.JournalPage(ctx, f, *at, journalPage)
		if err != nil {
			return fmt.Errorf("read the journal: %w", err)
		}
		if len(rows) == 0 {
			return nil
		}
		if err := w.write(rows); err != nil {
			return err
		}
		*at, more = w.last, rest
	}
	return nil
}

// follow prints what comes until ctx ends, which is how it is meant to end. Another
// process that has the database for a moment ends nothing.
func (w *journalWriter) follow(ctx context.Context, dir *identity.Directory, f identity.JournalFilter, at *identity.JournalAt) error {
	tick := time.NewTicker(journalEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := w.from(ctx, dir, f, at)
		if err != nil && !errors.Is(err, identity.ErrBusy) && ctx.Err() == nil {
			return err
		}
	}
}

func placeOf(e identity.Entry) identity.JournalAt {
	return identity.JournalAt{Revision: e.Revision, Seq: e.Seq}
}

func (w *journalWriter) write(rows []identity.Entry) error {
	for _, row := range rows {
		line, err := w.line(row)
		if err != nil {
			return err
		}
		if _, err := w.out.WriteString(line + "\n"); err != nil {
			return err
		}
		w.last = placeOf(row)
	}
	return w.out.Flush()
}

// journalRow is an entry as JSON.
type journalRow struct {
	Revision   uint64          `json:"revision"`
	Seq        int             `json:"seq"`
	At         time.Time       `json:"at"`
	Actor      identity.Actor  `json:"actor"`
	Address    string          `json:"address,omitempty"`
	Collection string          `json:"collection"`
	Key        string          `json:"key"`
	Before     json.RawMessage `json:"before"`
	After      json.RawMessage `json:"after"`
}

func (w *journalWriter) line(e identity.Entry) (string, error) {
	if w.format == formatText {
		return journalText(e), nil
	}
	text, err := json.Marshal(journalRow{
		Revision: e.Revision, Seq: e.Seq, At: e.At, Actor: e.Actor, Address: e.Address,
		Collection: e.Collection, Key: e.Key, Before: e.Before, After: e.After,
	})
	if err != nil {
		return "", fmt.Errorf("print revision %d of the journal: %w", e.Revision, err)
	}
	return string(text), nil
}
