package identity

import (
	"errors"
	"fmt"
	"iter"
	"slices"
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
	created, err := tx.CreateAccounts([]Account{a})
	if err != nil {
		return Account{}, one(err)
	}
	return created[0], nil
}

// CreateAccounts makes accounts as [Tx.CreateAccount] makes one, all of them or,
// with an [ItemError], none.
func (tx *Tx) CreateAccounts(accounts []Account) ([]Account, error) {
	created := slices.Clone(accounts)
	if err := tx.checkNew(created); err != nil {
		return nil, err
	}
	rows, handles := make([]row, len(created)), make([]row, 0, len(created))
	for i, a := range created {
		rows[i] = a.row()
		if a.Handle != "" {
			handles = append(handles, row{scopeAccount, string(a.Handle), string(a.ID)})
		}
		tx.touchMade(CollectionAccounts, string(a.ID), a.record().appendTo(nil))
		tx.touchMade(CollectionGenerations, string(a.ID), appendGeneration(nil, a.Generation))
	}
	return created, tx.change("create account", func() error {
		if err := tx.insert(insertAccounts, rows); err != nil {
			return err
		}
		return tx.insert(insertHandles, handles)
	})
}

// checkNew gives accounts their IDs and normal names, and refuses those that are
// not whole or not unique, among each other too.
func (tx *Tx) checkNew(accounts []Account) error {
	refused := func(i int, err error) error {
		return &ItemError{Item: i, Err: fmt.Errorf("create account: %w", err)}
	}
	if err := tx.writable(); err != nil {
		return refused(0, err)
	}
	wanted := make([]string, len(accounts))
	for i := range accounts {
		wanted[i] = string(accounts[i].ID)
	}
	ids, item, err := tx.newIDs("account", wanted)
	if err != nil {
		return refused(item, err)
	}
	created := moment(seconds(tx.dir.now()))
	for i := range accounts {
		a := &accounts[i]
		a.ID, a.Generation, a.Created = AccountID(ids[i]), 1, created
		a.Roles, a.Teams, a.Organisations = nil, map[TeamID]MemberRole{}, map[AccountID]MemberRole{}
		if err := a.normalise(); err != nil {
			return refused(i, err)
		}
	}
	if item, err := tx.checkUnique(accounts); err != nil {
		return refused(item, err)
	}
	return nil
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
		if err := tx.insert(replaceAccounts, []row{a.row()}); err != nil {
			return err
		}
		if was.Handle != "" || a.Handle == "" {
			return nil
		}
		return tx.insert(insertHandles, []row{{scopeAccount, string(a.Handle), string(a.ID)}})
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
	if err := tx.writable(); err != nil {
		return err
	}
	if err := a.normalise(); err != nil {
		return err
	}
	_, err := tx.checkUnique([]Account{*a})
	return err
}

// normalise brings the names of an account into the spelling that the directory
// keeps, and refuses an account that is not whole.
func (a *Account) normalise() (err error) {
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
	return nil
}

func (a Account) row() row {
	return row{
		string(a.ID), orNull(a.Handle), string(a.Kind), string(a.State), orNull(a.Email), orNull(a.UserID),
		orNull(userFold(a.UserID)), a.Name, a.Generation, seconds(a.Created),
	}
}

var (
	accountColumns = []string{"id", "handle", "kind", "state", "email", "user_id", "user_fold", "name", "generation", "created"}
	insertAccounts = insertInto("accounts", "", accountColumns...)
	// What names an account refers to its row, so the row is changed, not replaced.
	replaceAccounts = insertInto("accounts", `ON CONFLICT (id) DO UPDATE SET handle = excluded.handle, kind = excluded.kind,
		state = excluded.state, email = excluded.email, user_id = excluded.user_id, user_fold = excluded.user_fold,
		name = excluded.name, generation = excluded.generation, created = excluded.created`, accountColumns...)
	insertHandles = insertInto("handles", "", "scope", "handle", "owner")
)

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
	held, err := tx.tokensOf(a.ID)
	if err != nil {
		return err
	}
	if err := errors.Join(tx.dropTokens(held), tx.dropIdentities("account_id = ?", id)); err != nil {
		return err
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
