package main

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// emptyHouse is one whose directory nobody filled.
func emptyHouse(t *testing.T, env map[string]string) *house {
	t.Helper()
	return &house{addr: freeAddress(t), ops: freeAddress(t), data: filepath.Join(t.TempDir(), "data"), env: env, log: &lockedBuffer{}}
}

// restart ends the server and starts it again on the same folder.
func (h *house) restart(t *testing.T) {
	t.Helper()
	h.stop()
	h.log = &lockedBuffer{}
	h.serve(t)
}

// login answers with the status and, where there is one, the token.
func (h *house) login(t *testing.T, handle, password string) (int, string) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"handle": handle, "password": password})
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post("http://"+h.addr+"/api/iam/v1/login", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct {
		Token string `json:"token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		t.Fatalf("login answered %s without JSON: %v", res.Status, err)
	}
	return res.StatusCode, answer.Token
}

// ask sends what nginx would and returns the status.
func (h *house) ask(t *testing.T, method, url, authorization string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+h.addr+"/auth/nginx", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Original-Method", method)
	req.Header.Set("X-Original-URL", url)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

const anAccountsPage = "https://app.test/hub/home"

func TestServe_on_an_empty_directory_makes_one_admin(t *testing.T) {
	t.Parallel()
	t.Run("with the operator's password, which is not printed", func(t *testing.T) {
		h := emptyHouse(t, map[string]string{"GATEHOUSE_ADMIN_PASSWORD": "correct horse battery"})
		h.serve(t)
		status, token := h.login(t, "admin", "correct horse battery")
		if status != http.StatusCreated {
			t.Errorf("login: %d, want 201", status)
		}
		if got := h.ask(t, "GET", anAccountsPage, "Bearer "+token); got != http.StatusOK {
			t.Errorf("the token of the login passes with %d, want 200", got)
		}
		if strings.Contains(h.log.String(), "battery") {
			t.Errorf("the password is in the output:\n%s", h.log)
		}
		h.restart(t)
		if got := h.ask(t, "GET", anAccountsPage, "Bearer "+token); got != http.StatusOK {
			t.Errorf("after a restart the token passes with %d, want 200", got)
		}
	})
	t.Run("with a random one, printed once", func(t *testing.T) {
		h := emptyHouse(t, nil)
		h.serve(t)
		printed := regexp.MustCompile(`account admin created; .*: (\S+)`).FindStringSubmatch(h.log.String())
		if printed == nil {
			t.Fatalf("no password was printed:\n%s", h.log)
		}
		if status, _ := h.login(t, "ADMIN", printed[1]); status != http.StatusCreated {
			t.Errorf("login: %d, want 201", status)
		}
		h.restart(t)
		if strings.Contains(h.log.String(), "password") {
			t.Errorf("a second start prints one again:\n%s", h.log)
		}
	})
	t.Run("and one that import filled gets its admin too", func(t *testing.T) {
		h := emptyHouse(t, map[string]string{"GATEHOUSE_ADMIN_PASSWORD": "correct horse battery"})
		h.importFiles(t, writeFile(t, t.TempDir(), "people.yaml", profiles))
		h.serve(t)
		if status, _ := h.login(t, "admin", "correct horse battery"); status != http.StatusCreated {
			t.Errorf("login: %d, want 201", status)
		}
	})
	t.Run("but one that names an admin of its own does not", func(t *testing.T) {
		h := emptyHouse(t, map[string]string{"GATEHOUSE_ADMIN_PASSWORD": "correct horse battery"})
		h.importFiles(t, writeFile(t, t.TempDir(), "people.yaml", "accounts:\n  - {handle: root, email: root@example.org, roles: [admin]}\n"))
		h.serve(t)
		if status, _ := h.login(t, "admin", "correct horse battery"); status != http.StatusUnauthorized {
			t.Errorf("login: %d, want 401", status)
		}
	})
}

func TestServe_leaves_a_directory_to_the_server_that_has_it(t *testing.T) {
	t.Parallel()
	h := emptyHouse(t, nil)
	h.serve(t)
	_, _, err := commandWith(t, nil, "serve", "--data", h.data, "--listen", freeAddress(t), "--ops-listen", "none")
	if err == nil || !strings.Contains(err.Error(), h.data) {
		t.Errorf("a second server: %v, want an error that names %s", err, h.data)
	}
	if got := h.ask(t, "GET", anAccountsPage, ""); got != http.StatusUnauthorized {
		t.Errorf("the first answers %d, want 401", got)
	}
}

func TestServe_denies_everything_until_its_policies_pass(t *testing.T) {
	t.Parallel()
	overlay := t.TempDir()
	broken := writeFile(t, overlay, "custom/ingress/x.rego", "package custom.ingress.x\n\ndeny contains 1 if true\n")
	h := emptyHouse(t, map[string]string{"GATEHOUSE_POLICIES_DIR": overlay})
	h.start(t)
	waitFor(t, "the server to answer", func() bool { return statusOf("http://"+h.addr+"/healthz") == http.StatusOK }, h.log)
	if got := statusOf("http://" + h.addr + "/readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("ready: %d, want 503", got)
	}
	if got := h.ask(t, "GET", "https://app.test/hub/static/a.js", ""); got != http.StatusForbidden {
		t.Errorf("a public page without any policy: %d, want 403", got)
	}
	writeFile(t, filepath.Dir(broken), "x.rego", "package custom.ingress.x\n\ndeny contains \"closed\" if input.request.path[0] == \"closed\"\n")
	waitFor(t, "the mended policies to count", func() bool {
		return h.ask(t, "GET", "https://app.test/hub/static/a.js", "") == http.StatusOK
	}, h.log)
}

func TestToken_says_whom_it_does_not_find(t *testing.T) {
	h := emptyHouse(t, nil)
	t.Run("without a directory", func(t *testing.T) {
		_, _, err := commandWith(t, nil, "token", "--account", "ada", "--data", h.data)
		if err == nil || !strings.Contains(err.Error(), h.data) {
			t.Errorf("got %v, want an error that names %s", err, h.data)
		}
	})
	h.importFiles(t, writeFile(t, t.TempDir(), "people.yaml", "accounts:\n  - {handle: ada}\n  - {handle: dan, state: disabled}\norganisations:\n  - {handle: acme}\n"))
	for name, want := range map[string]string{
		"eve":  `no account has the handle, e-mail or user id "eve"`,
		"dan":  `account "dan" is disabled`,
		"acme": `"acme" is an organisation`,
	} {
		if _, _, err := commandWith(t, nil, "token", "--account", name, "--data", h.data); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	if out, _, err := commandWith(t, nil, "token", "--account", "ADA", "--data", h.data); err != nil || strings.Count(out, ".") != 2 {
		t.Errorf("ada, spelt otherwise: got %q %v, want a token", out, err)
	}
}

// beside runs a command with standard input on the house's folder.
func (h *house) beside(t *testing.T, stdin string, args ...string) error {
	t.Helper()
	var out bytes.Buffer
	return run(t.Context(), append(args, "--data", h.data), h.getenv, strings.NewReader(stdin), &out, &out)
}

func TestSetPassword_holds_beside_a_running_server(t *testing.T) {
	t.Parallel()
	h := emptyHouse(t, nil)
	h.importFiles(t, writeFile(t, t.TempDir(), "people.yaml", "accounts:\n  - {handle: ada, email: ada@example.org}\n"))
	h.serve(t)
	const first, second = "correct horse battery", "staple of another kind"
	for _, password := range []string{first, second} {
		if err := h.beside(t, password+"\n", "account", "set-password", "ada"); err != nil {
			t.Fatal(err)
		}
		if status, _ := h.login(t, "Ada@example.org", password); status != http.StatusCreated {
			t.Errorf("login with the new password: %d, want 201", status)
		}
	}
	if status, _ := h.login(t, "ada", first); status != http.StatusUnauthorized {
		t.Errorf("login with the old one: %d, want 401", status)
	}
	for password, want := range map[string]string{"short": "12 to 1024 bytes, this one has 5", "": "this one has 0", strings.Repeat("x", 2000): "this one has 1026"} {
		if err := h.beside(t, password, "account", "set-password", "ada"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a password of %d bytes: got %v, want %q", len(password), err, want)
		}
	}
	if err := h.beside(t, first, "account", "set-password", "eve"); err == nil || !strings.Contains(err.Error(), `"eve"`) {
		t.Errorf("an unknown account: got %v", err)
	}
	if status, _ := h.login(t, "ada", second); status != http.StatusCreated {
		t.Errorf("after refused ones the last good password: %d, want 201", status)
	}
}

func TestTokenRevoke_holds_on_a_running_server_within_a_second(t *testing.T) {
	t.Parallel()
	h := emptyHouse(t, nil)
	h.importFiles(t, writeFile(t, t.TempDir(), "people.yaml", "accounts:\n  - handle: ada\n  - handle: eve\n"))
	h.serve(t)
	first, second, other := h.bearer(t, "ada"), h.bearer(t, "ada"), h.bearer(t, "eve")
	statuses := func() [3]int {
		return [3]int{h.ask(t, "GET", anAccountsPage, first), h.ask(t, "GET", anAccountsPage, second), h.ask(t, "GET", anAccountsPage, other)}
	}
	if got, want := statuses(), [3]int{200, 200, 200}; got != want {
		t.Fatalf("before: got %v, want %v", got, want)
	}
	if err := h.beside(t, strings.TrimPrefix(first, "Bearer ")+"\n", "token", "revoke", "-"); err != nil {
		t.Fatal(err)
	}
	soon(t, time.Second, "one token to be refused and no other", func() bool { return statuses() == [3]int{401, 200, 200} })
	if err := h.beside(t, "", "token", "revoke", "--account", "ada"); err != nil {
		t.Fatal(err)
	}
	soon(t, time.Second, "all of ada's to be refused", func() bool { return statuses() == [3]int{401, 401, 200} })
	if got := h.ask(t, "GET", anAccountsPage, h.bearer(t, "ada")); got != http.StatusOK {
		t.Errorf("a new one passes with %d, want 200", got)
	}
	for name, tc := range map[string]struct {
		stdin string
		args  []string
	}{
		"neither":    {"", nil},
		"no such id": {"", []string{"--jti", "01JZZZZZZZZZZZZZZZZZZZZZZZ"}},
		"id and all": {"", []string{"--jti", "01JZZZZZZZZZZZZZZZZZZZZZZZ", "--account", "ada"}},
		"both":       {first, []string{"-", "--account", "ada"}},
		"no token":   {"hello", []string{"-"}},
		"a forgery":  {strings.TrimPrefix(other, "Bearer ") + "x", []string{"-"}},
		"nobody":     {"", []string{"--account", "oz"}},
	} {
		if err := h.beside(t, tc.stdin, append([]string{"token", "revoke"}, tc.args...)...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestServe_makes_nothing_when_it_cannot_answer(t *testing.T) {
	t.Parallel()
	h := emptyHouse(t, nil)
	taken, err := net.Listen("tcp", h.ops)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	out, _, err := commandWith(t, nil, "serve", "--data", h.data, "--listen", h.addr, "--ops-listen", h.ops)
	if err == nil || !strings.Contains(err.Error(), "--ops-listen") || out != "" {
		t.Errorf("got %q and %v, want an error that names --ops-listen", out, err)
	}
	if _, err := os.Stat(h.data); !os.IsNotExist(err) {
		t.Errorf("the data folder: %v, want none", err)
	}
}

func TestServe_says_whom_it_believes(t *testing.T) {
	t.Parallel()
	h := emptyHouse(t, nil)
	h.serve(t)
	if !strings.Contains(h.log.String(), "ingress.trusted_proxies is empty: only proxies on this machine") {
		t.Errorf("no line says that the list is empty:\n%s", h.log)
	}
}
