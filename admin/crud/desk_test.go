package crud_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gatehouse-authz/gatehouse/admin/crud"
	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

// desk is the surface of a real house over real HTTP. root is a platform admin; olga owns
// the organisation acme, in whose team ml tom is owner and mia member; nia is in acme
// only; ada owns the namespace lab, where ann is admin, vic views and ml edits; bob has
// no part in anything. mia has a token, an identity at corp and a role of the operator's.
type desk struct {
	*admintest.Gate
	url       string
	people    map[string]identity.Account
	acme      identity.Account
	ml        identity.Team
	questions *questions
	routes    []*echo.Route
	tb        testing.TB
}

// The uids of examples in the OpenAPI document, so that they name something here.
const (
	acmeUID = "01K9ZPX2N4R6S8T0V1W3Y5Z7A9"
	mlUID   = "01K9ZQ4M3T5V7X8Y9A0B1C2D3E"
	noUID   = "01K9ZZ0Q1R2S3T4V5W6X7Y8Z9A" // is nobody's
)

const (
	corpURL = "https://id.corp.test/realms/main" // of the trusted issuer corp, where mia has an identity
	miaJTI  = "MIAS-LAPTOP"                      // of a token of hers
)

func newDesk(tb testing.TB, opts ...admintest.Option) *desk {
	tb.Helper()
	d := &desk{Gate: admintest.New(tb, opts...), people: map[string]identity.Account{}, tb: tb}
	d.people["root"] = d.Person("root-user", "admin")
	for _, name := range []string{"olga", "tom", "mia", "nia", "ada", "ann", "vic", "bob"} {
		d.people[name] = d.Person(name)
	}
	d.acme = d.Create(identity.Account{ID: acmeUID, Handle: "acme", Kind: identity.Organisation, State: identity.Active, Name: "Acme"})
	d.Write(func(tx *identity.Tx) (err error) {
		if d.ml, err = tx.CreateTeam(identity.Team{ID: mlUID, Organisation: d.acme.ID, Handle: "ml", Name: "Machine learning"}); err != nil {
			return err
		}
		members := []identity.Membership{{Account: d.people["olga"].ID, Role: identity.Owner}}
		for _, name := range []string{"tom", "mia", "nia"} {
			members = append(members, identity.Membership{Account: d.people[name].ID, Role: identity.Member})
		}
		if err := tx.PutMembers(d.acme.ID, members); err != nil {
			return err
		}
		return tx.PutTeamMembers(d.ml.ID, []identity.Membership{
			{Account: d.people["tom"].ID, Role: identity.Owner}, {Account: d.people["mia"].ID, Role: identity.Member},
		})
	})
	d.Namespace("lab", d.people["ada"])
	d.Bind("lab", d.people["ann"], identity.Admin)
	d.Bind("lab", d.people["vic"], identity.View)
	d.Write(func(tx *identity.Tx) error {
		return tx.PutBinding(identity.Binding{Namespace: "lab", Principal: identity.TeamPrincipal(d.ml.ID), Role: identity.Edit})
	})
	d.Write(func(tx *identity.Tx) error {
		mia, now := d.people["mia"].ID, time.Now()
		return errors.Join(
			tx.GrantPlatformRole(mia, "auditor"),
			tx.PutIdentity(identity.LinkedIdentity{Account: mia, Issuer: corpURL, Subject: "mia-at-corp"}),
			tx.PutToken(identity.Token{JTI: miaJTI, Account: mia, Kind: token.KindPersonal, Name: "laptop", Issued: now, Expires: now.Add(time.Hour)}),
		)
	})
	d.open()
	return d
}

// open serves the surface with the error handler that its problems need.
func (d *desk) open() {
	d.tb.Helper()
	d.questions = newQuestions(d.tb, d.Engine)
	proxies, err := web.NewProxies(nil)
	if err != nil {
		d.tb.Fatal(err)
	}
	e := echo.New()
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		p := web.Classify(err)
		for name, values := range p.Header() {
			c.Response().Header()[name] = values
		}
		c.Response().Header().Set("Content-Type", "application/problem+json")
		if err := c.JSON(p.Status, p.Body()); err != nil {
			d.tb.Error(err)
		}
	}
	crud.New(crud.Deps{
		Engine: d.questions, Directory: d.Directory, Authn: d.Authn, Issuer: d.Issuer,
		Passwords: authn.NewPasswords(d.Directory, authn.PasswordOptions{}), Proxies: proxies, Logger: d.Log,
		Issuers: []crud.Issuer{{Name: "corp", URL: corpURL}}, Version: "1.2.3",
	}).Register(e)
	d.routes = e.Routes()
	server := httptest.NewServer(e)
	d.tb.Cleanup(server.Close)
	d.url = server.URL
}

// uid is whose name that is.
func (d *desk) uid(name string) string {
	d.tb.Helper()
	account, known := d.people[name]
	if !known {
		d.tb.Fatalf("nobody is called %s", name)
	}
	return string(account.ID)
}

// reply is what came back.
type reply struct {
	Status int
	Header http.Header
	Text   string
}

// code is the word of a problem.
func (r reply) code() string { return r.member("code") }

// member is a member of the body that is a string.
func (r reply) member(name string) string {
	var members map[string]any
	if json.Unmarshal([]byte(r.Text), &members) != nil {
		return ""
	}
	text, _ := members[name].(string)
	return text
}

// items are the values of one member of a list's items.
func (r reply) items(tb testing.TB, name string) []string {
	tb.Helper()
	var body struct{ Items []map[string]any }
	if err := json.Unmarshal([]byte(r.Text), &body); err != nil {
		tb.Fatalf("%d %s: %v", r.Status, r.Text, err)
	}
	values := []string{}
	for _, item := range body.Items {
		text, _ := item[name].(string)
		values = append(values, text)
	}
	return values
}

// call sends a request as somebody, "" = nobody. Headers are name and value in turn.
func (d *desk) call(who, method, path, body string, headers ...string) reply {
	d.tb.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, d.url+path, strings.NewReader(body))
	if err != nil {
		d.tb.Fatal(err)
	}
	if who != "" {
		r.Header.Set("Authorization", "Bearer "+d.Token(d.people[who]))
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		d.tb.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		d.tb.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, string(text)}
}

// wants calls and compares the status.
func (d *desk) wants(status int, who, method, path, body string, headers ...string) reply {
	d.tb.Helper()
	got := d.call(who, method, path, body, headers...)
	if got.Status != status {
		d.tb.Errorf("%s %s %s %s: %d %s, want %d", who, method, path, body, got.Status, got.Text, status)
	}
	return got
}
