package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
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
