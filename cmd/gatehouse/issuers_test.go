package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity/token/trusted/trustedtest"
)

const (
	labPage  = "https://app.test/notebook/lab/demo/lab"
	refresh  = 5 * time.Minute  // after which keys are fetched again at the latest
	coolDown = 30 * time.Second // between two fetches
	stale    = time.Hour        // how long keys of an issuer count that cannot be reached
)

// hospitable is a house that trusts two real issuers: corp, whose strangers it refuses,
// and guild, whose strangers pass with their groups. Its clock can be turned.
type hospitable struct {
	*house
	corp, guild *oidcProvider
	root        string
	turned      atomic.Int64
}

func newHospitable(t *testing.T) *hospitable {
	t.Helper()
	h := &hospitable{corp: startOIDCProvider(t), guild: startOIDCProvider(t)}
	h.house = emptyHouse(t, map[string]string{"GATEHOUSE_ISSUERS": fmt.Sprintf(`
- {name: corp, issuer: %q, audience: gatehouse}
- {name: guild, issuer: %q, audience: gatehouse, groups_claim: groups, groups_prefix: "guild:", unlinked: groups}
`, h.corp.url(), h.guild.url())})
	h.now = func() time.Time { return time.Now().Add(time.Duration(h.turned.Load())) }
	h.importFiles(t, writeFile(t, t.TempDir(), "people.yaml", profiles))
	h.serve(t)
	h.root = h.bearer(t, "admin")
	return h
}

func (h *hospitable) turn(by time.Duration) { h.turned.Add(int64(by)) }

// send sends JSON and returns the status, the challenge and the body of the answer.
func (h *hospitable) send(t *testing.T, method, path, authorization, body string) (status int, challenge string, answer map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+h.addr+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &answer); err != nil {
			t.Fatalf("%s %s: %s: %v", method, path, text, err)
		}
	}
	return res.StatusCode, res.Header.Get("WWW-Authenticate"), answer
}

func (h *hospitable) expect(t *testing.T, what, method, raw string, want int) {
	t.Helper()
	if got := h.ask(t, method, labPage, "Bearer "+raw); got != want {
		t.Errorf("%s: status %d, want %d\n%s", what, got, want, h.log)
	}
}

// A real issuer's tokens, from the first that is refused to keys that are taken back.
func TestTrusted_issuers_bring_in_whom_the_directory_links(t *testing.T) {
	t.Parallel()
	h := newHospitable(t)
	raw := h.corp.idToken(t, "ada-at-corp")
	h.expect(t, "before anybody is linked", "GET", raw, 401)
	status, _, found := h.send(t, "GET", "/admin/v1/principals?name="+owner, h.root, "")
	if status != http.StatusOK {
		t.Fatalf("look up: %d %v", status, found)
	}
	uid := strings.TrimPrefix(found["principal"].(string), "account:")
	t.Run("refused with its reason", func(t *testing.T) {
		status, challenge, problem := h.send(t, "GET", "/admin/v1/accounts/me", "Bearer "+raw, "")
		if status != 401 || problem["code"] != "not_linked" || challenge == "" {
			t.Errorf("got %d %v %q, want 401 not_linked", status, problem, challenge)
		}
		if status, _, answer := h.send(t, "POST", "/api/iam/v1/login", "", `{"token":"`+raw+`"}`); status != 401 {
			t.Errorf("login: got %d %v, want 401", status, answer)
		}
	})
	t.Run("linked through REST", func(t *testing.T) {
		identities := "/admin/v1/accounts/" + uid + "/identities/"
		if status, _, answer := h.send(t, "PUT", identities+"nobody", h.root, `{"subject":"ada-at-corp"}`); status != 404 {
			t.Errorf("an issuer that is not configured: %d %v", status, answer)
		}
		status, _, answer := h.send(t, "PUT", identities+"corp", h.root, `{"subject":"ada-at-corp"}`)
		if status != 201 || answer["issuer"] != h.corp.url() {
			t.Fatalf("got %d %v, want 201", status, answer)
		}
		h.expect(t, "the owner reads", "GET", raw, 200)
		h.expect(t, "the owner writes", "POST", raw, 200)
		h.expect(t, "another person of the issuer", "GET", h.corp.idToken(t, "eve-at-corp"), 401)
	})
	t.Run("exchanged at login", func(t *testing.T) { h.exchanges(t, raw, uid) })
	t.Run("strangers with groups", h.groups)
	t.Run("an issuer that is away, and one with new keys", func(t *testing.T) { h.rotation(t, raw) })
	if strings.Contains(h.log.String(), raw) {
		t.Error("the token is in the log")
	}
}

func (h *hospitable) exchanges(t *testing.T, raw, uid string) {
	status, _, answer := h.send(t, "POST", "/api/iam/v1/login", "", `{"token":"`+raw+`"}`)
	ours, _ := answer["token"].(string)
	if status != 201 || ours == raw || answer["is_provided_token_external"] != true || answer["provided_token_issuer"] != h.corp.url() {
		t.Fatalf("got %d %v, want 201", status, answer)
	}
	h.expect(t, "our token", "POST", ours, 200)
	if status, _, list := h.send(t, "GET", "/admin/v1/accounts/"+uid+"/tokens", "Bearer "+ours, ""); status != 200 || len(list["items"].([]any)) != 1 {
		t.Errorf("the tokens of the account: %d %v, want the one that was handed out", status, list)
	}
	if status, _, again := h.send(t, "POST", "/api/iam/v1/login", "", `{"token":"`+ours+`"}`); status != 201 || again["token"] != ours {
		t.Errorf("our own token: got %d, want 201 and the same again", status)
	}
}

