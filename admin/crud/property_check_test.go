package crud_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-authz/gatehouse/engine"
	"github.com/gatehouse-authz/gatehouse/identity"
)

// check compares everything that shows the directory with the model.
func (w *world) check() {
	w.tb.Helper()
	want, exported := w.m.documents(), w.exported()
	w.same("an export", exported, want)
	w.sum.forward(w)
	w.same("what the journal adds up to", w.sum.docs, exported)
	w.checkEngine(exported)
	w.checkLists()
	w.checkGate()
}

// told are the collections that the model speaks of.
var told = []string{
	identity.CollectionAccounts, identity.CollectionTeams, identity.CollectionNamespaces, identity.CollectionQuotas,
	identity.CollectionGenerations, identity.CollectionPasswords, identity.CollectionIdentities,
	identity.CollectionTokens, identity.CollectionRevocations,
}

// exported is a fresh export.
func (w *world) exported() map[string]string {
	w.tb.Helper()
	docs := map[string]string{}
	revision, changes, err := w.Directory.Export(context.Background(), told...)
	if err != nil {
		w.fail("export: %v", err)
	}
	for change, err := range changes {
		if err != nil {
			w.fail("export: %v", err)
		}
		docs[change.Collection+"/"+change.Key] = string(change.Doc)
	}
	if at := w.Directory.Revision(); revision != at {
		w.fail("the export is of revision %d, the directory at %d", revision, at)
	}
	return docs
}

// same compares documents byte by byte.
func (w *world) same(what string, got, want map[string]string) {
	w.tb.Helper()
	var differences []string
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if got[key] != want[key] {
			differences = append(differences, fmt.Sprintf("%s\n got %s\nwant %s", key, got[key], want[key]))
		}
	}
	for _, key := range sortedKeys(got) {
		if _, wanted := want[key]; !wanted {
			differences = append(differences, fmt.Sprintf("%s\n got %s\nwant none", key, got[key]))
		}
	}
	if len(differences) > 0 {
		w.fail("%s differs:\n%s", what, strings.Join(differences, "\n"))
	}
}

// fold is what the journal adds up to.
type fold struct {
	revision uint64
	docs     map[string]string
}

// forward adds what is new; each row must have found what it says it found, and say who
// wrote it from where.
func (f *fold) forward(w *world) {
	w.tb.Helper()
	for {
		rows, err := w.Directory.Journal(context.Background(), f.revision, 0)
		if err != nil {
			w.fail("the journal: %v", err)
		}
		if len(rows) == 0 {
			return
		}
		for _, row := range rows {
			if row.Revision != f.revision && row.Revision != f.revision+1 {
				w.fail("in the journal revision %d follows %d", row.Revision, f.revision)
			}
			f.revision = row.Revision
			if byREST := strings.HasPrefix(string(row.Actor), "account:"); byREST != (row.Address == "127.0.0.1") {
				w.fail("revision %d was written by %s from %q", row.Revision, row.Actor, row.Address)
			}
			if !slices.Contains(told, row.Collection) {
				continue
			}
			key := row.Collection + "/" + row.Key
			if f.docs[key] != string(row.Before) {
				w.fail("revision %d found %s as %q, its row says %q", row.Revision, key, f.docs[key], row.Before)
			}
			if f.docs[key] = string(row.After); row.After == nil {
				delete(f.docs, key)
			}
		}
	}
}

// seenByPolicy are the collections that policies see as data.identity.
var seenByPolicy = []string{identity.CollectionAccounts, identity.CollectionTeams, identity.CollectionNamespaces}

// probe is a rule of an operator that tells what data.identity holds: its revision, and
// the sum of a collection or of one document of it.
func probe() string {
	text := "package custom.admin.probe\n\ndeny contains sprintf(\"%s\", [found[input.resource.id]]) if input.resource.kind == \"probe\"\n" +
		"\nfound[\"revision\"] := sprintf(\"%d\", [data.identity.meta.revision])\n"
	for _, collection := range seenByPolicy {
		text += fmt.Sprintf(`
found["%[1]s"] := crypto.sha256(json.marshal(data.identity.%[1]s))

found["one of %[1]s"] := crypto.sha256(json.marshal(data.identity.%[1]s[input.resource.prefix]))
`, collection)
	}
	return text
}

// probed is what the probe says; key is of a document.
func (w *world) probed(id, key string) string {
	resource := []engine.Field{{Key: "kind", Value: engine.String("probe")}, {Key: "id", Value: engine.String(id)}}
	if key != "" {
		resource = append(resource, engine.Field{Key: "prefix", Value: engine.String(key)})
	}
	object := func(fields ...engine.Field) engine.Value { return engine.Object(fields...) }
	nothing := engine.TrueSet(nil)
	d := w.Engine.Decide(context.Background(), "gatehouse/admin/decision", object(
		engine.Field{Key: "subject", Value: object(
			engine.Field{Key: "id", Value: engine.String(w.root.account)}, engine.Field{Key: "kind", Value: engine.String("account")},
			engine.Field{Key: "groups", Value: nothing}, engine.Field{Key: "token", Value: object(
				engine.Field{Key: "kind", Value: engine.String("access")}, engine.Field{Key: "jti", Value: engine.String("")},
				engine.Field{Key: "issuer", Value: engine.String("")}, engine.Field{Key: "scopes", Value: nothing},
			)},
		)},
		engine.Field{Key: "action", Value: engine.String("read")},
		engine.Field{Key: "resource", Value: object(resource...)},
	))
	if d.Err != nil || d.Reason != "custom_deny" {
		return fmt.Sprint(d.Reason, " ", d.Err)
	}
	return d.Labels["why"]
}

