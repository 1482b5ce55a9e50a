package crud_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

// journal reads the whole of a list, page by page.
func (d *desk) journal(t *testing.T, who, query string, limit int) []map[string]any {
	t.Helper()
	var all []map[string]any
	for cursor := ""; ; {
		reply := d.wants(200, who, "GET", fmt.Sprintf("/admin/v1/journal?%s&limit=%d&cursor=%s", query, limit, cursor), "")
		var page struct {
			Items []map[string]any
			Next  string
		}
		if err := json.Unmarshal([]byte(reply.Text), &page); err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Items...)
		if cursor = page.Next; cursor == "" {
			return all
		}
		if len(page.Items) == 0 {
			t.Fatal("an empty page leads to another")
		}
	}
}

func TestThe_journal_says_who_changed_what_from_where(t *testing.T) {
	d := newDesk(t)
	ada, bob, path := d.account("ada"), d.account("bob"), bindingAt("lab", d.account("bob"))
	before := time.Now().Add(-time.Second)
	made, _ := strconv.Atoi(d.wants(201, "ada", "PUT", path, `{"role": "view"}`).Header.Get("Gatehouse-Revision"))
	gone, _ := strconv.Atoi(d.wants(204, "ada", "DELETE", path, "", "X-Forwarded-For", "198.51.100.7").Header.Get("Gatehouse-Revision"))

	rows := d.journal(t, "root", "collection=namespaces&key=lab&order=oldest&since="+url.QueryEscape(before.Format(time.RFC3339)), 100)
	rows = rows[len(rows)-2:]
	var documents [4]any // before and after of both
	for i, row := range rows {
		documents[2*i], documents[2*i+1] = row["before"], row["after"]
		at, err := time.Parse(time.RFC3339Nano, row["at"].(string))
		if err != nil || at.Before(before) || at.After(time.Now().Add(time.Second)) || at.Location() != time.UTC {
			t.Errorf("at is %v", row["at"])
		}
		for _, name := range []string{"at", "before", "after"} {
			delete(row, name)
		}
	}
	row := func(revision int, address string) map[string]any {
		return map[string]any{
			"revision": float64(revision), "seq": rows[0]["seq"], "actor": ada, "address": address, "collection": "namespaces", "key": "lab",
		}
	}
	if want := []map[string]any{row(made, "127.0.0.1"), row(gone, "198.51.100.7")}; !reflect.DeepEqual(rows, want) {
		t.Errorf("the rows are\n%v, want\n%v", rows, want)
	}
	binding := func(document any) any { return document.(map[string]any)["bindings"].(map[string]any)[bob] }
	if got := []any{binding(documents[0]), binding(documents[1]), binding(documents[2]), binding(documents[3])}; !reflect.DeepEqual(got,
		[]any{nil, map[string]any{"role": "view"}, map[string]any{"role": "view"}, nil}) {
		t.Errorf("the binding was %v", got)
	}
}

func TestWhat_is_new_was_nothing_before_and_what_is_gone_is_nothing_after(t *testing.T) {
	d := newDesk(t)
	uid := d.wants(201, "olga", "POST", "/admin/v1/teams", text(map[string]any{"organisation": string(d.acme.ID), "handle": "ops"})).member("uid")
	d.wants(204, "olga", "DELETE", "/admin/v1/teams/"+uid, "")
	document := map[string]any{"handle": "ops", "organisation": string(d.acme.ID)}
	var got []any
	for _, row := range d.journal(t, "root", "key="+uid+"&order=oldest", 100) {
		_, was := row["before"]
		_, is := row["after"]
		got = append(got, []any{was, row["before"], is, row["after"]})
	}
	want := []any{[]any{false, nil, true, document}, []any{true, document, false, nil}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the rows are\n%v, want\n%v", got, want)
	}
}

