package crud_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gatehouse-authz/gatehouse/admin"
	"github.com/gatehouse-authz/gatehouse/admin/crud"
	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
)

// importHouse is a house whose imports have limits of their own.
type importHouse struct{ *house }

func newImportHouse(t *testing.T, limits crud.ImportLimits, opts ...admintest.Option) importHouse {
	t.Helper()
	h := importHouse{newHouse(t, opts...)}
	proxies, err := web.NewProxies(nil)
	if err != nil {
		t.Fatal(err)
	}
	surface := crud.New(crud.Deps{
		Engine: h.Engine, Directory: h.Directory, Authn: h.Authn, Issuer: h.Issuer, Proxies: proxies,
		Passwords: authn.NewPasswords(h.Directory, authn.PasswordOptions{Params: cheap}), Logger: h.Log, Version: "test",
	})
	surface.LimitImports(limits)
	e := echo.New()
	e.HTTPErrorHandler = asProblem
	surface.Register(e)
	server := httptest.NewUnstartedServer(e)
	server.Config = admin.NewServer(e, h.Log)
	server.Start()
	t.Cleanup(server.Close)
	h.url = server.URL + "/admin/v1"
	return h
}

// imported is the answer to an import.
type imported struct {
	status  int
	header  http.Header
	trailer http.Header
	lines   []string
}

// last is the line that says how it ended.
func (i imported) last() string { return i.lines[len(i.lines)-1] }

// told are the lines without those of progress, which depend on the time it takes.
func (i imported) told() string {
	var all []string
	for _, line := range i.lines {
		if !strings.HasPrefix(line, `{"progress":`) {
			all = append(all, line)
		}
	}
	return strings.Join(all, "\n")
}

// begin sends an import and gives the answer as soon as it begins. headers are pairs.
func (h importHouse) begin(ctx context.Context, raw, query string, body io.Reader, headers ...string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+"/import"+query, body)
	if err != nil {
		return nil, err
	}
	if raw != "" {
		r.Header.Set("Authorization", "Bearer "+raw)
	}
	r.Header.Set("Content-Type", "application/x-ndjson")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return (&http.Client{Transport: &http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: 10 * time.Second}}).Do(r)
}

// send imports a body as somebody and waits for the end.
func (h importHouse) send(t *testing.T, as, query, body string, headers ...string) imported {
	t.Helper()
	raw := ""
	if as != "" {
		raw = h.signedIn(as)
	}
	return h.sendFrom(t, raw, query, strings.NewReader(h.text(body)), headers...)
}

func (h importHouse) sendFrom(t *testing.T, raw, query string, body io.Reader, headers ...string) imported {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	response, err := h.begin(ctx, raw, query, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := imported{status: response.StatusCode, header: response.Header, trailer: response.Trailer}
	for line := range strings.Lines(strings.TrimSpace(string(text))) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a line of the answer is no JSON: %q", line)
		}
		got.lines = append(got.lines, strings.TrimSuffix(line, "\n"))
	}
	return got
}

// crowd is the lines of so many accounts, each with a namespace and a binding in it.
func crowd(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"accounts\":[{\"handle\":\"p%d\"}]}\n", i)
	}
	for i := range n {
		fmt.Fprintf(&b, "{\"namespaces\":[{\"name\":\"ns-%d\",\"owners\":[{\"account\":\"p%d\"}],\"bindings\":[{\"account\":\"p%d\",\"role\":\"view\"}]}]}\n", i, i, (i+1)%n)
	}
	return b.String()
}

// follow reads an answer line by line until one is as wanted; false at its end.
func follow(lines *bufio.Scanner, wanted func(line string) bool) bool {
	for lines.Scan() {
		if wanted(lines.Text()) {
			return true
		}
	}
	return false
}

// somethingWritten is for the line of progress after a transaction.
func somethingWritten(line string) bool {
	return strings.HasPrefix(line, `{"progress":`) && !strings.Contains(line, `"written":0,`)
}

// free waits until no import is running.
func (h importHouse) free(t *testing.T) {
	t.Helper()
	raw := h.signedIn("root")
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		got := h.sendFrom(t, raw, "", strings.NewReader(""))
		if got.status == http.StatusOK {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("an import is still running: %d %v", got.status, got.lines)
		}
	}
}

// replayed is what the journal makes of an empty directory: documents by collection and
// key. It fails where a row does not begin with what the one before it left.
func (h importHouse) replayed(t *testing.T) map[string]string {
	t.Helper()
	documents := map[string]string{}
	for after := uint64(0); ; {
		entries, err := h.Directory.Journal(t.Context(), after, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) == 0 {
			return documents
		}
		for _, e := range entries {
			key := e.Collection + " " + e.Key
			if documents[key] != string(e.Before) {
				t.Errorf("revision %d says that %s was %s, the row before that it is %s", e.Revision, key, e.Before, documents[key])
			}
			documents[key] = string(e.After)
			if e.After == nil {
				delete(documents, key)
			}
		}
		after = entries[len(entries)-1].Revision
	}
}

// exported is what an export holds, which is made from the rows.
func (h importHouse) exported(t *testing.T) map[string]string {
	t.Helper()
	documents := map[string]string{}
	_, all, err := h.Directory.Export(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for change, err := range all {
		if err != nil {
			t.Fatal(err)
		}
		documents[change.Collection+" "+change.Key] = string(change.Doc)
	}
	return documents
}

// handles counts the accounts whose handle begins with p and a digit, and the
// namespaces that are named alike, as crowd makes them.
func (h importHouse) crowded(t *testing.T) (accounts, namespaces, bindings int) {
	t.Helper()
	for key, document := range h.exported(t) {
		switch collection, name, _ := strings.Cut(key, " "); collection {
		case identity.CollectionAccounts:
			if strings.Contains(document, `"handle":"p`) {
				accounts++
			}
		case identity.CollectionNamespaces:
			if strings.HasPrefix(name, "ns-") {
				namespaces++
				bindings += strings.Count(document, `"role":"view"`)
			}
		}
	}
	return accounts, namespaces, bindings
}

// stuck is a caller that sends an import and then reads nothing.
func (h importHouse) stuck(t *testing.T, raw, body string) net.Conn {
	t.Helper()
	address := strings.TrimSuffix(strings.TrimPrefix(h.url, "http://"), "/admin/v1")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(conn, "POST /admin/v1/import HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n%s", raw, len(body), body)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}
