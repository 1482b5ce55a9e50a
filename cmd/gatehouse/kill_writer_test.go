//go:build !bench

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/identity"
)

const killPassword = "correct horse battery"

// killWriter is somebody who writes by REST until the server is gone.
type killWriter struct {
	number       int
	handle       string
	uid          string
	token        string
	base         string
	client       *http.Client
	random       *rand.Rand
	round, n     int
	imports      map[string]int // that were begun, see killing
	answers      chan<- ack
	account      string // the things of the story under way
	organisation string
	team         string
	space        string
	jti          string
	t            *testing.T
}

// errGone ends a story when the server has.
type errGone struct{ error }

// write tells the story of a few things over and over, every kind of write in it.
func (w *killWriter) write(t *testing.T, answers chan<- ack) {
	w.t, w.answers = t, answers
	for {
		w.n++
		for _, chapter := range []func() error{w.people, w.teams, w.grants, w.tokens, w.signIn, w.importSome, w.leave} {
			if err := chapter(); err != nil {
				if gone := (errGone{}); !errors.As(err, &gone) {
					t.Errorf("writer %d, round %d: %v", w.number, w.round, err)
				}
				return
			}
		}
	}
}

// name is one that nobody else uses.
func (w *killWriter) name(kind string) string {
	return fmt.Sprintf("%s-%d-%d-%d", kind, w.number, w.round, w.n)
}

type killBody map[string]any

func (w *killWriter) people() (err error) {
	handle, renamed := w.name("person"), w.name("Renamed")
	made := ack{collection: identity.CollectionAccounts, holds: `"handle":"` + handle + `"`, path: "/accounts/", shows: handle}
	if w.account, err = w.do("POST", "/accounts", killBody{"kind": "person", "handle": handle}, made, "uid"); err != nil {
		return err
	}
	path := "/accounts/" + w.account
	shown := func(name string) ack {
		return ack{collection: identity.CollectionAccounts, key: w.account, holds: name, path: path, shows: name}
	}
	return w.all(
		call{"PATCH", path, killBody{"name": renamed}, shown(`"name":"` + renamed + `"`)},
		call{"PUT", path, killBody{"kind": "person", "state": "active", "name": w.name("Put")}, shown(w.name("Put"))},
		call{"PUT", path + "/roles/auditor", nil, ack{
			collection: identity.CollectionAccounts, key: w.account, holds: `"auditor"`, path: path + "/roles", shows: "auditor",
		}},
		call{"PUT", path + "/identities/corp", killBody{"subject": handle}, ack{
			collection: identity.CollectionIdentities, key: "http://127.0.0.1:1|" + handle, holds: w.account, path: path + "/identities", shows: handle,
		}},
	)
}

func (w *killWriter) teams() (err error) {
	handle := w.name("org")
	made := ack{collection: identity.CollectionAccounts, holds: handle, path: "/organisations/", shows: handle}
	if w.organisation, err = w.do("POST", "/organisations", killBody{"handle": handle}, made, "uid"); err != nil {
		return err
	}
	body := killBody{"organisation": w.organisation, "handle": "crew"}
	made = ack{collection: identity.CollectionTeams, holds: w.organisation, path: "/teams/", shows: w.organisation}
	if w.team, err = w.do("POST", "/teams", body, made, "uid"); err != nil {
		return err
	}
	member := func(of, as string) ack {
		return ack{collection: identity.CollectionAccounts, key: w.account, holds: `"` + as + `"`, path: of + "/members/" + w.account, shows: as}
	}
	organisation, team := "/organisations/"+w.organisation, "/teams/"+w.team
	return w.all(
		call{"PUT", organisation + "/members/" + w.account, killBody{"role": "owner"}, member(organisation, "owner")},
		call{"PUT", team + "/members/" + w.account, killBody{"role": "member"}, member(team, "member")},
		call{"PATCH", team, killBody{"name": w.name("Team")}, ack{
			collection: identity.CollectionTeams, key: w.team, holds: w.name("Team"), path: team, shows: w.name("Team"),
		}},
	)
}

