package identity

import (
	"cmp"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// Lists are read a page at a time, in the order of a key that does not change: what is
// there from the first page to the last is seen exactly once, whatever others write.
//
// A page costs about what stands on it, however large the directory is. It is found by
// walking an index that has the keys of one condition in their order; the other
// conditions are looked up for each key on the way. No filter that chooses few of many
// reads a whole table, and what is sorted is never more than manyKeys.

// Page asks for a part of a list: at most Limit entries (never more than 1,000) behind
// the key After, "" = from the beginning.
type Page struct {
	After string
	Limit int
}

const (
	maxPage = 1000
	// manyKeys is as far as keys are counted to find which condition chooses fewer.
	manyKeys = 4096
	// walksAtOnce are merged by one statement.
	walksAtOnce = 50
)

func (p Page) limit() int {
	if p.Limit < 1 || p.Limit > maxPage {
		return maxPage
	}
	return p.Limit
}

// cut takes the one entry away that says there are more.
func cut[T any](entries []T, p Page, key func(T) string) (page []T, next string, err error) {
	if len(entries) <= p.limit() {
		return entries, "", nil
	}
	page = entries[:p.limit()]
	return page, key(page[len(page)-1]), nil
}

// walk is a part of an index, in which keys stand in their order.
type walk struct {
	from   string // table
	key    string // the column by which the list is ordered
	id     string // the column by which other conditions are looked up; "" = key
	where  string // what has the part of the index, if not all of it
	args   []any
	sorted bool // the keys stand in another order and have to be sorted
}

// condition is what a filter asks for in one of its fields: a key meets it that is found
// on any of the walks.
type condition struct {
	walks []walk
	// check is SQL that says of one key, written %s, whether it meets the condition.
	check string
	args  []any
	// single: there is at most one such key.
	single bool
}

// keys are a list of keys that meet all of the conditions, of which there is at least
// one. Where two choose as many the first is walked.
type keys struct {
	prefix     string // with which the key begins; keys are lower-case ASCII
	conditions []condition
}

// page reads one page of keys, and the key to go on behind.
func (k keys) page(tx *Tx, p Page) (page []string, next string, err error) {
	walked, err := k.walked(tx, p)
	if err != nil {
		return nil, "", translate("list", err)
	}
	limit := p.limit() + 1
	for walks := range slices.Chunk(k.conditions[walked].walks, walksAtOnce) {
		query, args := k.query(walks, walked, p)
		// A key that several walks find is one: UNION drops the others.
		err := scan(tx.ctx, tx.q, func(rows *sql.Rows) error {
			var key string
			err := rows.Scan(&key)
			page = append(page, key)
			return err
		}, query+fmt.Sprintf(" ORDER BY 1 LIMIT %d", limit), args...)
		if err != nil {
			return nil, "", translate("list", err)
		}
	}
	if len(k.conditions[walked].walks) > walksAtOnce {
		slices.Sort(page)
		page = slices.Compact(page)
		page = page[:min(len(page), limit)]
	}
	return cut(page, p, func(key string) string { return key })
}

// query gives the keys on some walks of the condition that is walked.
func (k keys) query(walks []walk, walked int, p Page) (string, []any) {
	parts, args := make([]string, len(walks)), []any(nil)
	for i, w := range walks {
		condition, values := w.between(k.prefix, p.After)
		parts[i], args = "SELECT "+w.key+" FROM "+w.from+" WHERE "+condition, append(args, values...)
		for j, c := range k.conditions {
			if j == walked {
				continue
			}
			id := cmp.Or(w.id, w.key)
			if !strings.Contains(id, ".") { // else the tables of the check would answer to it
				id = w.from + "." + id
			}
			// +: what bounds the keys of the walk would seem to bound those that are checked,
			// and be looked up instead of the one key.
			parts[i] += " AND " + strings.ReplaceAll(c.check, "%s", "+"+id)
			args = append(args, c.args...)
		}
	}
	return strings.Join(parts, " UNION "), args
}

// between is the condition that a walk finds a key which begins with the prefix and
// comes after another.
func (w walk) between(prefix, after string) (string, []any) {
	conditions, args := []string{w.key + " > ?"}, append(slices.Clone(w.args), after)
	if prefix != "" && after < prefix {
		conditions[0], args[len(args)-1] = w.key+" >= ?", prefix
	}
	if w.where != "" {
		conditions = slices.Insert(conditions, 0, w.where)
	}
	if prefix != "" {
		conditions, args = append(conditions, w.key+" < ?"), append(args, prefix+"~")
	}
	return strings.Join(conditions, " AND "), args
}

// walked chooses the condition to walk: the one with the fewest keys.
func (k keys) walked(tx *Tx, p Page) (int, error) {
	for i, c := range k.conditions {
		if c.single || len(k.conditions) == 1 {
			return i, nil
		}
	}
	walked, fewest := 0, 0
	for i, c := range k.conditions {
		n, err := k.count(tx, c, p)
		if err != nil {
			return 0, err
		}
		if i == 0 || n < fewest {
			walked, fewest = i, n
		}
	}
	return walked, nil
}

// count counts the keys that a condition leaves to the page and those after it, as far
// as manyKeys.
func (k keys) count(tx *Tx, c condition, p Page) (n int, err error) {
	for walks := range slices.Chunk(c.walks, walksAtOnce) {
		parts, args := make([]string, len(walks)), []any(nil)
		for i, w := range walks {
			condition, values := w.where, w.args
			if !w.sorted { // else all of them would be read for those in between
				condition, values = w.between(k.prefix, p.After)
			}
			parts[i], args = "SELECT 1 FROM "+w.from+" WHERE "+condition, append(args, values...)
		}
		err := scan(tx.ctx, tx.q, func(rows *sql.Rows) error {
			var some int
			err := rows.Scan(&some)
			n += some
			return err
		}, fmt.Sprintf("SELECT COUNT(*) FROM (%s LIMIT %d)", strings.Join(parts, " UNION ALL "), manyKeys), args...)
		if err != nil || n >= manyKeys {
			return manyKeys, err
		}
	}
	return n, nil
}
