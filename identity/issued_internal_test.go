package identity

import (
	"database/sql"
	"strings"
	"testing"
)

func TestTokens_are_counted_and_chosen_on_one_index(t *testing.T) {
	d := openInternal(t)
	for query, want := range map[string]string{
		countLoginTokens: "SEARCH tokens USING COVERING INDEX tokens_room (account_id=? AND kind=?)",
		countOtherTokens: "SEARCH tokens USING COVERING INDEX tokens_room (account_id=?)",
		oldestLoginToken: "SEARCH tokens USING COVERING INDEX tokens_room (account_id=? AND kind=?)",
		expiredTokens:    "SEARCH tokens USING COVERING INDEX tokens_expires (expires<?)",
	} {
		var steps []string
		err := d.Read(t.Context(), func(tx *Tx) error {
			return scan(tx.ctx, tx.q, func(rows *sql.Rows) error {
				var id, parent, unused int
				var step string
				err := rows.Scan(&id, &parent, &unused, &step)
				if step != "CO-ROUTINE (subquery-1)" && step != "SCAN (subquery-1)" { // what is counted is no more than the limit
					steps = append(steps, step)
				}
				return err
			}, "EXPLAIN QUERY PLAN "+query, []any{"a", "access", 1, 1000}[:strings.Count(query, "?")]...)
		})
		if got := strings.Join(steps, "; "); err != nil || got != want {
			t.Errorf("%s:\n got %s, %v\nwant %s", query, got, err, want)
		}
	}
}
