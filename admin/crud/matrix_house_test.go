package crud_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

// strangers are what the callers of the matrix have no part in: zoe and her organisation
// globex with the team ops, in which hugo is a member, and her namespace attic. No answer
// to anybody but root may name them.
var strangers = map[string]string{
	"zoe": "01J00000000000000000000Z0E", "hugo": "01J0000000000000000000H6G0",
	"globex": "01J00000000000000000G10BEX", "ops": "01J000000000000000000TE0PS",
	"zoes": "ZOES-LAPTOP", "attic": "attic",
}

// newcomers are mae, who is in acme and not in its team, and a uid that nobody has.
var newcomers = map[string]string{"mae": "01J00000000000000000000MAE", "fresh": "01J00000000000000000000NEW", "bobs": "BOBS-LAPTOP"}

// oldPassword is bob's.
const oldPassword = "the one before"

// matrixHouse is a house with everything that the rows of the matrix name, and a token
// of each caller.
type matrixHouse struct {
	*house
	tokens map[string]string
	copied string // a folder from which further houses of the same state are made
}

func newMatrixHouse(tb testing.TB) *matrixHouse {
	tb.Helper()
	data, copied := filepath.Join(tb.TempDir(), "data"), tb.TempDir()
	h := &matrixHouse{house: newHouse(tb, admintest.Data(data)), tokens: map[string]string{"": ""}, copied: copied}
	h.learn(strangers)
	h.learn(newcomers)
	h.Write(h.settleStrangers)
	for _, caller := range callers[1:] {
		h.tokens[caller.name] = h.signedIn(caller.name)
	}
	secret, err := os.ReadFile(filepath.Join(data, "secret.key"))
	if err == nil {
		err = os.WriteFile(filepath.Join(copied, "secret.key"), secret, 0o600)
	}
	if err = errors.Join(err, h.Directory.Backup(context.Background(), filepath.Join(copied, "gatehouse.db"))); err != nil {
		tb.Fatal(err)
	}
	return h
}

// another is a house of its own in the state in which h was new. h must not be used
// any more.
func (h *matrixHouse) another(tb testing.TB) *matrixHouse {
	tb.Helper()
	data := filepath.Join(tb.TempDir(), "data")
	if err := os.CopyFS(data, os.DirFS(h.copied)); err != nil {
		tb.Fatal(err)
	}
	twin := &matrixHouse{house: openHouse(tb, admintest.Data(data), admintest.Heir(h.Gate)), tokens: h.tokens}
	twin.learn(strangers)
	twin.learn(newcomers)
	twin.serve()
	return twin
}

func (h *matrixHouse) settleStrangers(tx *identity.Tx) error {
	hash, err := h.passwords().Hash(context.Background(), oldPassword)
	if err != nil {
		return err
	}
	for name, kind := range map[string]identity.Kind{
		"zoe": identity.Person, "hugo": identity.Person, "mae": identity.Person, "globex": identity.Organisation,
	} {
		a := identity.Account{ID: h.id(name), Handle: identity.Handle(name), Kind: kind, State: identity.Active, Name: name}
		if _, err := tx.CreateAccount(a); err != nil {
			return err
		}
	}
	ops := identity.Team{ID: identity.TeamID(h.uids["ops"]), Organisation: h.id("globex"), Handle: "ops"}
	if _, err := tx.CreateTeam(ops); err != nil {
		return err
	}
	zoe, hugo := identity.AccountPrincipal(h.id("zoe")), identity.AccountPrincipal(h.id("hugo"))
	return errors.Join(
		tx.PutMember(h.id("acme"), h.id("mae"), identity.Member),
		tx.PutMember(h.id("globex"), h.id("zoe"), identity.Owner),
		tx.PutMember(h.id("globex"), h.id("hugo"), identity.Member),
		tx.PutTeamMember(ops.ID, h.id("zoe"), identity.Owner),
		tx.PutTeamMember(ops.ID, h.id("hugo"), identity.Member),
		tx.PutNamespace(identity.Namespace{Name: "attic", Owners: []identity.Principal{zoe}}),
		tx.PutBinding(identity.Binding{Namespace: "attic", Principal: hugo, Role: identity.View}),
		tx.GrantPlatformRole(h.id("zoe"), "auditor"),
		tx.SetPassword(h.id("bob"), hash, time.Time{}, false),
		h.settleAt(tx, "zoe"), h.settleAt(tx, "bob"),
	)
}

// settleAt gives somebody an identity at corp and a token.
func (h *matrixHouse) settleAt(tx *identity.Tx, name string) error {
	return errors.Join(
		tx.PutIdentity(identity.LinkedIdentity{Account: h.id(name), Issuer: corp.URL, Subject: name}),
		tx.PutToken(identity.Token{
			JTI: h.uids[name+"s"], Account: h.id(name), Kind: token.KindPersonal, Name: "laptop", Issued: today, Expires: today.Add(time.Hour),
		}),
	)
}

// revision is what the directory stands at.
func (h *house) revision() (revision uint64) {
	h.tb.Helper()
	err := h.Directory.Read(context.Background(), func(tx *identity.Tx) (err error) {
		revision, err = tx.Revision()
		return err
	})
	if err != nil {
		h.tb.Fatal(err)
	}
	return revision
}

// ask sends the request of a row as a caller.
func (h *matrixHouse) ask(caller string, r row) answer {
	h.tb.Helper()
	c := contents[r.content]
	return h.do(h.tokens[caller], r.method, r.path, c.body, c.with...)
}

// check compares an answer with what the row says, and with what holds for all of them.
func (h *matrixHouse) check(t *testing.T, caller string, r row, want int, got answer) {
	t.Helper()
	if got.status != want {
		t.Errorf("%s %s (%s) by %q: status %d, want %d: %s", r.method, r.path, r.content, caller, got.status, want, got.body)
	}
	said := got.header.Get("Content-Type")
	switch {
	case got.status >= 400:
		var p struct{ Status int }
		if err := json.Unmarshal([]byte(got.body), &p); err != nil || p.Status != got.status || said != "application/problem+json" {
			t.Errorf("%d is answered with %s %q", got.status, said, got.body)
		}
	case got.status == http.StatusNoContent:
		if got.body != "" {
			t.Errorf("204 has the body %q", got.body)
		}
	case said == "" || got.body == "":
		t.Errorf("%d is answered with type %q and body %q", got.status, said, got.body)
	}
	if (got.status == http.StatusCreated) != (got.header.Get("Location") != "") {
		t.Errorf("%d is answered with Location %q", got.status, got.header.Get("Location"))
	}
	if (got.status == http.StatusUnauthorized) != (got.header.Get("WWW-Authenticate") != "") {
		t.Errorf("%d is answered with WWW-Authenticate %q", got.status, got.header.Get("WWW-Authenticate"))
	}
	if caller == "root" {
		return
	}
	asked := h.text(r.path + contents[r.content].body)
	for name, secret := range strangers {
		if strings.Contains(got.body, secret) && !strings.Contains(asked, secret) {
			t.Errorf("%s %s tells %q of %s: %s", r.method, r.path, caller, name, got.body)
		}
	}
}

// decode reads a whole answer.
func decode(t *testing.T, got answer, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(got.body), into); err != nil {
		t.Fatalf("status %d, body %q: %v", got.status, got.body, err)
	}
}
