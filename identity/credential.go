package identity

import (
	"fmt"
	"regexp"
	"time"

	"gorm.io/gorm"
)

// revocationGrace is how long a revocation outlives the token it revokes, for
// clocks that run behind; forgetAtOnce is how many expired ones a new one
// sweeps away, so that the table stays as small as there are tokens.
const (
	revocationGrace = time.Hour
	forgetAtOnce    = 100
)

// hashPattern admits what password hashes are written in and no plain password
// with a blank or a line break.
var hashPattern = regexp.MustCompile(`^[!-~]+$`)

// SetPassword stores the hash of a password; expires zero is never. It is for
// people and services: an organisation cannot sign in.
func (tx *Tx) SetPassword(id AccountID, hash string, expires time.Time, mustChange bool) error {
	a, err := tx.Account(id)
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	switch {
	case a.Kind == Organisation:
		return fmt.Errorf("set password: %w", invalid("account", "an organisation cannot sign in"))
	case len(hash) > maxHash || !hashPattern.MatchString(hash):
		return fmt.Errorf("set password: %w", invalid("hash", "must have 1 to %d printable ASCII characters", maxHash))
	}
	return tx.change("set password", func() error {
		if err := tx.touch(CollectionPasswords, string(id)); err != nil {
			return err
		}
		var was passwordRow
		if err := tx.db.Where("account_id = ?", string(id)).Limit(1).Find(&was).Error; err != nil {
			return err
		}
		return tx.db.Clauses(upsert).Create(&passwordRow{
			AccountID: string(id), Hash: hash, Changed: seconds(tx.dir.now()), Expires: seconds(expires),
			MustChange: mustChange, Version: was.Version + 1,
		}).Error
	})
}

// Password gives what an account's password is checked against.
func (tx *Tx) Password(id AccountID) (Password, error) {
	var row passwordRow
	if err := tx.db.Where("account_id = ?", string(id)).Take(&row).Error; err != nil {
		return Password{}, translate("password", err)
	}
	return Password{Hash: row.Hash, Expires: moment(row.Expires), MustChange: row.MustChange}, nil
}

// RevokeToken revokes one token until it expires by itself.
func (tx *Tx) RevokeToken(jti string, id AccountID, expires time.Time) error {
	switch {
	case len(jti) > maxJTI || !tokenPattern.MatchString(jti):
		return fmt.Errorf("revoke token: %w", invalid("jti", "must have 1 to %d of letters, digits and ._:~-", maxJTI))
	case expires.Unix() <= 0:
		return fmt.Errorf("revoke token: %w", invalid("expires", "is needed"))
	}
	if _, err := tx.Account(id); err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	return tx.change("revoke token", func() error {
		if err := tx.touch(CollectionRevocations, jti); err != nil {
			return err
		}
		if err := tx.dropTokens([]string{jti}); err != nil {
			return err
		}
		err := tx.db.Clauses(upsert).Create(&revocationRow{
			JTI: jti, AccountID: string(id), Expires: seconds(expires),
		}).Error
		if err != nil {
			return err
		}
		return tx.forgetRevocations()
	})
}

func (tx *Tx) forgetRevocations() error {
	var expired []string
	err := tx.db.Model(&revocationRow{}).Where("expires < ?", seconds(tx.dir.now().Add(-revocationGrace))).
		Order("expires, jti").Limit(forgetAtOnce).Pluck("jti", &expired).Error
	if err != nil || len(expired) == 0 {
		return err
	}
	if err := tx.touch(CollectionRevocations, expired...); err != nil {
		return err
	}
	return tx.db.Where("jti IN ?", expired).Delete(&revocationRow{}).Error
}

// RevokeAccountTokens revokes every token that an account has been given.
func (tx *Tx) RevokeAccountTokens(id AccountID) error {
	if _, err := tx.Account(id); err != nil {
		return fmt.Errorf("revoke account tokens: %w", err)
	}
	return tx.change("revoke account tokens", func() error {
		if err := tx.touch(CollectionGenerations, string(id)); err != nil {
			return err
		}
		held, err := tx.tokensOf(id)
		if err != nil {
			return err
		}
		if err := tx.dropTokens(held); err != nil {
			return err
		}
		return tx.db.Model(&accountRow{}).Where("id = ?", string(id)).
			Update("generation", gorm.Expr("generation + 1")).Error
	})
}
