package identity

import (
	"database/sql"
	"net/netip"
	"reflect"
	"testing"
	"time"
	"unicode/utf8"
)

func TestLookAlikes_stand_above_what_they_look_like(t *testing.T) {
	if above, below := utf8.RuneCountInString(lookAlikes), utf8.RuneCountInString(lookedAtAs); above != below || len(latin) != above {
		t.Errorf("%d look-alikes above %d letters make a table of %d", above, below, len(latin))
	}
	for r, as := range latin {
		if r < utf8.RuneSelf || as < 'a' || as > 'z' {
			t.Errorf("%q looks like %q?", r, as)
		}
	}
}

func TestFailures_that_are_too_many_go_by_weight_and_age(t *testing.T) {
	d := openInternal(t)
	now := d.now()
	rows := []struct {
		login string
		count int
		ago   time.Duration
	}{{"heavy", 9, time.Hour}, {"light", 1, time.Second}, {"old", 1, 23 * time.Hour}, {"expired", 1_000, 25 * time.Hour}, {"middling", 2, 22 * time.Hour}}
	for _, r := range rows {
		err := d.writer.Exec("INSERT INTO failures VALUES (CAST(? AS BLOB), 'n', ?, ?)", r.login, r.count, now.Add(-r.ago).UnixMilli()).Error
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		most int
		want []string
	}{{100, []string{"heavy", "light", "middling", "old"}}, {3, []string{"heavy", "light", "middling"}}, {1, []string{"heavy"}}} {
		if err := d.transact(t.Context(), d.writer, false, func(tx *Tx) error { return tx.clearFailures(now, step.most) }); err != nil {
			t.Fatal(err)
		}
		if got := storedLogins(t, d); !reflect.DeepEqual(got, step.want) {
			t.Errorf("at most %d: got %q, want %q", step.most, got, step.want)
		}
	}
}

func storedLogins(t *testing.T, d *Directory) (logins []string) {
	t.Helper()
	pool, err := d.writer.DB()
	if err != nil {
		t.Fatal(err)
	}
	err = scan(t.Context(), pool, func(rows *sql.Rows) error {
		var login []byte
		err := rows.Scan(&login)
		logins = append(logins, string(login))
		return err
	}, "SELECT login FROM failures ORDER BY login")
	if err != nil {
		t.Fatal(err)
	}
	return logins
}

// A table that is full is kept in bounds by the failures that are counted, and what
// weighs more than the newcomers stays.
func TestFailures_stay_bounded_while_names_are_made_up(t *testing.T) {
	d := openInternal(t)
	here := netip.MustParsePrefix("192.0.2.1/32")
	alice := AccountLogin("01ALICE")
	for range 3 {
		if err := d.LoginFailed(t.Context(), alice, here); err != nil {
			t.Fatal(err)
		}
	}
	err := d.writer.Exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO failures SELECT CAST('made up ' || i AS BLOB), 'n', 1, ? FROM n`, maxFailures+100, d.now().UnixMilli()).Error
	if err != nil {
		t.Fatal(err)
	}
	// One in clearEvery clears up: that none of 2,000 does has a chance of 1 in 10^13.
	stored := func() (n int) {
		if err := d.reader.Raw("SELECT COUNT(*) FROM failures").Scan(&n).Error; err != nil {
			t.Fatal(err)
		}
		return n
	}
	for range 2_000 {
		if stored() <= maxFailures {
			break
		}
		if err := d.LoginFailed(t.Context(), UnknownLogin("nobody"), here); err != nil {
			t.Fatal(err)
		}
	}
	if got := stored(); got > maxFailures {
		t.Errorf("%d rows, want at most %d", got, maxFailures)
	}
	f, err := d.LoginFailures(t.Context(), alice, here)
	if err != nil || f.Here.Count != 3 || f.All.Count != 3 {
		t.Errorf("of alice is left %+v, %v, want 3 failures", f, err)
	}
}

// The statements that every login waits for must find their rows by an index.
func TestFailures_are_found_without_a_scan(t *testing.T) {
	d := openInternal(t)
	for name, query := range map[string]string{
		"expired":  "SELECT login FROM failures WHERE last_millis <= 1 LIMIT 1",
		"lightest": "SELECT login, network FROM failures ORDER BY count DESC, last_millis DESC LIMIT 1 OFFSET 5",
		"one":      "SELECT count FROM failures WHERE login = x'00' AND network = ''",
	} {
		var plan []struct{ Detail string }
		if err := d.reader.Raw("EXPLAIN QUERY PLAN " + query).Scan(&plan).Error; err != nil {
			t.Fatal(err)
		}
		for _, step := range plan {
			if step.Detail == "SCAN failures" || step.Detail == "USE TEMP B-TREE FOR ORDER BY" {
				t.Errorf("%s: %s", name, step.Detail)
			}
		}
	}
}