func TestPages_of_the_journal_are_the_whole_of_it_in_either_order(t *testing.T) {
	d := newDesk(t)
	place := func(row map[string]any) string { return fmt.Sprintf("%v.%v", row["revision"], row["seq"]) }
	places := func(rows []map[string]any) (all []string) {
		for _, row := range rows {
			all = append(all, place(row))
		}
		return all
	}
	oldest, err := d.Directory.Journal(context.Background(), 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, e := range oldest {
		want = append(want, fmt.Sprintf("%d.%d", e.Revision, e.Seq))
	}
	for _, limit := range []int{1, 7, 1000} {
		if got := places(d.journal(t, "root", "order=oldest", limit)); !slices.Equal(got, want) {
			t.Errorf("pages of %d, oldest first: %v, want %v", limit, got, want)
		}
		got := places(d.journal(t, "root", "order=newest", limit))
		if slices.Reverse(got); !slices.Equal(got, want) {
			t.Errorf("pages of %d, newest first, turned round: %v, want %v", limit, got, want)
		}
	}
}

func TestThe_journal_is_filtered(t *testing.T) {
	d := newDesk(t)
	d.wants(201, "ada", "PUT", bindingAt("lab", "group:x"), `{"role": "view"}`)
	middle := d.wants(200, "root", "GET", "/admin/v1/journal?limit=1", "")
	at := middle.items(t, "at")[0]
	for query, want := range map[string]func(row map[string]any) bool{
		"actor=" + d.account("ada"):     func(row map[string]any) bool { return row["actor"] == d.account("ada") },
		"actor=test&collection=teams":   func(row map[string]any) bool { return row["actor"] == "test" && row["collection"] == "teams" },
		"collection=namespaces&key=lab": func(row map[string]any) bool { return row["key"] == "lab" },
		"until=" + url.QueryEscape(at):  func(row map[string]any) bool { return row["at"].(string) < at },
		"since=" + url.QueryEscape(at):  func(row map[string]any) bool { return row["at"].(string) >= at },
	} {
		rows := d.journal(t, "root", query, 3)
		if len(rows) == 0 {
			t.Errorf("%s finds nothing", query)
		}
		for _, row := range rows {
			if !want(row) {
				t.Errorf("%s finds %v", query, row)
			}
		}
	}
	for _, query := range []string{"since=yesterday", "order=up", "actors=ada"} {
		d.wants(400, "root", "GET", "/admin/v1/journal?"+query, "")
	}
	if rows := d.journal(t, "root", "actor=account:nobody", 10); len(rows) != 0 {
		t.Errorf("somebody who did nothing did %v", rows)
	}
}

func TestThe_journal_is_for_admins(t *testing.T) {
	d := newDesk(t)
	for _, who := range []string{"olga", "tom", "ada", "ann", "vic", "bob"} {
		for _, query := range []string{"", "?actor=" + d.account(who), "?actor=cli:import", "?key=lab"} {
			d.wants(403, who, "GET", "/admin/v1/journal"+query, "")
		}
	}
}

func TestThe_journal_may_be_opened_to_people_for_what_they_did_themselves(t *testing.T) {
	const rule = `package custom.admin.own

allow contains "one's own acts" if {
	input.resource.kind == "journal"
	input.resource.account == input.subject.id
}
`
	d := newDesk(t, admintest.Overlay(map[string]string{"custom/admin/own/own.rego": rule}, "admin"))
	d.wants(201, "ada", "PUT", bindingAt("lab", "group:x"), `{"role": "view"}`)
	for _, query := range []string{"", "actor=" + d.account("ada"), "key=lab"} {
		rows := d.journal(t, "ada", query, 10)
		if len(rows) != 1 || rows[0]["actor"] != d.account("ada") {
			t.Errorf("%q finds %v", query, rows)
		}
	}
	d.wants(403, "ada", "GET", "/admin/v1/journal?actor=test", "")
	d.wants(403, "ada", "GET", "/admin/v1/journal?actor="+d.account("root"), "")
}

func TestLarge_documents_end_a_page_of_the_journal_early(t *testing.T) {
	d := newDesk(t)
	// The document of the namespace has some 500 kB.
	d.Write(func(tx *identity.Tx) error {
		bindings := make([]identity.Binding, 0, 3_000)
		for i := range cap(bindings) {
			bindings = append(bindings, identity.Binding{
				Namespace: "lab", Principal: identity.GroupPrincipal(fmt.Sprintf("%0120d", i)), Role: identity.View,
			})
		}
		return tx.PutBindings(bindings)
	})
	for i := range 12 {
		d.wants(201, "ada", "PUT", bindingAt("lab", fmt.Sprintf("group:%d", i)), `{"role": "view"}`)
	}
	first := d.wants(200, "root", "GET", "/admin/v1/journal?collection=namespaces&key=lab", "")
	if n := len(first.items(t, "key")); n == 0 || n > 8 || first.member("next") == "" {
		t.Errorf("a page of %d bytes has %d items and next %q", len(first.Text), n, first.member("next"))
	}
	if n := len(d.journal(t, "root", "collection=namespaces&key=lab&actor="+d.account("ada"), 100)); n != 12 {
		t.Errorf("the pages hold %d of 12 items", n)
	}
}

func TestK03_the_journal_holds_no_secret(t *testing.T) {
	d := newDesk(t)
	const password = "correct horse battery staple"
	passwords := authn.NewPasswords(d.Directory, authn.PasswordOptions{})
	hash, err := passwords.Hash(context.Background(), password)
	if err != nil {
		t.Fatal(err)
	}
	ada := d.people["ada"]
	raw, claims, err := d.Issuer.Access(token.UserOf(ada), ada.Generation, token.AccessOptions{TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	var sealed []string
	d.Write(func(tx *identity.Tx) error {
		keys, err := tx.Keys()
		if err != nil {
			return err
		}
		for _, key := range keys {
			sealed = append(sealed, string(key.Sealed), base64.StdEncoding.EncodeToString(key.Sealed))
		}
		if err := tx.SetPassword(ada.ID, hash, time.Time{}, true); err != nil {
			return err
		}
		return tx.PutToken(identity.Token{
			JTI: claims.ID, Account: ada.ID, Name: "laptop", Kind: claims.Kind, Issued: claims.Issued, Expires: claims.Expires,
		})
	})
	var collections []string
	var all strings.Builder
	for _, row := range d.journal(t, "root", "", 1000) {
		if name := row["collection"].(string); !slices.Contains(collections, name) {
			collections = append(collections, name)
		}
		all.WriteString(text(row))
	}
	slices.Sort(collections)
	if want := []string{"accounts", "generations", "identities", "keys", "namespaces", "passwords", "teams", "tokens"}; !slices.Equal(collections, want) {
		t.Errorf("the journal has rows of %v, want %v", collections, want)
	}
	secrets := append(sealed, password, hash, "$argon2", raw, strings.Split(raw, ".")[2], `"d":`)
	for _, secret := range secrets {
		if secret == "" || strings.Contains(all.String(), secret) {
			t.Errorf("the journal holds the secret %q", secret)
		}
	}
}
