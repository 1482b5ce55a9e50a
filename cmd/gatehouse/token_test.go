package main

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

// tokenRow is one line of token list.
type tokenRow struct {
	jti, kind, scopes, name string
	lasts                   time.Duration
}

func (h *house) tokens(t *testing.T, account string) []tokenRow {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(h.command(t, "token", "list", "--account", account, "--data", h.data), "\n"), "\n")
	if got, want := strings.Fields(lines[0]), []string{"JTI", "KIND", "ISSUED", "EXPIRES", "SCOPES", "NAME"}; !reflect.DeepEqual(got, want) {
		t.Fatalf("got columns %v, want %v", got, want)
	}
	var rows []tokenRow
	for _, line := range lines[1:] {
		f := strings.Fields(line)
		issued, err := time.Parse("2006-01-02T15:04Z", f[2])
		if err != nil {
			t.Fatal(err)
		}
		expires, err := time.Parse("2006-01-02T15:04Z", f[3])
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, tokenRow{f[0], f[1], f[4], strings.Join(f[5:], " "), expires.Sub(issued)})
	}
	return rows
}

func claimsOf(t *testing.T, bearer string) map[string]any {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(bearer, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(text, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestToken_is_recorded_listed_and_revoked_by_its_id(t *testing.T) {
	t.Parallel()
	h := emptyHouse(t, nil)
	h.importFiles(t, writeFile(t, t.TempDir(), "people.yaml", "accounts: [{handle: ada}, {handle: bot, kind: service}]\n"))
	h.serve(t)
	plain := h.bearer(t, "ada")
	named := strings.TrimSpace(h.command(t, "token", "--data", h.data, "--account", "ada", "--name", "nightly build", "--scope", "ingress:read", "--scope", "namespace:lab,directory", "--ttl", "48h"))
	plainID, namedID := claimsOf(t, plain)["jti"].(string), claimsOf(t, named)["jti"].(string)
	if got := claimsOf(t, named); got["scope"] != "ingress:read namespace:lab directory" || got["kind"] != "personal" {
		t.Errorf("the named token's claims are %v", got)
	}
	want := map[string]tokenRow{
		plainID: {plainID, "access", "-", "-", time.Hour},
		namedID: {namedID, "personal", "ingress:read,namespace:lab,directory", "nightly build", 48 * time.Hour},
	}
	got := map[string]tokenRow{}
	for _, row := range h.tokens(t, "ADA") {
		got[row.jti] = row
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if rows := h.tokens(t, "bot"); rows != nil {
		t.Errorf("the tokens of another: %v", rows)
	}
	if journal := h.command(t, "journal", "--data", h.data, "--collection", "tokens", "--actor", "cli:token"); strings.Count(journal, "\n") != 2 || strings.Contains(journal, strings.TrimPrefix(plain, "Bearer ")) {
		t.Errorf("the journal of the tokens:\n%s", journal)
	}
	if got := h.ask(t, "GET", anAccountsPage, plain); got != http.StatusOK {
		t.Fatalf("before: status %d, want 200", got)
	}
	h.command(t, "token", "revoke", "--jti", plainID, "--data", h.data)
	soon(t, time.Second, "the token to be refused", func() bool { return h.ask(t, "GET", anAccountsPage, plain) == http.StatusUnauthorized })
	if rows := h.tokens(t, "ada"); len(rows) != 1 || rows[0].jti != namedID {
		t.Errorf("after revoking one: %v, want the other", rows)
	}
	h.command(t, "token", "revoke", "--account", "ada", "--data", h.data)
	if rows := h.tokens(t, "ada"); rows != nil {
		t.Errorf("after revoking all: %v, want none", rows)
	}
}

func TestToken_that_cannot_be_recorded_is_not_printed(t *testing.T) {
	t.Parallel()
	h := emptyHouse(t, nil)
	h.importFiles(t, writeFile(t, t.TempDir(), "people.yaml", "accounts: [{handle: ada}]\n"))
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"a name with a line of its own": {[]string{"--name", "a\nb"}, "name"},
		"a scope of no scope's form":    {[]string{"--scope", "a b"}, "scopes"},
		"an empty scope":                {[]string{"--scope", ""}, "scopes"},
		"a life of no time":             {[]string{"--ttl", "0s"}, "lifetime"},
	} {
		out, _, err := commandWith(t, nil, append([]string{"token", "--account", "ada", "--data", h.data}, tc.args...)...)
		if err == nil || !strings.Contains(err.Error(), tc.want) || out != "" {
			t.Errorf("%s: got %q, %v, want an error about %q and no token", name, out, err, tc.want)
		}
	}
	if rows := h.tokens(t, "ada"); rows != nil {
		t.Errorf("recorded all the same: %v", rows)
	}
}
