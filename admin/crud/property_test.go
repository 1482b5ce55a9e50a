package crud_test

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gatehouse-authz/gatehouse/admin"
	"github.com/gatehouse-authz/gatehouse/admin/crud"
	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token"
	"github.com/gatehouse-authz/gatehouse/identity/token/trusted"
	"github.com/gatehouse-authz/gatehouse/identity/token/trusted/trustedtest"
)

// Whatever is written over REST, in whatever order and by whom: what lists show, what
// policies find in data.identity and what an export gives is what the answers have said,
// and nothing that was removed lets anybody in.
func TestWhatever_is_written_over_REST_lists_engine_export_and_the_gate_agree(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv("GATEHOUSE_PROPERTY_SEED"); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(t, seed)
	w.check()
	steps := restSteps(t)
	for n := range steps {
		w.step()
		if n%8 == 7 {
			w.check()
		}
	}
	w.check()
	t.Logf("seed %d: %d steps wrote %d revisions; %v; %v", seed, steps, w.Directory.Revision(), w.answers, w.done)
	if steps >= usualSteps {
		w.checkReach()
	}
}

// checkReach sees to it that the property is not shown by steps that were all refused.
func (w *world) checkReach() {
	w.tb.Helper()
	for _, kind := range w.kinds() {
		if w.done[kind.name] == 0 {
			w.tb.Errorf("seed %d: never done: %s", w.seed, kind.name)
		}
	}
	for _, status := range []int{200, 201, 204, 401, 403, 404, 409, 412, 428} {
		if w.answers[status] == 0 {
			w.tb.Errorf("seed %d: never answered: %d", w.seed, status)
		}
	}
}

const usualSteps = 600

// restSteps is a hundredth of the steps that are asked for, and never fewer than in a
// usual run: after every few of them everything is compared.
func restSteps(t *testing.T) int {
	t.Helper()
	const most = 20_000
	if s := os.Getenv("GATEHOUSE_PROPERTY_STEPS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("GATEHOUSE_PROPERTY_STEPS: %v", err)
		}
		return min(max(n/100, usualSteps), most)
	}
	if testing.Short() {
		return 120
	}
	return usualSteps
}

// world is a house under random writes, the model of what it should hold, and what was
// done to it lately.
type world struct {
	*house
	m       *model
	random  *rand.Rand
	seed    uint64
	idp     *trustedtest.IdP
	client  *http.Client
	root    *bearer
	n       int // counts what was made up, so that no two are alike
	history []string
	answers map[int]int       // how often there was a status
	done    map[string]int    // how often a kind of step was done
	seen    map[string]string // the last ETag of a path
	sum     fold
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	idp := trustedtest.New(t)
	issuers, err := trusted.New([]trusted.Config{idp.Config("corp")}, trusted.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		random: rand.New(rand.NewPCG(seed, 1)), seed: seed, idp: idp, answers: map[int]int{}, done: map[string]int{}, seen: map[string]string{},
		client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{}}, sum: fold{docs: map[string]string{}},
		house: newHouse(t, admintest.Trusted(issuers), admintest.Overlay(map[string]string{"custom/admin/probe/probe.rego": probe()})),
	}
	t.Cleanup(w.client.CloseIdleConnections)
	w.pass(time.Since(w.now())) // whether an expiry lies ahead is measured by the real clock
	w.serveTrusting(crud.Issuer{Name: "corp", URL: idp.URL})
	w.m = modelOf(t, w.exported())
	for _, a := range w.m.accounts {
		if a.kind != "organisation" {
			w.mint(a, token.AccessOptions{TTL: tokenLife})
		}
	}
	w.root = w.latest(w.uids["root"])
	return w
}

const tokenLife = 300 * 24 * time.Hour // longer than any time that passes here

// serveTrusting serves the surface with an issuer in its paths.
func (w *world) serveTrusting(issuer crud.Issuer) {
	w.tb.Helper()
	proxies, err := web.NewProxies(nil)
	if err != nil {
		w.tb.Fatal(err)
	}
	e := echo.New()
	e.HTTPErrorHandler = asProblem
	crud.New(crud.Deps{
		Engine: w.Engine, Directory: w.Directory, Authn: w.Authn, Issuer: w.Issuer, Proxies: proxies,
		Passwords: w.passwords(), Issuers: []crud.Issuer{issuer}, Logger: w.Log, Version: "test",
	}).Register(e)
	server := httptest.NewUnstartedServer(e)
	server.Config = admin.NewServer(e, w.Log)
	server.Start()
	w.tb.Cleanup(server.Close)
	w.url = server.URL + "/admin/v1"
}

// mint gives an account a token, as a login would.
func (w *world) mint(a *holder, o token.AccessOptions) *bearer {
	w.tb.Helper()
	raw, claims, err := w.Issuer.Access(token.User{ID: a.uid, Handle: a.handle}, a.generation, o)
	if err != nil {
		w.tb.Fatal(err)
	}
	w.Write(func(tx *identity.Tx) error {
		return tx.PutToken(identity.Token{
			JTI: claims.ID, Account: identity.AccountID(a.uid), Kind: claims.Kind, Issued: claims.Issued, Expires: claims.Expires,
		})
	})
	t := bearerOf(raw, claims)
	w.m.tokens = append(w.m.tokens, t)
	return t
}

// latest is the latest token of an account that signing in gave; nil where it has none.
func (w *world) latest(uid string) *bearer {
	for _, t := range slices.Backward(w.m.tokens) {
		if t.account == uid && t.kind == token.KindLogin {
			return t
		}
	}
	return nil
}

// fail ends the test with what is needed to do it again.
func (w *world) fail(format string, args ...any) {
	w.tb.Helper()
	last := w.history[max(0, len(w.history)-20):]
	w.tb.Fatalf("%s\nGATEHOUSE_PROPERTY_SEED=%d, the last %d of %d steps:\n%s",
		fmt.Sprintf(format, args...), w.seed, len(last), len(w.history), strings.Join(last, "\n"))
}

// send sends one request over a connection that is kept.
func (w *world) send(raw, method, path, body string, header http.Header) answer {
	w.tb.Helper()
	r, err := http.NewRequest(method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.tb.Fatal(err)
	}
	maps.Copy(r.Header, header)
	r.Header.Set("Authorization", "Bearer "+raw)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := w.client.Do(r)
	if err != nil {
		w.fail("%s %s: %v", method, path, err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.fail("%s %s: %v", method, path, err)
	}
	return answer{status: response.StatusCode, header: response.Header, body: string(text)}
}

func sortedKeys[V any](of map[string]V) []string { return slices.Sorted(maps.Keys(of)) }

// any of a list, the zero value of an empty one.
func pick[T any](w *world, from []T) (value T) {
	if len(from) > 0 {
		value = from[w.random.IntN(len(from))]
	}
	return value
}

// one in n times.
func (w *world) oneIn(n int) bool { return w.random.IntN(n) == 0 }

// fresh is a name that nobody has had.
func (w *world) fresh(kind string) string {
	w.n++
	return kind + strconv.Itoa(w.n)
}
