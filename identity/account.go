package identity

import (
	"crypto/rand"
	"fmt"
	"iter"
	"strings"

	"github.com/oklog/ulid/v2"
)

// Scopes of the handles table. A team's handle is unique within its
// organisation; identifiers of what is gone are kept as well, since a token or a
// log may still name them.
const (
	scopeAccount = "account"
	scopeGone    = "gone"
)

func scopeTeam(organisation AccountID) string { return "team:" + string(organisation) }

// CreateAccount makes an account. Its ID is given out here, unless it brings
// one, as a restored account does: a ULID that was never in use. A handle is
// needed unless it is only invited. Roles and memberships are not taken from it.
func (tx *Tx) CreateAccount(a Account) (Account, error) {
	id, err := tx.newID("account", string(a.ID))
	if err != nil {
		return Account{}, fmt.Errorf("create account: %w", err)
	}
	a.ID, a.Generation, a.Created = AccountID(id), 1, moment(seconds(tx.dir.now()))
	a.Roles, a.Teams, a.Organisations = nil, map[TeamID]MemberRole{}, map[AccountID]MemberRole{}
	if err := tx.checkAccount(&a); err != nil {
		return Account{}, fmt.Errorf("create account: %w", err)
	}
	tx.touchNew(CollectionAccounts, id)
	tx.touchNew(CollectionGenerations, id)
	err = tx.change("create account", func() error {
		row := a.row()
		if err := tx.db.Create(&row).Error; err != nil {
			return err
		}
		return tx.takeHandle(scopeAccount, a.Handle, id)
	})
	return a, err
}

// UpdateAccount sets name, e-mail, user id and state of an account to those
// given. A handle may be given where there is none yet; kind and handle do not
// change after that, and nobody becomes invited again.
func (tx *Tx) UpdateAccount(a Account) error {
	was, err := tx.Account(a.ID)
	if err != nil {
		return fmt.Errorf("update account: %w", err)
	}
	if a.Kind == "" {
		a.Kind = was.Kind
	}
	if a.Handle == "" {
		a.Handle = was.Handle
	}
	a.Generation, a.Created = was.Generation, was.Created
	if err := tx.checkUpdate(was, &a); err != nil {
		return fmt.Errorf("update account: %w", err)
	}
	return tx.change("update account", func() error {
		if err := tx.touch(CollectionAccounts, string(a.ID)); err != nil {
			return err
		}
		row := a.row()
		if err := tx.db.Save(&row).Error; err != nil {
			return err
		}
		if was.Handle != "" {
			return nil
		}
		return tx.takeHandle(scopeAccount, a.Handle, string(a.ID))
	})
}

func (tx *Tx) checkUpdate(was Account, a *Account) error {
	handle := a.Handle
	if handle != "" {
		var err error
		if handle, err = NormalHandle(string(handle)); err != nil {
			return err
		}
	}
	switch {
	case a.Kind != was.Kind:
		return invalid("kind", "cannot be changed")
	case was.Handle != "" && handle != was.Handle:
		return invalid("handle", "cannot be changed")
	case a.State == Invited && was.State != Invited:
		return invalid("state", "an account that was %s cannot become invited", was.State)
	}
	return tx.checkAccount(a)
}

// checkAccount normalises the account and refuses it where it is not whole or
// not unique.
func (tx *Tx) checkAccount(a *Account) (err error) {
	if err := tx.writable(); err != nil {
		return err
	}
	switch a.Kind {
	case Person, Organisation, Service:
	default:
		return invalid("kind", "must be person, organisation or service")
	}
	switch a.State {
	case Invited, Active, Disabled:
	default:
		return invalid("state", "must be invited, active or disabled")
	}
	if a.Kind == Organisation && (a.Email != "" || a.UserID != "" || a.State == Invited) {
		return invalid("kind", "an organisation cannot sign in: it has neither e-mail nor user id and is not invited")
	}
	if a.Handle != "" {
		if a.Handle, err = NormalHandle(string(a.Handle)); err != nil {
			return err
		}
	} else if a.State == Active {
		return invalid("handle", "is needed by an active account")
	}
	if a.Email != "" {
		if a.Email, err = NormalEmail(string(a.Email)); err != nil {
			return err
		}
	}
	if err := validUserID(a.UserID); err != nil {
		return err
	}
	if err := validName(a.Name); err != nil {
		return err
	}
	if a.Handle == "" && a.Email == "" && a.UserID == "" {
		return invalid("handle", "an account needs a handle, an e-mail or a user id to be named by")
	}
	return tx.checkUnique(*a)
}