func (h *hospitable) groups(t *testing.T) {
	raw := h.guild.accessToken(t)
	h.expect(t, "before the group is bound", "GET", raw, 403)
	if status, _, answer := h.send(t, "PUT", "/admin/v1/namespaces/lab/binding?principal=group:guild:readers", h.root, `{"role":"view"}`); status != 201 {
		t.Fatalf("bind the group: %d %v", status, answer)
	}
	h.expect(t, "a reader reads", "GET", raw, 200)
	h.expect(t, "a reader writes", "POST", raw, 403)
	h.expect(t, "the same groups of an issuer whose strangers are refused", "GET", h.corp.accessToken(t), 401)
	if status, _, answer := h.send(t, "POST", "/api/iam/v1/login", "", `{"token":"`+raw+`"}`); status != 401 {
		t.Errorf("login without an account: got %d %v, want 401", status, answer)
	}
	if status, _, answer := h.send(t, "DELETE", "/admin/v1/namespaces/lab/binding?principal=group:guild:readers", h.root, ""); status != 204 {
		t.Fatalf("unbind the group: %d %v", status, answer)
	}
	h.expect(t, "after the group was unbound", "GET", raw, 403)
}

// rotation ends with keys that the issuer has taken back.
func (h *hospitable) rotation(t *testing.T, raw string) {
	const failure = "the keys of a trusted issuer could not be fetched"
	h.corp.stop()
	h.turn(refresh - time.Second)
	h.expect(t, "the issuer is away, its keys are known", "GET", raw, 200)
	waitFor(t, "a line about it", func() bool { return strings.Contains(h.log.String(), failure) }, h.log)
	h.turn(stale / 2)
	h.expect(t, "and for longer", "GET", raw, 200)
	h.turn(stale)
	h.expect(t, "too long to know whether its keys still count", "GET", raw, 401)

	h.corp.start(t) // with a new key
	h.turn(coolDown)
	fresh := h.corp.idToken(t, "ada-at-corp")
	h.expect(t, "a token of the new key", "GET", fresh, 200)
	h.expect(t, "one of the key that was taken back", "GET", raw, 401)

	h.corp.stop()
	h.corp.start(t)
	h.turn(refresh)
	h.expect(t, "the key is taken back while its token is remembered", "GET", fresh, 401)
	h.expect(t, "and the newest key counts", "GET", h.corp.idToken(t, "ada-at-corp"), 200)
	metrics := h.metrics(t)
	for _, line := range []string{
		`gatehouse_trusted_tokens_total{issuer="corp",outcome="accepted"} `, `gatehouse_trusted_tokens_total{issuer="corp",outcome="not_linked"} `,
		`gatehouse_trusted_tokens_total{issuer="corp",outcome="bad_token"} `, `gatehouse_trusted_tokens_total{issuer="corp",outcome="issuer_unavailable"} `,
		`gatehouse_trusted_tokens_total{issuer="guild",outcome="unlinked"} `,
		`gatehouse_trusted_key_fetches_total{issuer="corp",outcome="success"} `, `gatehouse_trusted_key_fetches_total{issuer="corp",outcome="error"} `,
		`gatehouse_login_attempts_total{outcome="success"} `, `gatehouse_login_attempts_total{outcome="refused"} `,
	} {
		if !strings.Contains(metrics, "\n"+line) || strings.Contains(metrics, "\n"+line+"0\n") {
			t.Errorf("/metrics has no line %q that counted something", line)
		}
	}
}

func (h *hospitable) metrics(t *testing.T) string {
	t.Helper()
	res, err := http.Get("http://" + h.ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// J06: a discovery document that contradicts the configuration ends the start, since
// waiting does not mend it; an issuer that is not there yet does not.
func TestServe_refuses_an_issuer_that_calls_itself_otherwise(t *testing.T) {
	t.Parallel()
	t.Run("J06", func(t *testing.T) {
		corp := trustedtest.New(t)
		trust := func(issuer string) *house {
			return emptyHouse(t, map[string]string{"GATEHOUSE_ISSUERS": `[{"name":"corp","issuer":"` + issuer + `","audience":"gatehouse"}]`})
		}
		slash := trust(corp.URL + "/")
		var ended error
		failed := slash.start(t)
		waitFor(t, "the start to fail", func() bool { ended = failed(); return ended != nil }, slash.log)
		for _, part := range []string{"issuers", "corp", corp.URL + "/", "slash"} {
			if !strings.Contains(ended.Error(), part) {
				t.Errorf("the error does not speak of %q: %v", part, ended)
			}
		}
		absent := trust("http://" + freeAddress(t))
		absent.serve(t)
		if !strings.Contains(absent.log.String(), "the keys of a trusted issuer could not be fetched") {
			t.Errorf("nothing warns: %s", absent.log)
		}
	})
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```\n")

func TestDocs_examples_of_issuers_are_taken(t *testing.T) {
	blocks := yamlBlock.FindAllStringSubmatch(readFile(t, "../../docs/issuers.md"), -1)
	if len(blocks) == 0 {
		t.Fatal("the page has no examples")
	}
	for _, block := range blocks {
		a := &app{env: func(string) string { return "" }, configFile: writeFile(t, t.TempDir(), "gatehouse.yaml", block[1])}
		cfg, err := a.load(nil)
		if err != nil || len(cfg.Issuers) != 1 {
			t.Errorf("%s\ngives %d issuers, %v", block[1], len(cfg.Issuers), err)
		}
	}
}
