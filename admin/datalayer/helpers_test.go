package datalayer_test

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gatehouse-authz/gatehouse/admin/datalayer"
	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
	"github.com/gatehouse-authz/gatehouse/identity/token"
	"github.com/gatehouse-authz/gatehouse/identity/token/trusted"
)

// door is the surface on a real echo server over a real directory.
type door struct {
	url    string
	server *httptest.Server
	deps   datalayer.Deps
	dir    *identity.Directory
	issuer *token.Issuer
	auth   *authn.Authenticator
	params authn.Params
	from   string       // X-Forwarded-For of requests, "" = none
	turned atomic.Int64 // how far the clock was turned, in nanoseconds
	began  time.Time

	work                     // every hash that was computed
	log  admintest.LogBuffer // what was logged, a JSON object a line
}

// work keeps when hashes were computed.
type work struct {
	mu    sync.Mutex
	spans []span
}

type span struct{ from, to time.Time }

// observe is told of a hash while it still holds its slot.
func (w *work) observe(_ authn.Params, took time.Duration) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spans = append(w.spans, span{now.Add(-took), now})
}

// observed are the hashes that were computed since the last call.
func (w *work) observed() []span {
	w.mu.Lock()
	defer w.mu.Unlock()
	spans := w.spans
	w.spans = nil
	return spans
}

// now is a clock that stands still unless it is turned.
func (d *door) now() time.Time { return d.began.Add(time.Duration(d.turned.Load())) }

func (d *door) turn(by time.Duration) { d.turned.Add(int64(by)) }

func newDoor(tb testing.TB, o authn.PasswordOptions) *door {
	tb.Helper()
	return openDoor(tb, tb.TempDir(), o, nil)
}

// openDoor opens one over a data directory that may have served before, and believes the
// other issuers, if there are any.
func openDoor(tb testing.TB, dir string, o authn.PasswordOptions, others *trusted.Set) *door {
	tb.Helper()
	d := &door{params: o.Params, began: time.Now()}
	log := slog.New(slog.NewJSONHandler(&d.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	d.dir, err = identity.Open(tb.Context(), identity.Options{Dir: dir, Logger: log, Now: d.now, Create: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = d.dir.Close() })
	keys, err := token.OpenKeyring(tb.Context(), d.dir)
	if err != nil {
		tb.Fatal(err)
	}
	d.issuer = token.NewIssuer("https://gate.test", "gatehouse", keys, time.Now)
	d.auth = authn.New(d.issuer, authn.Options{Logger: log, Trusted: others})
	if err := d.dir.Attach(tb.Context(), d.auth, authn.Collections...); err != nil {
		tb.Fatal(err)
	}
	o.Observe, o.Now = d.observe, d.now
	proxies, err := web.NewProxies(nil)
	if err != nil {
		tb.Fatal(err)
	}
	d.deps = datalayer.Deps{
		Passwords: authn.NewPasswords(d.dir, o), Authn: d.auth, Directory: d.dir, Issuer: d.issuer, Logger: log, Version: "1.2.3", TokenTTL: time.Hour,
		Proxies: proxies,
	}
	d.serve(tb, d.deps)
	return d
}

// serve has the surface work with other parts from now on.
func (d *door) serve(tb testing.TB, deps datalayer.Deps) {
	tb.Helper()
	e := echo.New()
	datalayer.New(deps).Register(e)
	d.server = httptest.NewServer(e)
	tb.Cleanup(d.server.Close)
	d.url = d.server.URL
}

// person creates an active account with a password; the zero time never expires.
func (d *door) person(tb testing.TB, handle identity.Handle, state identity.State, password string, expires time.Time) (created identity.Account) {
	tb.Helper()
	hash, err := authn.Hash(password, d.params)
	if err != nil {
		tb.Fatal(err)
	}
	_, err = d.dir.Write(tb.Context(), "test", func(tx *identity.Tx) (err error) {
		created, err = tx.CreateAccount(identity.Account{
			Handle: handle, Kind: identity.Person, State: state,
			Email: identity.Email(handle + "@example.org"), Name: "Ada King Lovelace",
		})
		return errors.Join(err, tx.SetPassword(created.ID, hash, expires, false))
	})
	if err != nil {
		tb.Fatal(err)
	}
	return created
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (d *door) post(tb testing.TB, path, body string) answer {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, d.url+path, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if d.from != "" {
		r.Header.Set("X-Forwarded-For", d.from)
	}
	if len(body) > 1<<20 { // otherwise the answer and the body may cross, and the client sees a reset
		r.Header.Set("Expect", "100-continue")
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	return read(tb, response)
}

func (d *door) get(tb testing.TB, path string) answer {
	tb.Helper()
	response, err := http.Get(d.url + path)
	if err != nil {
		tb.Fatal(err)
	}
	return read(tb, response)
}

func read(tb testing.TB, response *http.Response) answer {
	tb.Helper()
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		tb.Fatal(err)
	}
	response.Header.Del("Date")
	return answer{response.StatusCode, response.Header, strings.TrimSpace(string(body))}
}

func credentials(tb testing.TB, handle, password string) string {
	tb.Helper()
	text, err := json.Marshal(map[string]string{"handle": handle, "password": password})
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// close ends the door, as a server that stops does.
func (d *door) close(tb testing.TB) {
	tb.Helper()
	d.server.Close()
	if err := d.dir.Close(); err != nil {
		tb.Error(err)
	}
}

func (d *door) login(tb testing.TB, handle, password string) answer {
	tb.Helper()
	return d.post(tb, "/api/iam/v1/login", credentials(tb, handle, password))
}

// cheap keeps tests quick; it is the same code with other numbers.
var cheap = authn.Params{Memory: 64, Time: 1, Threads: 1}
