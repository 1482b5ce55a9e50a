package identity

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strings"
)

// A page of the journal costs about what stands on it, however long the journal is: it is
// read from an index that has the rows of one condition in the order of revisions. Times
// have no index: the revisions between two moments are found by halving.

// journalSearch is a filter on its way to a page.
type journalSearch struct {
	JournalFilter
	after       JournalAt
	first, over uint64 // revisions from first on and below over hold what the times admit
	ctx         context.Context
	q           querier
}

// page reads at most limit rows.
func (s *journalSearch) page(limit int) (rows []Entry, err error) {
	if err := s.between(); err != nil {
		return nil, err
	}
	source, err := s.source()
	if err != nil {
		return nil, err
	}
	condition, args := s.condition(source)
	way := ""
	if s.Newest {
		way = " DESC"
	}
	err = scan(s.ctx, s.q, func(r *sql.Rows) error {
		entry, err := scanEntry(r)
		rows = append(rows, entry)
		return err
	}, fmt.Sprintf("%s WHERE %s ORDER BY %s%s, row.seq%[4]s LIMIT %[5]d", source.from, condition, source.revision, way, limit), args...)
	return rows, err
}

// between finds the revisions of the time that is asked for. Where the clock was never
// set back they are just those, else some more; the times are looked at all the same.
func (s *journalSearch) between() error {
	s.first, s.over = 0, math.MaxInt64
	if s.Since.IsZero() && s.Until.IsZero() {
		return nil
	}
	var setBack int64
	err := scan(s.ctx, s.q, func(r *sql.Rows) error { return r.Scan(&setBack) }, "SELECT set_back FROM revisions WHERE id = 1")
	if err == nil && !s.Since.IsZero() {
		s.first, err = s.revisionAt(s.Since.UnixMilli() - setBack)
	}
	if err == nil && !s.Until.IsZero() {
		s.over, err = s.revisionAt(s.Until.UnixMilli() + setBack)
	}
	return err
}

// revisionAt is a revision that was written at the moment or later, and is the first in
// the journal or comes after one that was written before the moment.
func (s *journalSearch) revisionAt(millis int64) (revision uint64, err error) {
	err = scan(s.ctx, s.q, func(r *sql.Rows) error { return r.Scan(&revision) }, halving, millis)
	return revision, err
}

// halving narrows (low, high) until nothing is between; what low names was written before
// the moment, what high names was not.
const (
	halving = `WITH RECURSIVE search(low, high) AS (
			SELECT ifnull(min(revision), 0) - 1, ifnull((SELECT max(revision) FROM journal), 0) + 1 FROM journal
			UNION ALL
			SELECT iif(` + before + `, (low + high) / 2, low), iif(` + before + `, high, (low + high) / 2)
			FROM search WHERE high - low > 1)
		SELECT high FROM search ORDER BY high - low LIMIT 1`
	before = "(SELECT at_millis FROM journal WHERE revision >= (low + high) / 2 ORDER BY revision LIMIT 1) < ?1"
)

// journalSource is where rows are read from: one of the indexes.
type journalSource struct {
	from     string
	walked   string // the column whose index it is
	revision string // as the index has it
}

const journalRows = `SELECT row.revision, row.seq, row.at_millis, row.actor, row.address, row.collection, row.doc_key,
	row.doc_before, row.doc_after FROM `

// The sources. Who wrote is indexed once for a revision, at its first row.
var (
	journalWhole = journalSource{from: journalRows + "journal AS row", revision: "row.revision"}
	journalByKey = journalSource{
		from: journalRows + "journal AS row INDEXED BY journal_document", walked: "doc_key", revision: "row.revision",
	}
	journalByCollection = journalSource{
		from: journalRows + "journal AS row INDEXED BY journal_collection", walked: "collection", revision: "row.revision",
	}
	journalByActor = journalSource{
		from:   journalRows + `journal AS wrote INDEXED BY journal_actor CROSS JOIN journal AS row ON row.revision = wrote.revision`,
		walked: "actor", revision: "wrote.revision",
	}
)

// source chooses what is walked: whatever has the fewest rows.
func (s *journalSearch) source() (journalSource, error) {
	switch {
	case s.Key != "":
		return journalByKey, nil
	case s.Collection != "" && s.Actor != "":
		byActor, err := s.count("actor = ? AND seq = 0", string(s.Actor))
		if err != nil {
			return journalSource{}, err
		}
		byCollection, err := s.count("collection = ?", s.Collection)
		if byActor < byCollection {
			return journalByActor, err
		}
		return journalByCollection, err
	case s.Collection != "":
		return journalByCollection, nil
	case s.Actor != "":
		return journalByActor, nil
	}
	return journalWhole, nil
}

// count counts the rows that meet a condition, as far as manyKeys.
func (s *journalSearch) count(condition, value string) (n int, err error) {
	err = scan(s.ctx, s.q, func(r *sql.Rows) error { return r.Scan(&n) },
		fmt.Sprintf("SELECT COUNT(*) FROM (SELECT 1 FROM journal WHERE %s AND revision >= ? AND revision < ? LIMIT %d)", condition, manyKeys),
		value, s.first, s.over)
	return n, err
}

// condition is all that rows have to meet, and what the walk begins and ends with.
func (s *journalSearch) condition(source journalSource) (string, []any) {
	var conditions []string
	var args []any
	add := func(condition string, values ...any) {
		conditions, args = append(conditions, condition), append(args, values...)
	}
	for _, of := range []struct{ column, value string }{
		{"doc_key", s.Key}, {"collection", s.Collection}, {"actor", string(s.Actor)},
	} {
		switch {
		case of.value == "":
		case of.column != source.walked:
			add("+row."+of.column+" = ?", of.value) // looked at, and no reason to take another index
		case source == journalByActor:
			add("wrote.actor = ? AND wrote.seq = 0", of.value)
		default:
			add("row."+of.column+" = ?", of.value)
		}
	}
	first, over := s.first, s.over
	switch {
	case s.after == JournalAt{}:
	case s.Newest:
		over = s.after.Revision + 1
		add("(row.revision, row.seq) < (?, ?)", s.after.Revision, s.after.Seq)
	default:
		first = s.after.Revision
		add("(row.revision, row.seq) > (?, ?)", s.after.Revision, s.after.Seq)
	}
	add(source.revision+" >= ? AND "+source.revision+" < ?", first, over)
	if !s.Since.IsZero() {
		add("row.at_millis >= ?", s.Since.UnixMilli())
	}
	if !s.Until.IsZero() {
		add("row.at_millis < ?", s.Until.UnixMilli())
	}
	return strings.Join(conditions, " AND "), args
}