// checkUnique refuses what would make two accounts answer to one name. A user id
// is exact, yet one that spells another account's e-mail would be a twin too.
func (tx *Tx) checkUnique(a Account) error {
	if a.Handle != "" {
		if err := tx.freeHandle(scopeAccount, a.Handle, string(a.ID)); err != nil {
			return err
		}
	}
	names := []struct{ field, where, value string }{
		{"email", "email = ?", string(a.Email)},
		{"email", "user_fold = ?", string(a.Email)},
		{"user_id", "user_id = ?", a.UserID},
		{"user_id", "email = ?", fold(a.UserID)},
	}
	for _, name := range names {
		if name.value == "" {
			continue
		}
		n, err := tx.count(&accountRow{}, name.where+" AND id <> ?", name.value, string(a.ID))
		if err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf("%s: %w", name.field, ErrExists)
		}
	}
	return nil
}

func (a Account) row() accountRow {
	row := accountRow{
		ID: string(a.ID), Handle: text(a.Handle), Kind: string(a.Kind), State: string(a.State),
		Email: text(a.Email), UserID: text(a.UserID), Name: a.Name, Generation: a.Generation,
		CreatedAt: seconds(a.Created),
	}
	if strings.Contains(a.UserID, "@") {
		row.UserFold = text(fold(a.UserID))
	}
	return row
}

// RemoveAccount removes an account and everything that names it: bindings,
// ownerships, memberships, platform roles and password, and of an organisation
// its teams. Its handle and its ID are not given out again. It is ErrConflict
// where the account, or a team that goes with it, is the last owner of a
// namespace.
func (tx *Tx) RemoveAccount(id AccountID) error {
	a, err := tx.Account(id)
	if err != nil {
		return fmt.Errorf("remove account: %w", err)
	}
	teams, err := tx.strings(&teamRow{}, "id", "organisation_id = ?", string(id))
	if err != nil {
		return err
	}
	leaving := []Principal{AccountPrincipal(id)}
	for _, team := range teams {
		leaving = append(leaving, TeamPrincipal(TeamID(team)))
	}
	if err := tx.checkStillOwned(leaving); err != nil {
		return fmt.Errorf("remove account: %w", err)
	}
	return tx.change("remove account", func() error {
		if err := tx.removePrincipals(leaving); err != nil {
			return err
		}
		for _, team := range teams {
			if err := tx.dropTeam(TeamID(team)); err != nil {
				return err
			}
		}
		return tx.dropAccount(a)
	})
}

// dropAccount removes the rows of an account that is no principal any more.
func (tx *Tx) dropAccount(a Account) error {
	id := string(a.ID)
	members, err := tx.strings(&memberRow{}, "account_id", "organisation_id = ?", id)
	if err != nil {
		return err
	}
	touched := map[string][]string{
		CollectionAccounts: append(members, id), CollectionGenerations: {id}, CollectionPasswords: {id},
	}
	for _, name := range []string{CollectionAccounts, CollectionGenerations, CollectionPasswords} {
		if err := tx.touch(name, touched[name]...); err != nil {
			return err
		}
	}
	removals := []struct {
		row   any
		where string
	}{
		{&memberRow{}, "organisation_id = ?"}, {&memberRow{}, "account_id = ?"},
		{&teamMemberRow{}, "account_id = ?"}, {&platformRoleRow{}, "account_id = ?"},
		{&passwordRow{}, "account_id = ?"}, {&accountRow{}, "id = ?"},
	}
	for _, removal := range removals {
		if err := tx.db.Where(removal.where, id).Delete(removal.row).Error; err != nil {
			return err
		}
	}
	return tx.db.Create(&handleRow{Scope: scopeGone, Handle: id, Owner: id}).Error
}

