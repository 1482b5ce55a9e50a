package identity

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// Token is what the directory keeps of a token that was given out: everything but the
// token itself. It is kept until the token expires or is revoked.
type Token struct {
	JTI     string
	Account AccountID
	Kind    string // of token.Claims
	Name    string // what its holder calls it
	Scopes  []string
	Issued  time.Time
	Expires time.Time
}

// TokenDocument is a token that was given out, for the journal.
type TokenDocument struct {
	Account AccountID `json:"account"`
	Expires int64     `json:"expires"`
	Issued  int64     `json:"issued"`
	Kind    string    `json:"kind"`
	Name    string    `json:"name,omitempty"`
	Scopes  []string  `json:"scopes"`
}

const (
	maxTokens = 1000 // of one account, of logins and others each
	maxScopes = 50
	// loginToken is the kind of token that signing in gives.
	loginToken = "access"
)

// PutToken keeps a token that is about to be given out. An account has at most 1,000 that
// came from logins, where the oldest is revoked to make room, and at most 1,000 others,
// where one more is an InvalidError. Expired ones do not count.
func (tx *Tx) PutToken(t Token) error {
	if err := tx.checkToken(t); err != nil {
		return fmt.Errorf("put token: %w", err)
	}
	if err := tx.forgetTokens(); err != nil {
		return err
	}
	if err := tx.roomForToken(t.Account, t.Kind); err != nil {
		return fmt.Errorf("put token: %w", err)
	}
	scopes, err := encode(append([]string{}, t.Scopes...))
	if err != nil {
		return err
	}
	return tx.change("put token", func() error {
		tx.touchNew(CollectionTokens, t.JTI)
		return tx.insert(insertTokens, []row{{
			t.JTI, string(t.Account), t.Kind, t.Name, string(scopes), seconds(t.Issued), seconds(t.Expires),
		}})
	})
}

var insertTokens = insertInto("tokens", "", "jti", "account_id", "kind", "name", "scopes", "issued", "expires")

func (tx *Tx) checkToken(t Token) error {
	if err := tx.writable(); err != nil {
		return err
	}
	switch {
	case len(t.JTI) > maxJTI || !tokenPattern.MatchString(t.JTI):
		return invalid("jti", "must have 1 to %d of letters, digits and ._:~-", maxJTI)
	case !rolePattern.MatchString(t.Kind):
		return invalid("kind", "must be one word")
	case t.Expires.Unix() <= 0:
		return invalid("expires", "is needed")
	case len(t.Scopes) > maxScopes:
		return invalid("scopes", "more than %d", maxScopes)
	}
	for _, scope := range t.Scopes {
		if len(scope) > 2*maxJTI || !tokenPattern.MatchString(scope) {
			return invalid("scopes", "one holds other characters than letters, digits and ._:~-")
		}
	}
	holder, err := tx.Account(t.Account)
	if err != nil {
		return err
	}
	if holder.Kind == Organisation {
		return invalid("account", "an organisation has no tokens")
	}
	return validName(t.Name)
}

// forgetTokens sweeps away some that have expired.
func (tx *Tx) forgetTokens() error {
	var expired []string
	err := scan(tx.ctx, tx.q, func(rows *sql.Rows) error {
		var jti string
		err := rows.Scan(&jti)
		expired = append(expired, jti)
		return err
	}, expiredTokens, seconds(tx.dir.now()), forgetAtOnce)
	if err != nil || len(expired) == 0 {
		return translate("forget tokens", err)
	}
	return tx.dropTokens(expired)
}

func (tx *Tx) dropTokens(ids []string) error {
	return tx.change("drop tokens", func() error {
		if err := tx.touch(CollectionTokens, ids...); err != nil {
			return err
		}
		return deleteAmong(tx, "tokens", "jti", ids)
	})
}