func (w *killWriter) grants() error {
	w.space = w.name("space")
	path := "/namespaces/" + w.space
	changed := func(holds, at, shows string) ack {
		return ack{collection: identity.CollectionNamespaces, key: w.space, holds: holds, path: at, shows: shows}
	}
	team, person := path+"/binding?principal="+url.QueryEscape("team:"+w.team), path+"/binding?principal="+url.QueryEscape("account:"+w.account)
	bound := func(principal, role string) string { return fmt.Sprintf(`"%s":{"role":"%s"}`, principal, role) }
	return w.all(
		call{"PUT", path, killBody{"owners": []string{"account:" + w.uid}, "labels": killBody{"n": "1"}}, changed(w.uid, path, w.uid)},
		call{"PUT", team, killBody{"role": "edit"}, changed(bound("team:"+w.team, "edit"), team, "edit")},
		call{"POST", path + "/bindings", killBody{"principal": "account:" + w.account, "role": "view"}, changed(bound("account:"+w.account, "view"), person, "view")},
		call{"PATCH", person, killBody{"role": "admin"}, changed(bound("account:"+w.account, "admin"), person, "admin")},
		call{"PATCH", path, killBody{"labels": killBody{"n": w.name("v")}}, changed(w.name("v"), path, w.name("v"))},
		call{"DELETE", team, nil, changed(bound("account:"+w.account, "admin"), team, "")},
	)
}

func (w *killWriter) tokens() (err error) {
	name := w.name("program")
	made := ack{collection: identity.CollectionTokens, holds: name, path: "/tokens/", shows: name}
	if w.jti, err = w.do("POST", "/accounts/me/tokens", killBody{"name": name}, made, "jti"); err != nil {
		return err
	}
	path := "/tokens/" + w.jti
	if err := w.all(call{"PATCH", path, killBody{"name": name + "b"}, ack{
		collection: identity.CollectionTokens, key: w.jti, holds: name + "b", path: path, shows: name + "b",
	}}); err != nil || w.random.IntN(2) == 0 {
		return err
	}
	return w.all(
		call{"DELETE", path, nil, ack{collection: identity.CollectionRevocations, key: w.jti, holds: w.uid, path: path}},
		call{"DELETE", "/accounts/" + w.account + "/tokens", nil, ack{collection: identity.CollectionGenerations, key: w.account, holds: `"n":`}},
	)
}

// signIn gets a token by a password; one of the writers sets passwords, which is dear.
func (w *killWriter) signIn() error {
	if w.number == 2 && w.random.IntN(4) == 0 {
		return w.all(call{"PUT", "/accounts/" + w.account + "/password", killBody{"password": killPassword}, ack{
			collection: identity.CollectionPasswords, key: w.account, holds: `"version":`,
		}})
	}
	var answer struct{ Token string }
	_, text, err := w.send("POST", "/api/iam/v1/login", "application/json", compactJSON(killBody{"handle": w.handle, "password": killPassword}), http.StatusCreated)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return err
	}
	jti, err := jtiOf(answer.Token)
	if err != nil {
		return err
	}
	w.token = "Bearer " + answer.Token // what follows is done with it
	w.answers <- ack{
		actor: w.actor(), collection: identity.CollectionTokens, key: jti, holds: w.uid, path: "/tokens/" + jti, shows: w.uid,
	}
	return nil
}

