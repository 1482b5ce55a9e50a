package identity

import (
	"crypto/rand"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"
)

// checkUnique refuses what would make two accounts answer to one name, in the
// directory or among the accounts given; the number is that of the account that is
// one too many. A user id is exact, yet one that spells another account's e-mail
// would be a twin too.
func (tx *Tx) checkUnique(accounts []Account) (int, error) {
	var handles []Handle
	var emails, userIDs, folds []string
	for _, a := range accounts {
		handles = appendGiven(handles, a.Handle)
		emails = appendGiven(emails, string(a.Email))
		userIDs = appendGiven(userIDs, a.UserID)
		folds = appendGiven(folds, fold(a.UserID))
	}
	owners, err := tx.handleOwners(scopeAccount, handles)
	if err != nil {
		return 0, err
	}
	taken := map[string]map[string]string{} // by query, by value: whose it is
	for query, values := range map[string][]string{
		accountByEmail: distinct(append(folds, emails...)), accountByFold: emails, accountByUserID: userIDs,
	} {
		if taken[query], err = lookUp[string, string](tx, query, values); err != nil {
			return 0, err
		}
	}
	for i, a := range accounts {
		id := string(a.ID)
		if owner, is := owners[a.Handle]; is && a.Handle != "" && owner != id {
			return i, errHandleTaken
		}
		for _, name := range []struct{ field, query, value string }{
			{"email", accountByEmail, string(a.Email)},
			{"email", accountByFold, string(a.Email)},
			{"user_id", accountByUserID, a.UserID},
			{"user_id", accountByEmail, fold(a.UserID)},
		} {
			if owner, is := taken[name.query][name.value]; is && name.value != "" && owner != id {
				return i, fmt.Errorf("%s: %w", name.field, ErrExists)
			}
		}
		// Whoever comes after must not have these names either.
		owners[a.Handle], taken[accountByEmail][string(a.Email)] = id, id
		taken[accountByUserID][a.UserID], taken[accountByFold][userFold(a.UserID)] = id, id
	}
	return 0, nil
}

const (
	accountByEmail  = "SELECT email, id FROM accounts WHERE email IN (SELECT value FROM json_each(?))"
	accountByFold   = "SELECT user_fold, id FROM accounts WHERE user_fold IN (SELECT value FROM json_each(?))"
	accountByUserID = "SELECT user_id, id FROM accounts WHERE user_id IN (SELECT value FROM json_each(?))"
)

func appendGiven[T ~string](values []T, value T) []T {
	if value == "" {
		return values
	}
	return append(values, value)
}

// userFold is what an e-mail is compared with to find that it spells a user id.
func userFold(userID string) string {
	if !strings.Contains(userID, "@") {
		return ""
	}
	return fold(userID)
}

// newIDs gives out an identifier for each wanted one that is empty, and takes the
// others if nobody ever had them; the number is that of one which cannot be had.
func (tx *Tx) newIDs(field string, wanted []string) ([]string, int, error) {
	ids, given := slices.Clone(wanted), []string{}
	for i, id := range wanted {
		if id == "" {
			fresh, err := ulid.New(ulid.Timestamp(tx.dir.now()), rand.Reader)
			if err != nil {
				return nil, i, err
			}
			ids[i] = fresh.String()
			continue
		}
		if parsed, err := ulid.ParseStrict(id); err != nil || parsed.String() != id {
			return nil, i, invalid(field+" id", "must be an upper-case ULID")
		}
		given = append(given, id)
	}
	used := make(map[string]bool)
	for _, query := range []string{
		"SELECT id FROM accounts WHERE " + among("id"), "SELECT id FROM teams WHERE " + among("id"),
		"SELECT handle FROM handles WHERE scope = '" + scopeGone + "' AND " + among("handle"),
	} {
		err := scanAmong(tx, query, given, func(rows *sql.Rows) error {
			var id string
			err := rows.Scan(&id)
			used[id] = true
			return err
		})
		if err != nil {
			return nil, 0, err
		}
	}
	for i, id := range wanted {
		if id != "" && used[id] {
			return nil, i, fmt.Errorf("%s id: %w", field, ErrExists)
		}
		used[id] = true
	}
	return ids, 0, nil
}

var errHandleTaken = fmt.Errorf("handle: %w (handles are never given out twice)", ErrExists)

// handleOwners gives who has, or ever had, each of the handles that is taken.
func (tx *Tx) handleOwners(scope string, handles []Handle) (map[Handle]string, error) {
	owners := make(map[Handle]string)
	if len(handles) == 0 {
		return owners, nil
	}
	err := scan(tx.ctx, tx.q, func(rows *sql.Rows) error {
		var handle Handle
		var owner string
		err := rows.Scan(&handle, &owner)
		owners[handle] = owner
		return err
	}, "SELECT handle, owner FROM handles WHERE scope = ? AND "+among("handle"), scope, packKeys(tx, handles))
	return owners, translate("look up handles", err)
}
