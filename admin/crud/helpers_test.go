package crud_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gatehouse-authz/gatehouse/admin"
	"github.com/gatehouse-authz/gatehouse/admin/crud"
	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

// cheap is what a password costs here: that hashing is dear is tested in authn.
var cheap = authn.Params{Memory: 64, Time: 1, Threads: 1}

// today is when everything in a house happens, unless its clock is moved.
var today = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// corp is the one trusted issuer of a house.
var corp = crud.Issuer{Name: "corp", URL: "https://id.corp.test/realms/main"}

// house is a real house with the people that the tests speak of:
//
//	olga owns the organisation acme     ada owns the namespace lab
//	tom  owns its team ml               ann is admin in lab, by a binding
//	nia  is a member of acme and ml     vic may view lab
//	root is platform admin              bob has no part in anything
//	robot is a service that edits lab; its token may only read lab and its bindings
//
// In texts of tests {olga}, {acme}, {ml} ... stand for their uids.
type house struct {
	*admintest.Gate
	tb    testing.TB
	log   *admintest.LogBuffer
	uids  map[string]string
	names *strings.Replacer
	url   string

	mu    sync.Mutex
	clock time.Time
}

// people of a house by handle; a uid is a ULID, so without I, L, O and U.
var people = []struct {
	name, uid string
	kind      identity.Kind
}{
	{"root", "01J00000000000000000000R00", identity.Person},
	{"olga", "01J0000000000000000000010A", identity.Person},
	{"tom", "01J00000000000000000000T0M", identity.Person},
	{"nia", "01J00000000000000000000N1A", identity.Person},
	{"ada", "01J00000000000000000000ADA", identity.Person},
	{"ann", "01J00000000000000000000ANN", identity.Person},
	{"vic", "01J00000000000000000000V1C", identity.Person},
	{"bob", "01J00000000000000000000B0B", identity.Person},
	{"robot", "01J00000000000000000000B0T", identity.Service},
	{"acme", "01J0000000000000000000ACME", identity.Organisation},
}

const (
	mlTeam = "01J000000000000000000TEAMM"
	nobody = "01J00000000000000000000N0B" // is nobody's, and never was
)

func newHouse(tb testing.TB, opts ...admintest.Option) *house {
	tb.Helper()
	h := openHouse(tb, opts...)
	h.Write(h.settle)
	h.serve()
	return h
}

// openHouse opens a house in which nobody is yet, or that of the directory among opts.
func openHouse(tb testing.TB, opts ...admintest.Option) *house {
	tb.Helper()
	h := &house{tb: tb, log: &admintest.LogBuffer{}, clock: today, uids: map[string]string{"nobody": nobody, "ml": mlTeam}}
	for _, p := range people {
		h.uids[p.name] = p.uid
	}
	h.learn(nil)
	opts = append([]admintest.Option{admintest.Log(h.log), admintest.Clock(h.now), admintest.Passwords(authn.PasswordOptions{Params: cheap})}, opts...)
	h.Gate = admintest.New(tb, opts...)
	return h
}

// settle makes the people and what they are to each other.
func (h *house) settle(tx *identity.Tx) error {
	for _, p := range people {
		a := identity.Account{
			ID: identity.AccountID(p.uid), Handle: identity.Handle(p.name), Kind: p.kind, State: identity.Active,
			Name: strings.ToUpper(p.name[:1]) + p.name[1:],
		}
		if p.kind == identity.Person {
			a.Email = identity.Email(p.name + "@corp.test")
		}
		if _, err := tx.CreateAccount(a); err != nil {
			return err
		}
	}
	acme := h.id("acme")
	team, err := tx.CreateTeam(identity.Team{ID: mlTeam, Organisation: acme, Handle: "ml", Name: "Machine learning"})
	if err != nil {
		return err
	}
	lab := identity.NamespaceName("lab")
	steps := []func() error{
		func() error { return tx.GrantPlatformRole(h.id("root"), "admin") },
		func() error { return tx.PutMember(acme, h.id("olga"), identity.Owner) },
		func() error { return tx.PutMember(acme, h.id("tom"), identity.Member) },
		func() error { return tx.PutMember(acme, h.id("nia"), identity.Member) },
		func() error { return tx.PutTeamMember(team.ID, h.id("tom"), identity.Owner) },
		func() error { return tx.PutTeamMember(team.ID, h.id("nia"), identity.Member) },
		func() error {
			return tx.PutNamespace(identity.Namespace{Name: lab, Owners: []identity.Principal{identity.AccountPrincipal(h.id("ada"))}})
		},
	}
	for name, role := range map[string]identity.Role{"ann": identity.Admin, "vic": identity.View, "robot": identity.Edit} {
		steps = append(steps, func() error {
			return tx.PutBinding(identity.Binding{Namespace: lab, Principal: identity.AccountPrincipal(h.id(name)), Role: role})
		})
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// learn adds names that stand for uids in texts.
func (h *house) learn(uids map[string]string) {
	maps.Copy(h.uids, uids)
	var pairs []string
	for name, uid := range h.uids {
		pairs = append(pairs, "{"+name+"}", uid)
	}
	h.names = strings.NewReplacer(pairs...)
}

// serve puts the surface on a loopback socket.
func (h *house) serve() {
	h.tb.Helper()
	proxies, err := web.NewProxies(nil)
	if err != nil {
		h.tb.Fatal(err)
	}
	e := echo.New()
	e.HTTPErrorHandler = asProblem
	crud.New(crud.Deps{
		Engine: h.Engine, Directory: h.Directory, Authn: h.Authn, Issuer: h.Issuer, Proxies: proxies,
		Passwords: h.passwords(),
		Issuers:   []crud.Issuer{corp}, Now: h.now, Logger: h.Log, Version: "test",
	}).Register(e)
	server := httptest.NewUnstartedServer(e)
	server.Config = admin.NewServer(e, h.Log)
	server.Start()
	h.tb.Cleanup(server.Close)
	h.url = server.URL + "/admin/v1"
}

// passwords checks and hashes as the surface does, with counters of its own.
func (h *house) passwords() *authn.Passwords {
	return authn.NewPasswords(h.Directory, authn.PasswordOptions{Params: cheap, Now: h.now})
}

// now is the time in the house.
func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.clock
}

// pass lets time go by.
func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock = h.clock.Add(d)
}