// importSome makes several accounts and namespaces at once; there is one import at a time.
func (w *killWriter) importSome() error {
	if w.number != 0 {
		return nil
	}
	const accounts = 5
	prefix := w.name("import")
	lines := ""
	for n := range accounts {
		lines += fmt.Sprintf(`{"accounts": [{"handle": "%[1]s-%[2]d"}]}`+"\n"+`{"namespaces": [{"name": "%[1]s-%[2]d", "owners": [{"account": "%[1]s-%[2]d"}]}]}`+"\n", prefix, n)
	}
	w.imports[prefix] = accounts
	_, text, err := w.send("POST", "/admin/v1/import", "application/x-ndjson", lines, http.StatusOK)
	if err != nil {
		return err
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	var last struct {
		Done *struct {
			Created  int
			Revision uint64
		}
	}
	if err := json.Unmarshal([]byte(all[len(all)-1]), &last); err != nil || last.Done == nil {
		return errGone{fmt.Errorf("the import was broken off: %s", text)} // its status came before its end
	}
	for n := range accounts {
		name := fmt.Sprintf("%s-%d", prefix, n)
		w.answers <- ack{
			revision: last.Done.Revision, actor: w.actor(), collection: identity.CollectionNamespaces, key: name, holds: `"owners"`,
			path: "/namespaces/" + name, shows: name,
		}
	}
	return nil
}

// leave takes most of it away again.
func (w *killWriter) leave() error {
	if w.random.IntN(3) == 0 {
		return nil
	}
	gone := func(collection, key, path string) ack { return ack{collection: collection, key: key, path: path} }
	account, organisation, team, space := "/accounts/"+w.account, "/organisations/"+w.organisation, "/teams/"+w.team, "/namespaces/"+w.space
	return w.all(
		call{"DELETE", account + "/identities/corp", nil, gone(identity.CollectionIdentities, "http://127.0.0.1:1|"+w.name("person"), "")},
		call{"DELETE", account + "/roles/auditor", nil, ack{collection: identity.CollectionAccounts, key: w.account, holds: `"roles":{}`, path: account, shows: `"roles":[]`}},
		call{"DELETE", team + "/members/" + w.account, nil, ack{
			collection: identity.CollectionAccounts, key: w.account, holds: `"teams":{}`, path: team + "/members/" + w.account,
		}},
		call{"DELETE", team, nil, gone(identity.CollectionTeams, w.team, team)},
		call{"DELETE", space, nil, gone(identity.CollectionNamespaces, w.space, space)},
		call{"DELETE", organisation, nil, gone(identity.CollectionAccounts, w.organisation, organisation)},
		call{"DELETE", account, nil, gone(identity.CollectionAccounts, w.account, account)},
	)
}

// call is one request and what its answer means.
type call struct {
	method, path string
	body         killBody
	done         ack
}

func (w *killWriter) all(calls ...call) error {
	for _, c := range calls {
		if _, err := w.do(c.method, c.path, c.body, c.done, ""); err != nil {
			return err
		}
	}
	return nil
}

// do sends one request and tells of its answer. Where id names a member of the answer,
// it is the key of what was made, and the end of its path.
func (w *killWriter) do(method, path string, body killBody, done ack, id string) (string, error) {
	text := ""
	if body != nil {
		text = compactJSON(body)
	}
	header, answer, err := w.send(method, "/admin/v1"+path, "application/json", text, http.StatusOK, http.StatusCreated, http.StatusNoContent)
	if err != nil {
		return "", err
	}
	if done.revision, err = strconv.ParseUint(header.Get("Gatehouse-Revision"), 10, 64); err != nil {
		return "", fmt.Errorf("%s %s: %w", method, path, err)
	}
	if id != "" {
		var members map[string]any
		if err := json.Unmarshal(answer, &members); err != nil {
			return "", err
		}
		done.key, _ = members[id].(string)
		done.path += done.key
	}
	done.actor = w.actor()
	w.answers <- done
	return done.key, nil
}

func (w *killWriter) actor() identity.Actor { return identity.Actor("account:" + w.uid) }

// send is errGone where the server went away before its answer was whole.
func (w *killWriter) send(method, path, kind, body string, wanted ...int) (http.Header, []byte, error) {
	r, err := http.NewRequest(method, w.base+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("Authorization", w.token)
	if body != "" {
		r.Header.Set("Content-Type", kind)
	}
	if method == "PUT" && path == "/admin/v1/accounts/"+w.account { // over whatever is there
		r.Header.Set("If-Match", "*")
	}
	res, err := w.client.Do(r)
	if err != nil {
		return nil, nil, errGone{err}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, nil, errGone{err}
	}
	for _, status := range wanted {
		if res.StatusCode == status {
			return res.Header, text, nil
		}
	}
	return nil, nil, fmt.Errorf("%s %s %s: %s %s", method, path, body, res.Status, text)
}

// get reads what REST shows at a path.
func (w *killWriter) get(t *testing.T, path string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, w.base+"/admin/v1"+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", w.token)
	res, err := w.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func compactJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // of values that the tests make
	}
	return string(text)
}

// jtiOf reads a token without believing it.
func jtiOf(raw string) (string, error) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return "", fmt.Errorf("a token of %d parts", len(parts))
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", err
	}
	var claims struct{ JTI string }
	err = json.Unmarshal(text, &claims)
	return claims.JTI, err
}