// roomForToken sees to it that one more token fits. Those of logins and the others do not
// take room from each other: a program that signs in over and over must not end what
// somebody keeps, nor a drawer full of tokens end signing in. It is a part of each login,
// so it looks at no more than a stretch of one index, however much the account holds.
func (tx *Tx) roomForToken(account AccountID, kind string) error {
	count := countOtherTokens
	if kind == loginToken {
		count = countLoginTokens
	}
	held, now := 0, seconds(tx.dir.now())
	err := scan(tx.ctx, tx.q, func(rows *sql.Rows) error { return rows.Scan(&held) }, count, string(account), loginToken, now, maxTokens)
	switch {
	case err != nil:
		return translate("count tokens", err)
	case held < maxTokens:
		return nil
	case kind != loginToken:
		return invalid("account", "has %d tokens already: revoke one", maxTokens)
	}
	var jti string
	var expires int64
	err = scan(tx.ctx, tx.q, func(rows *sql.Rows) error { return rows.Scan(&jti, &expires) }, oldestLoginToken, string(account), loginToken, now)
	if err != nil {
		return translate("find oldest token", err)
	}
	return tx.RevokeToken(jti, account, moment(expires))
}

const (
	expiredTokens    = "SELECT jti FROM tokens WHERE expires < ? ORDER BY expires, jti LIMIT ?"
	countLoginTokens = "SELECT COUNT(*) FROM (SELECT 1 FROM tokens WHERE account_id = ? AND kind = ? AND expires > ? LIMIT ?)"
	countOtherTokens = "SELECT COUNT(*) FROM (SELECT 1 FROM tokens WHERE account_id = ? AND kind <> ? AND expires > ? LIMIT ?)"
	oldestLoginToken = "SELECT jti, expires FROM tokens WHERE account_id = ? AND kind = ? AND expires > ? ORDER BY issued, jti LIMIT 1"
)

// Token finds a token that was given out and neither expired nor was revoked.
func (tx *Tx) Token(jti string) (Token, error) {
	found, _, err := tx.tokens("jti = ? AND expires > ?", Page{}, jti, seconds(tx.dir.now()))
	if err != nil {
		return Token{}, err
	}
	if len(found) == 0 {
		return Token{}, fmt.Errorf("token: %w", ErrNotFound)
	}
	return found[0], nil
}

// RenameToken changes what a token is called.
func (tx *Tx) RenameToken(jti, name string) error {
	if _, err := tx.Token(jti); err != nil {
		return fmt.Errorf("rename token: %w", err)
	}
	if err := validName(name); err != nil {
		return fmt.Errorf("rename token: %w", err)
	}
	return tx.change("rename token", func() error {
		if err := tx.touch(CollectionTokens, jti); err != nil {
			return err
		}
		return tx.exec("UPDATE tokens SET name = ? WHERE jti = ?", name, jti)
	})
}

// ListTokens gives a page of the account's tokens by JTI, and the key of the next page.
func (tx *Tx) ListTokens(account AccountID, p Page) (page []Token, next string, err error) {
	return tx.tokens("account_id = ? AND jti > ? AND expires > ? ORDER BY jti", p, string(account), p.After, seconds(tx.dir.now()))
}

func (tx *Tx) tokens(condition string, p Page, args ...any) (page []Token, next string, err error) {
	err = scan(tx.ctx, tx.q, func(rows *sql.Rows) error {
		var t Token
		var scopes string
		var issued, expires int64
		if err := rows.Scan(&t.JTI, &t.Account, &t.Kind, &t.Name, &scopes, &issued, &expires); err != nil {
			return err
		}
		t.Issued, t.Expires = moment(issued), moment(expires)
		page = append(page, t)
		return json.Unmarshal([]byte(scopes), &page[len(page)-1].Scopes)
	}, "SELECT jti, account_id, kind, name, scopes, issued, expires FROM tokens WHERE "+condition+fmt.Sprintf(" LIMIT %d", p.limit()+1), args...)
	if err != nil {
		return nil, "", translate("read tokens", err)
	}
	return cut(page, p, func(t Token) string { return t.JTI })
}

// tokensOf are the ids of all tokens of an account.
func (tx *Tx) tokensOf(account AccountID) (ids []string, err error) {
	err = scan(tx.ctx, tx.q, func(rows *sql.Rows) error {
		var jti string
		err := rows.Scan(&jti)
		ids = append(ids, jti)
		return err
	}, "SELECT jti FROM tokens WHERE account_id = ? ORDER BY jti", string(account))
	return ids, translate("read tokens", err)
}

func tokenRowDocument(rows *sql.Rows) (jti string, document any, err error) {
	var doc TokenDocument
	var scopes string
	if err := rows.Scan(&jti, &doc.Account, &doc.Kind, &doc.Name, &scopes, &doc.Issued, &doc.Expires); err != nil {
		return "", nil, err
	}
	return jti, doc, json.Unmarshal([]byte(scopes), &doc.Scopes)
}