// checkEngine compares what policies find in data.identity with an export.
func (w *world) checkEngine(exported map[string]string) {
	w.tb.Helper()
	if got, want := w.probed("revision", ""), fmt.Sprint(w.Directory.Revision()); got != want {
		w.fail("data.identity is of revision %s, the directory at %s", got, want)
	}
	for _, collection := range seenByPolicy {
		all := map[string]any{}
		for key, doc := range exported {
			if id, of := strings.CutPrefix(key, collection+"/"); of {
				all[id] = plainJSON(w, doc)
			}
		}
		if w.probed(collection, "") == sum(all) {
			continue
		}
		for id, doc := range all {
			if w.probed("one of "+collection, id) != sum(doc) {
				w.fail("data.identity.%s[%q] is not what an export gives: %s", collection, id, exported[collection+"/"+id])
			}
		}
		w.fail("data.identity.%s holds something that an export does not give", collection)
	}
}

func plainJSON(w *world, text string) any {
	var value any
	if err := decodeJSON(text, &value); err != nil {
		w.fail("%q: %v", text, err)
	}
	return value
}

// decodeJSON keeps numbers as they are written.
func decodeJSON(text string, into any) error {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(into)
}

// sum is what json.marshal and crypto.sha256 make of a value in Rego.
func sum(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // of what was JSON
	}
	digest := sha256.Sum256(text)
	return hex.EncodeToString(digest[:])
}

// checkGate asks for everybody who has or had a token: what is there lets them in, what
// was taken away does not.
func (w *world) checkGate() {
	w.tb.Helper()
	for _, t := range w.m.tokens {
		want := http.StatusUnauthorized
		switch {
		case w.counts(t) && len(t.scopes) > 0:
			want = http.StatusForbidden
		case w.counts(t):
			want = http.StatusOK
		}
		w.wantAsked(want, t.raw, http.MethodGet, "/hub/home", w.named(t))
	}
	for _, a := range w.m.accounts {
		if t := w.latest(a.uid); t != nil && w.counts(t) {
			w.checkSpaces(a, t.raw)
		}
	}
	for n := range subjects {
		subject := fmt.Sprint("sub", n)
		raw := w.idp.Token(subject, map[string]any{"groups": []string{"devs"}})
		linked := found(w.m.accounts, func(a *holder) bool { return a.linked == identity.IdentityKey(w.idp.URL, subject) })
		if !linked.acts() {
			w.wantAsked(http.StatusUnauthorized, raw, http.MethodGet, "/hub/home", subject)
			continue
		}
		w.checkSpaces(linked, raw, "corp:devs")
	}
}

func (w *world) checkSpaces(a *holder, raw string, groups ...string) {
	w.tb.Helper()
	for _, name := range spaceNames {
		for method, verb := range map[string]string{http.MethodGet: "read", http.MethodPost: "write"} {
			want := http.StatusForbidden
			if s := w.m.space(name); s != nil && s.allows(a, verb, w.now(), groups...) {
				want = http.StatusOK
			}
			w.wantAsked(want, raw, method, "/notebook/"+name+"/demo/lab", a.handle+" "+a.uid)
		}
	}
}

// wantAsked asks the gate about one request as nginx does.
func (w *world) wantAsked(want int, raw, method, path, who string) {
	w.tb.Helper()
	r := httptest.NewRequest(http.MethodGet, "/auth/nginx", http.NoBody)
	r.RemoteAddr = "127.0.0.1:1"
	r.Header.Set("Authorization", "Bearer "+raw)
	r.Header.Set("X-Original-Method", method)
	r.Header.Set("X-Original-Url", "https://app.test"+path)
	answer := httptest.NewRecorder()
	w.Public.ServeHTTP(answer, r)
	if answer.Code != want {
		w.fail("the gate answered %s, who asked %s %s, with %d %s, want %d", who, method, path, answer.Code, answer.Header().Get("X-Gatehouse-Reason"), want)
	}
}

// view is a list of REST and what it is to show, in its order.
type view struct {
	path   string
	params url.Values
	want   []map[string]any
	whole  bool // it has no pages
}

// checkLists reads lists page by page, as root.
func (w *world) checkLists() {
	w.tb.Helper()
	for _, v := range w.views() {
		var got []map[string]any
		params := maps.Clone(v.params)
		if params == nil {
			params = url.Values{}
		}
		if !v.whole {
			params.Set("limit", fmt.Sprint(1+w.random.IntN(6)))
		}
		for {
			page := w.send(w.root.raw, http.MethodGet, v.path+"?"+params.Encode(), "", nil)
			var body struct {
				Items []any
				Next  string
			}
			if err := decodeJSON(page.body, &body); err != nil || page.status != http.StatusOK {
				w.fail("GET %s?%s: status %d, %v, body %s", v.path, params.Encode(), page.status, err, page.body)
			}
			for _, item := range body.Items {
				got = append(got, shownItem(item))
			}
			if body.Next == "" {
				break
			}
			params.Set("cursor", body.Next)
		}
		if is, want := compact(got), compact(v.want); is != want {
			w.fail("GET %s?%s shows\n got %s\nwant %s", v.path, v.params.Encode(), is, want)
		}
	}
}

// shownItem is an item of a list without what the model does not know.
func shownItem(item any) map[string]any {
	members, is := item.(map[string]any)
	if !is {
		return map[string]any{"": item} // a list of words
	}
	delete(members, "created")
	return members
}
