package main

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// The whole story once, with real nginx: who may open a kernel, what a manifest taken
// away does beside the running server, and what an operator's rule does when saved.
func TestChanges_hold_on_the_next_request_without_a_restart(t *testing.T) {
	t.Parallel()
	overlay := t.TempDir()
	writeFile(t, overlay, "custom/routes/data.json", `{}`)
	gate, app := startHouse(t, nil, "--policies", overlay), startUpstream(t)
	site := startNginx(t, shippedSite, gate.addr, app.addr, nil)
	editorToken, viewerToken := "Authorization: "+gate.bearer(t, editor), "Authorization: "+gate.bearer(t, viewer)
	reads := func(token string) int { return site.get(t, notebook, token).status }

	wantStatus(t, "a stranger", site.get(t, notebook), 401)
	wantStatus(t, "a viewer reads", site.get(t, notebook, viewerToken), 200)
	if _, status := site.handshake(t, channels, viewerToken); status != http.StatusForbidden {
		t.Errorf("a viewer's kernel channel: status %d, want 403", status)
	}
	conn, status := site.handshake(t, channels, editorToken)
	if status != http.StatusSwitchingProtocols {
		t.Fatalf("an editor's kernel channel: status %d, want 101", status)
	}
	echoes(t, conn, "1 + 1")

	t.Run("a contributor's manifest taken away turns them away", func(t *testing.T) {
		gate.importFiles(t, "--prune", writeFile(t, t.TempDir(), "people.yaml", profiles+viewerContributes))
		soon(t, time.Second, "the editor's requests to be refused", func() bool { return reads(editorToken) == http.StatusForbidden })
		if _, status := site.handshake(t, channels, editorToken); status != http.StatusForbidden {
			t.Errorf("the editor's kernel channel: status %d, want 403", status)
		}
		wantStatus(t, "the viewer, who is still named", site.get(t, notebook, viewerToken), 200)
	})
	t.Run("given back, they may again", func(t *testing.T) {
		gate.importFiles(t, writeFile(t, t.TempDir(), "people.yaml", profiles+viewerContributes+editorContributes))
		soon(t, time.Second, "the editor's requests to pass", func() bool { return reads(editorToken) == http.StatusOK })
	})

	const rule = "package custom.ingress.quiet\n\ndeny contains \"the lab is closed\" if input.request.path[1] == \"lab\"\n"
	var saved string
	t.Run("a rule saved is a rule that holds", func(t *testing.T) {
		saved = writeFile(t, overlay, "custom/ingress/quiet.rego", rule)
		soon(t, time.Second, "the rule to hold", func() bool { return reads(viewerToken) == http.StatusForbidden })
		if got := site.get(t, notebook, viewerToken).header.Get("X-Gatehouse-Reason"); got != "custom_deny" {
			t.Errorf("the reason is %q, want custom_deny", got)
		}
	})
	t.Run("a rule edited holds as edited", func(t *testing.T) {
		writeFile(t, overlay, "custom/ingress/quiet.rego", strings.Replace(rule, `"lab"`+"\n", `"cellar"`+"\n", 1))
		soon(t, time.Second, "the edited rule to hold", func() bool { return reads(viewerToken) == http.StatusOK })
		writeFile(t, overlay, "custom/ingress/quiet.rego", rule)
		soon(t, time.Second, "the first rule to hold again", func() bool { return reads(viewerToken) == http.StatusForbidden })
	})
	t.Run("a rule broken changes nothing but the log", func(t *testing.T) {
		before := gate.log.String()
		writeFile(t, overlay, "custom/ingress/quiet.rego", rule+"deny contains why if input.request.pth == why\n")
		waitFor(t, "the refusal in the log", func() bool {
			return strings.Contains(strings.TrimPrefix(gate.log.String(), before), "quiet.rego")
		}, gate.log)
		wantStatus(t, "the last good rule", site.get(t, notebook, viewerToken), 403)
		wantStatus(t, "and for others", site.get(t, "http://app.test/notebook/elsewhere/demo/lab", "Authorization: "+gate.bearer(t, outsider)), 200)
		if status := statusOf("http://" + gate.addr + "/readyz"); status != http.StatusOK {
			t.Errorf("/readyz: status %d, want 200", status)
		}
	})
	t.Run("mended and withdrawn, all is as before", func(t *testing.T) {
		if err := os.Remove(saved); err != nil {
			t.Fatal(err)
		}
		writeFile(t, overlay, "custom/ingress/other.rego", strings.NewReplacer("quiet", "other", `"lab"`+"\n", `"cellar"`+"\n").Replace(rule))
		soon(t, time.Second, "the viewer to read again", func() bool { return reads(viewerToken) == http.StatusOK })
	})
}

// soon is waitFor, and logs where it took longer than promised: a busy machine must
// not fail a test, and a slow program must not hide.
func soon(t *testing.T, promised time.Duration, what string, holds func() bool) {
	t.Helper()
	start := time.Now()
	waitFor(t, what, holds)
	if took := time.Since(start); took > promised {
		t.Logf("%s took %v, promised is %v", what, took.Round(time.Millisecond), promised)
	}
}