// Account finds an account by its ID.
func (tx *Tx) Account(id AccountID) (Account, error) {
	accounts, err := loadAccounts(tx.ctx, tx.q, []string{string(id)})
	if err != nil {
		return Account{}, translate("read account", err)
	}
	if len(accounts) == 0 {
		return Account{}, fmt.Errorf("account: %w", ErrNotFound)
	}
	return accounts[0], nil
}

// AccountByHandle finds an account by any spelling of its handle.
func (tx *Tx) AccountByHandle(h Handle) (Account, error) {
	normal, err := NormalHandle(string(h))
	if err != nil {
		return Account{}, fmt.Errorf("account: %w", ErrNotFound)
	}
	return tx.accountWhere("handle = ?", string(normal))
}

// AccountByEmail finds an account by any spelling of its e-mail address.
func (tx *Tx) AccountByEmail(email string) (Account, error) {
	normal, err := NormalEmail(email)
	if err != nil {
		return Account{}, fmt.Errorf("account: %w", ErrNotFound)
	}
	return tx.accountWhere("email = ?", string(normal))
}

// AccountByUserID finds an account by its exact user id.
func (tx *Tx) AccountByUserID(id string) (Account, error) {
	if id == "" {
		return Account{}, fmt.Errorf("account: %w", ErrNotFound)
	}
	return tx.accountWhere("user_id = ?", id)
}

// FindAccount finds an account by e-mail, else by handle, else by user id.
func (tx *Tx) FindAccount(name string) (Account, error) {
	finders := []func() (Account, error){
		func() (Account, error) { return tx.AccountByEmail(name) },
		func() (Account, error) { return tx.AccountByHandle(Handle(name)) },
	}
	for _, find := range finders {
		if a, err := find(); !isNotFound(err) {
			return a, err
		}
	}
	return tx.AccountByUserID(name)
}

func (tx *Tx) accountWhere(where, value string) (Account, error) {
	ids, err := tx.strings(&accountRow{}, "id", where, value)
	if err != nil {
		return Account{}, err
	}
	if len(ids) == 0 {
		return Account{}, fmt.Errorf("account: %w", ErrNotFound)
	}
	return tx.Account(AccountID(ids[0]))
}

// Accounts yields every account, oldest first.
func (tx *Tx) Accounts() iter.Seq2[Account, error] {
	return pages(tx, CollectionAccounts, loadAccounts)
}

// newID gives out an identifier, or takes the one that was asked for if nobody
// ever had it.
func (tx *Tx) newID(field, wanted string) (string, error) {
	if wanted == "" {
		id, err := ulid.New(ulid.Timestamp(tx.dir.now()), rand.Reader)
		return id.String(), err
	}
	if id, err := ulid.ParseStrict(wanted); err != nil || id.String() != wanted {
		return "", invalid(field+" id", "must be an upper-case ULID")
	}
	used := []struct {
		row   any
		where string
	}{
		{&accountRow{}, "id = ?"}, {&teamRow{}, "id = ?"},
		{&handleRow{}, "scope = '" + scopeGone + "' AND handle = ?"},
	}
	for _, by := range used {
		n, err := tx.count(by.row, by.where, wanted)
		if err != nil {
			return "", err
		}
		if n > 0 {
			return "", fmt.Errorf("%s id: %w", field, ErrExists)
		}
	}
	return wanted, nil
}

// freeHandle refuses a handle that somebody else has or ever had.
func (tx *Tx) freeHandle(scope string, h Handle, owner string) error {
	n, err := tx.count(&handleRow{}, "scope = ? AND handle = ? AND owner <> ?", scope, string(h), owner)
	if err != nil {
		return err
	}
	if n > 0 {
		return fmt.Errorf("handle: %w (handles are never given out twice)", ErrExists)
	}
	return nil
}

func (tx *Tx) takeHandle(scope string, h Handle, owner string) error {
	if h == "" {
		return nil
	}
	return tx.db.Create(&handleRow{Scope: scope, Handle: string(h), Owner: owner}).Error
}