func (h *house) id(name string) identity.AccountID { return identity.AccountID(h.uids[name]) }

// text puts uids in the place of names in braces.
func (h *house) text(with string) string { return h.names.Replace(with) }

// account is what the directory knows of somebody now.
func (h *house) account(name string) (a identity.Account) {
	h.tb.Helper()
	err := h.Directory.Read(context.Background(), func(tx *identity.Tx) (err error) {
		a, err = tx.Account(h.id(name))
		return err
	})
	if err != nil {
		h.tb.Fatalf("%s: %v", name, err)
	}
	return a
}

// signedIn is a token that somebody got by signing in; robot's is a narrow one.
func (h *house) signedIn(name string) string {
	h.tb.Helper()
	o := token.AccessOptions{TTL: time.Hour}
	if name == "robot" {
		o = token.AccessOptions{TTL: time.Hour, Kind: token.KindPersonal, Scopes: []string{"namespace:read", "binding:read", "namespace:lab"}}
	}
	return h.tokenOf(name, o)
}

// tokenOf is a token of somebody, recorded as every token is.
func (h *house) tokenOf(name string, o token.AccessOptions) string {
	h.tb.Helper()
	a := h.account(name)
	raw, claims, err := h.Issuer.Access(token.UserOf(a), a.Generation, o)
	if err != nil {
		h.tb.Fatal(err)
	}
	h.Write(func(tx *identity.Tx) error {
		return tx.PutToken(identity.Token{
			JTI: claims.ID, Account: a.ID, Kind: claims.Kind, Scopes: claims.Scopes, Issued: claims.Issued, Expires: claims.Expires,
		})
	})
	return raw
}

// answer is what came back, its body as it was and as JSON.
type answer struct {
	status int
	header http.Header
	body   string
}

// json is the body, which must be JSON.
func (a answer) json(tb testing.TB) map[string]any {
	tb.Helper()
	var members map[string]any
	if err := json.Unmarshal([]byte(a.body), &members); err != nil {
		tb.Fatalf("status %d, body %q: %v", a.status, a.body, err)
	}
	return members
}

// do sends one request with a token ("" = none). Path and body may hold names in braces;
// headers are pairs of name and value.
func (h *house) do(raw, method, path, body string, headers ...string) answer {
	h.tb.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(h.text(body))
	}
	url := h.url + h.text(path)
	if path == "/docs" {
		url = strings.TrimSuffix(h.url, "/admin/v1") + path
	}
	request, err := http.NewRequestWithContext(context.Background(), method, url, reader)
	if err != nil {
		h.tb.Fatal(err)
	}
	if raw != "" {
		request.Header.Set("Authorization", "Bearer "+raw)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	lines := http.Header{} // a name may stand there twice
	for pair := range slices.Chunk(headers, 2) {
		lines.Add(pair[0], h.text(pair[1]))
	}
	maps.Copy(request.Header, lines)
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: 10 * time.Second}}
	response, err := client.Do(request)
	if err != nil {
		h.tb.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		h.tb.Fatal(err)
	}
	return answer{status: response.StatusCode, header: response.Header, body: string(text)}
}

