package identity

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"math/rand/v2"
	"net/netip"
	"time"
)

// How long failed logins and the networks of successful ones are remembered, and how
// many of them.
const (
	failureMemory = 24 * time.Hour
	knownMemory   = 30 * 24 * time.Hour
	knownRefresh  = 24 * time.Hour // a known network is written down again no sooner
	maxFailures   = 100_000        // rows
	maxKnown      = 32             // networks of one login
	maxCount      = 1_000_000
	// clockSlack is how far ahead the time of a failure may be: a clock that was set
	// back must not lock anybody out until it has come round again.
	clockSlack = 15 * time.Minute
	// One failure in so many also clears up, at most so many rows at a time.
	clearEvery  = 64
	clearAtOnce = 1_000
)

// LoginKey is what failed logins are counted under: an account, however it was spelled,
// or a name that nobody has. It tells neither.
type LoginKey [sha256.Size]byte

// AccountLogin is the key of an account.
func AccountLogin(id AccountID) LoginKey { return sha256.Sum256([]byte("account\x00" + id)) }

// UnknownLogin is the key of a name that no account has, the same for all spellings
// that a reader would take for one.
func UnknownLogin(name string) LoginKey {
	return sha256.Sum256([]byte("name\x00" + LookAlike(name)))
}

// Failures are failed logins of late; Age is how long ago the last one was.
type Failures struct {
	Count int
	Age   time.Duration
}

// LoginFailures is what is remembered of one login, seen from one network.
type LoginFailures struct {
	Here  Failures // from that network
	All   Failures // from all networks together
	Known bool     // it has signed in from that network with success
}

// networkText is how a network is stored; "" is all of them together.
func networkText(network netip.Prefix) string {
	if !network.IsValid() {
		return "unknown"
	}
	return network.Masked().String()
}

// LoginFailures gives what is remembered. The zero network stands for one that is not
// known. Failed logins are counters beside the directory, without revision and journal;
// they outlive a restart.
func (d *Directory) LoginFailures(ctx context.Context, login LoginKey, network netip.Prefix) (LoginFailures, error) {
	pool, err := d.reader.DB()
	if err != nil {
		return LoginFailures{}, translate("read failed logins", err)
	}
	f, _, err := loginFailures(ctx, pool, d.now(), login, networkText(network))
	return f, translate("read failed logins", err)
}

// loginFailures also gives when the network was last written down as known.
func loginFailures(ctx context.Context, q querier, now time.Time, login LoginKey, network string) (f LoginFailures, known time.Time, err error) {
	const query = `SELECT 0, count, last_millis FROM failures WHERE login = ?1 AND network = ?2
		UNION ALL SELECT 1, count, last_millis FROM failures WHERE login = ?1 AND network = ''
		UNION ALL SELECT 2, 0, last_millis FROM known_networks WHERE login = ?1 AND network = ?2`
	err = scan(ctx, q, func(rows *sql.Rows) error {
		var what, count int
		var millis int64
		if err := rows.Scan(&what, &count, &millis); err != nil {
			return err
		}
		last := time.UnixMilli(millis)
		failures := Failures{Count: count, Age: max(0, now.Sub(last))}
		recent := failures.Age < failureMemory && !last.After(now.Add(clockSlack))
		switch {
		case what == 2 && now.Sub(last) < knownMemory:
			f.Known, known = true, last
		case what == 0 && recent:
			f.Here = failures
		case what == 1 && recent:
			f.All = failures
		}
		return nil
	}, query, login[:], network)
	return f, known, err
}

// LoginFailed counts one more failure. It is stored durably before it returns.
func (d *Directory) LoginFailed(ctx context.Context, login LoginKey, network netip.Prefix) error {
	const add = `INSERT INTO failures (login, network, count, last_millis) VALUES (?1, ?2, 1, ?3), (?1, '', 1, ?3)
		ON CONFLICT (login, network) DO UPDATE SET last_millis = excluded.last_millis, count = CASE
			WHEN failures.last_millis <= ?4 OR failures.last_millis > ?5 THEN 1
			ELSE MIN(failures.count + 1, ?6) END`
	now := d.now()
	return d.transact(ctx, d.writer, false, func(tx *Tx) error {
		return tx.change("count a failed login", func() error {
			err := tx.exec(add, login[:], networkText(network), now.UnixMilli(),
				now.Add(-failureMemory).UnixMilli(), now.Add(clockSlack).UnixMilli(), maxCount)
			if err != nil || rand.N(clearEvery) > 0 {
				return err
			}
			return tx.clearFailures(now, maxFailures)
		})
	})
}

// clearFailures forgets what is too old, and keeps the failures to so many rows: those
// with the smallest counts go first, and of them the oldest. Whoever makes up names to
// drive a counter out must make more rows as heavy as that one, each at the price of as
// many failures.
func (tx *Tx) clearFailures(now time.Time, most int) error {
	const (
		old = ` WHERE (login, network) IN (SELECT login, network FROM `
		by  = ` WHERE last_millis <= ?1 LIMIT ?2)`
	)
	for _, table := range []struct {
		name   string
		memory time.Duration
	}{{"failures", failureMemory}, {"known_networks", knownMemory}} {
		err := tx.exec("DELETE FROM "+table.name+old+table.name+by, now.Add(-table.memory).UnixMilli(), clearAtOnce)
		if err != nil {
			return err
		}
	}
	return tx.exec(`DELETE FROM failures WHERE (login, network) IN (SELECT login, network FROM failures
		ORDER BY count DESC, last_millis DESC LIMIT ?1 OFFSET ?2)`, clearAtOnce, most)
}

// LoginSucceeded forgets the failures of the login from that network and remembers that
// it has signed in from there. It writes only where that changes anything.
func (d *Directory) LoginSucceeded(ctx context.Context, login LoginKey, network netip.Prefix) error {
	pool, err := d.reader.DB()
	if err != nil {
		return translate("read failed logins", err)
	}
	now, where := d.now(), networkText(network)
	f, known, err := loginFailures(ctx, pool, now, login, where)
	if err != nil {
		return translate("read failed logins", err)
	}
	if f.Here.Count == 0 && f.Known && now.Sub(known) < knownRefresh {
		return nil
	}
	return d.transact(ctx, d.writer, false, func(tx *Tx) error {
		return tx.change("remember a login", func() error { return tx.welcome(now, login, where) })
	})
}

func (tx *Tx) welcome(now time.Time, login LoginKey, network string) error {
	for _, statement := range []struct {
		text string
		args []any
	}{
		{`UPDATE failures SET count = MAX(0, count - IFNULL((SELECT count FROM failures WHERE login = ?1 AND network = ?2), 0))
			WHERE login = ?1 AND network = ''`, []any{login[:], network}},
		{`DELETE FROM failures WHERE login = ?1 AND (network = ?2 OR network = '' AND count = 0)`, []any{login[:], network}},
		{`INSERT INTO known_networks (login, network, last_millis) VALUES (?1, ?2, ?3)
			ON CONFLICT (login, network) DO UPDATE SET last_millis = excluded.last_millis`, []any{login[:], network, now.UnixMilli()}},
		{`DELETE FROM known_networks WHERE login = ?1 AND network NOT IN (SELECT network FROM known_networks
			WHERE login = ?1 ORDER BY last_millis DESC, network LIMIT ?2)`, []any{login[:], maxKnown}},
	} {
		if err := tx.exec(statement.text, statement.args...); err != nil {
			return err
		}
	}
	return nil
}
