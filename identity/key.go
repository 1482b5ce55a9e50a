package identity

import (
	"encoding/json"
	"fmt"
)

const (
	maxKeyField = 64
	maxJWK      = 8 << 10
	maxSealed   = 16 << 10
)

// PutKey stores a signing key, or replaces the one with its KID.
func (tx *Tx) PutKey(k Key) error {
	public, err := tx.checkKey(k)
	if err != nil {
		return fmt.Errorf("put key: %w", err)
	}
	if k.Created.IsZero() {
		k.Created = tx.dir.now()
	}
	return tx.change("put key", func() error {
		if err := tx.touch(CollectionKeys, k.KID); err != nil {
			return err
		}
		return tx.db.Clauses(upsert).Create(&keyRow{
			KID: k.KID, Alg: k.Alg, KeyUse: k.Use, State: k.State, Public: string(public),
			Sealed: k.Sealed, CreatedAt: seconds(k.Created),
		}).Error
	})
}

// privateMembers of a JWK never belong into what is published.
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

func (tx *Tx) checkKey(k Key) (json.RawMessage, error) {
	if err := tx.writable(); err != nil {
		return nil, err
	}
	fields := []struct{ name, value string }{
		{"kid", k.KID}, {"alg", k.Alg}, {"use", k.Use}, {"state", k.State},
	}
	for _, field := range fields {
		if len(field.value) > maxKeyField || !tokenPattern.MatchString(field.value) {
			return nil, invalid(field.name, "must have 1 to %d of letters, digits and ._:~-", maxKeyField)
		}
	}
	if len(k.Sealed) > maxSealed {
		return nil, invalid("sealed", "is longer than %d bytes", maxSealed)
	}
	public, err := canonical("public", k.Public, maxJWK)
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(public, &members); err != nil {
		return nil, invalid("public", "must be one JSON object")
	}
	for _, name := range privateMembers {
		if _, has := members[name]; has {
			return nil, invalid("public", "holds the private member %q", name)
		}
	}
	return public, nil
}

// Keys gives every signing key, oldest first.
func (tx *Tx) Keys() ([]Key, error) {
	var rows []keyRow
	if err := tx.db.Order("created, kid").Find(&rows).Error; err != nil {
		return nil, translate("read keys", err)
	}
	keys := make([]Key, len(rows))
	for i, row := range rows {
		keys[i] = Key{
			KID: row.KID, Alg: row.Alg, Use: row.KeyUse, State: row.State,
			Public: json.RawMessage(row.Public), Sealed: row.Sealed, Created: moment(row.CreatedAt),
		}
	}
	return keys, nil
}

// Setting gives a setting of the installation, such as its token issuer. They
// are in the journal: no secret may be one.
func (tx *Tx) Setting(name string) (string, error) {
	var row settingRow
	if err := tx.db.Where("name = ?", name).Take(&row).Error; err != nil {
		return "", translate("setting "+name, err)
	}
	return row.Value, nil
}

// PutSetting sets a setting of the installation.
func (tx *Tx) PutSetting(name, value string) error {
	if err := tx.writable(); err != nil {
		return fmt.Errorf("put setting: %w", err)
	}
	switch {
	case !settingName.MatchString(name):
		return fmt.Errorf("put setting: %w", invalid("setting", "must have 1 to 63 of a-z, 0-9, '_' and '.', beginning with a letter"))
	case len(value) > maxSetting:
		return fmt.Errorf("put setting: %w", invalid(name, "is longer than %d bytes", maxSetting))
	}
	return tx.change("put setting", func() error {
		if err := tx.touch(CollectionSettings, name); err != nil {
			return err
		}
		return tx.db.Clauses(upsert).Create(&settingRow{Name: name, Value: value}).Error
	})
}