// as is do for somebody who has signed in; "" is nobody.
func (h *house) as(name, method, path, body string, headers ...string) answer {
	h.tb.Helper()
	raw := ""
	if name != "" {
		raw = h.signedIn(name)
	}
	return h.do(raw, method, path, body, headers...)
}

// exchange is one request and the whole answer that it must have.
type exchange struct {
	name   string
	as     string // "" = nobody
	ask    string // method and path
	body   string
	with   []string // headers, as pairs
	status int
	want   string   // the whole body as JSON, names in braces; "" = no body
	header []string // of the answer, as pairs; "*" is any value, "" none
}

// run tries exchanges one after the other as subtests.
func (h *house) run(t *testing.T, all []exchange) {
	t.Helper()
	for _, x := range all {
		t.Run(x.name, func(t *testing.T) { h.try(t, x) })
	}
}

func (h *house) try(t *testing.T, x exchange) {
	t.Helper()
	method, path, _ := strings.Cut(x.ask, " ")
	got := h.as(x.as, method, path, x.body, x.with...)
	if got.status != x.status {
		t.Errorf("%s by %q: status %d, want %d, body %s", x.ask, x.as, got.status, x.status, got.body)
	}
	compareJSON(t, got.body, h.text(x.want))
	if got.status >= 400 && got.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("an error has the type %q", got.header.Get("Content-Type"))
	}
	for pair := range slices.Chunk(x.header, 2) {
		value, want := got.header.Get(pair[0]), h.text(pair[1])
		if want == "*" && value != "" {
			continue
		}
		if value != want {
			t.Errorf("header %s is %q, want %q", pair[0], value, want)
		}
	}
}

// compareJSON compares two texts as JSON values.
func compareJSON(t *testing.T, got, want string) {
	t.Helper()
	if got == "" || want == "" {
		if got != want {
			t.Errorf("body\n got %s\nwant %s", got, want)
		}
		return
	}
	var is, should any
	if err := json.Unmarshal([]byte(want), &should); err != nil {
		t.Fatalf("the wanted body is no JSON: %v\n%s", err, want)
	}
	if err := json.Unmarshal([]byte(got), &is); err != nil {
		t.Errorf("the body is no JSON: %v\n%s", err, got)
		return
	}
	if !reflect.DeepEqual(is, should) {
		t.Errorf("body\n got %s\nwant %s", got, want)
	}
}

// etag is the validator of what somebody reads at a path.
func (h *house) etag(as, path string) string {
	h.tb.Helper()
	got := h.as(as, http.MethodGet, path, "")
	etag := got.header.Get("ETag")
	if got.status != http.StatusOK || etag == "" {
		h.tb.Fatalf("GET %s by %s: status %d, ETag %q", path, as, got.status, etag)
	}
	return etag
}

// The problems that many tests want whole.
const (
	notThere  = `{"type":"about:blank","title":"There is no such thing here.","status":404,"code":"not_found"}`
	denied    = `{"type":"about:blank","title":"You may not do that.","status":403,"code":"not_granted"}`
	narrowed  = `{"type":"about:blank","title":"You may not do that.","status":403,"code":"scope_missing"}`
	signIn    = `{"type":"about:blank","title":"Sign in first.","status":401,"code":"not_signed_in"}`
	taken     = `{"type":"about:blank","title":"That exists already.","status":409,"code":"exists"}`
	stale     = `{"type":"about:blank","title":"A precondition does not hold.","status":412,"code":"precondition_failed","field":"If-Match","detail":"somebody has changed it since: read it again"}`
	unread    = `{"type":"about:blank","title":"The request must be conditional.","status":428,"code":"precondition_required","field":"If-Match","detail":"replacing what exists needs the ETag of the version that was read"}`
	isThere   = `{"type":"about:blank","title":"A precondition does not hold.","status":412,"code":"precondition_failed","field":"If-None-Match","detail":"it exists already"}`
	onlyStar  = `{"type":"about:blank","title":"A precondition does not hold.","status":412,"code":"precondition_failed","field":"If-None-Match","detail":"only * is understood on writes"}`
	nothing   = `{"type":"about:blank","title":"A precondition does not hold.","status":412,"code":"precondition_failed","field":"If-Match","detail":"there is nothing to match"}`
	badCursor = `{"type":"about:blank","title":"A value was refused.","status":400,"code":"invalid","field":"cursor","detail":"is none that this list gave out for this filter: begin without one"}`
)

// asProblem answers with what no surface has answered, as the whole server does.
func asProblem(err error, c echo.Context) {
	p := web.Classify(err)
	maps.Copy(c.Response().Header(), p.Header())
	body, _ := json.Marshal(p.Body())
	_ = c.Blob(p.Status, "application/problem+json", body)
}
