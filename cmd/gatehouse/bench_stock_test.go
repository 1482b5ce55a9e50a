//go:build bench

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/bundles"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/policies"
	"github.com/gatehouse-authz/gatehouse/schemas"
)

const stockDecision = "/v1/data/gatehouse/ingress/decision"

// TestBenchStock prints CPU per request of `opa run -s` and of the nginx door over the
// same policies and documents. Every request is about another person, namespace and
// path, so that no decision can be remembered; the door knows every token beforehand,
// OPA is asked without any.
func TestBenchStock(t *testing.T) {
	quiet(t)
	serverCore, ownCore := twoCores(t)
	size := benchPlentyOf()
	data := benchDirectory(t, size)
	tokens := benchTokens(t, data, size)
	opa := startStock(t, data, serverCore)
	gate := startGate(t, data, serverCore)
	waitReady(t, gate)
	pinSelf(t, ownCore, 1)
	requests := make([][]byte, size)
	for n, bearer := range tokens {
		requests[n] = doorRequest(nil, n, size, bearer, "known")
	}
	begin := time.Now()
	askEachOnce(t, gate.address, requests)
	gate.forgetLog()
	note("presented %d tokens in %s", size, time.Since(begin).Round(time.Millisecond))
	sameAnswers(t, opa, gate, tokens)
	rows := []*benchRow{
		{name: "stock `opa run -s`, no token", server: opa, ask: stockQuestions(size)},
		{name: "`/auth/nginx`, known tokens", server: gate, ask: doorQuestions(tokens)},
	}
	for _, row := range rows { // the first seconds pay for what happens once
		warm := *row
		warm.measure(t, max(benchTime()/10, time.Second))
	}
	measureRows(t, rows)
	fmt.Printf("\n%d accounts, every request different:\n", size)
	printRows(rows)
	stockCPU, gateCPU := median(rows[0].cpu), median(rows[1].cpu)
	reachStock.is(stockCPU/gateCPU, "%.1f µs ÷ %.1f µs, %d accounts", 1e6*stockCPU, 1e6*gateCPU, size)
}

// doorQuestions draw a person and a path that was not asked for before.
func doorQuestions(tokens []string) questions {
	var serial atomic.Uint64
	return questions{next: func(buffer []byte) []byte {
		n := rand.IntN(len(tokens))
		return doorRequest(buffer, n, len(tokens), tokens[n], "nb"+strconv.FormatUint(serial.Add(1), 10))
	}}
}

// stockQuestions are the same as OPA is asked them.
func stockQuestions(size int) questions {
	var serial atomic.Uint64
	return questions{check: isAllow, next: func(buffer []byte) []byte {
		n := rand.IntN(size)
		body := stockInput(n, (n+size-1)%size, "nb"+strconv.FormatUint(serial.Add(1), 10))
		return fmt.Appendf(buffer, "POST %s HTTP/1.1\r\nHost: opa\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", stockDecision, len(body), body)
	}}
}

func isAllow(body []byte) error {
	if !bytes.Contains(body, []byte(`"effect":"allow"`)) {
		return fmt.Errorf("answer %s, want an allow", body)
	}
	return nil
}

// stockInput is the input that the door makes of doorRequest.
func stockInput(person, namespace int, notebook string) string {
	return fmt.Sprintf(`{"input":{"subject":{"id":%q,"kind":"account","groups":{},"token":{"kind":"access","jti":%q,"issuer":%q,"scopes":{}}},`+
		`"request":{"method":"GET","scheme":"https","host":"app.example.org","path":["notebook","ns%d",%q,"lab"],"query":{},"websocket":false,"headers":{},"client_ip":"127.0.0.1"}}}`,
		benchAccountID(person), benchULID("01K", person), defaultIssuer, namespace, notebook)
}

// sameAnswers makes sure that both decide alike, denials too.
func sameAnswers(t *testing.T, opa, gate benchServer, tokens []string) {
	t.Helper()
	size, denied := len(tokens), 0
	for i := range 200 {
		person := rand.IntN(size)
		namespace := (person + size - i%4) % size // owner, view, edit, and nothing but what a team has
		if i%5 == 0 {
			namespace = rand.IntN(size)
		}
		resp, err := http.Post("http://"+opa.address+stockDecision, "application/json", strings.NewReader(stockInput(person, namespace, "same")))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		stockAllows := bytes.Contains(body, []byte(`"effect":"allow"`))
		if !stockAllows && !bytes.Contains(body, []byte(`"effect":"deny"`)) {
			t.Fatalf("OPA decides neither way: %s", body)
		}
		// person stands after the namespace in doorRequest's counting
		raw := doorRequest(nil, namespace+1, size, tokens[person], "same")
		req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			t.Fatal(err)
		}
		req.RequestURI, req.URL.Scheme, req.URL.Host = "", "http", gate.address
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if allowed := answer.StatusCode == http.StatusOK; allowed != stockAllows {
			t.Fatalf("person %d in namespace %d: OPA says %s, the door says %s", person, namespace, body, answer.Status)
		}
		if !stockAllows {
			denied++
		}
	}
	if denied == 0 {
		t.Fatal("no denial among the questions that were compared")
	}
}

// startStock serves the default policies and the directory's documents with stock OPA:
// no decision log, no access log, raw store.
func startStock(t *testing.T, data string, cores []int) benchServer {
	t.Helper()
	note("building stock OPA (go tool opa)")
	binary, err := exec.Command("go", "tool", "-n", "opa").Output()
	if err != nil {
		t.Fatalf("go tool -n opa: %v", err)
	}
	folder := t.TempDir()
	stockPolicies(t, folder)
	stockDocuments(t, data, filepath.Join(folder, "data.json"))
	s := benchServer{address: freeAddress(t)}
	return startBenchServer(t, s, cores, []string{strings.TrimSpace(string(binary)), "run", "-s", "--skip-version-check",
		"--log-level", "error", "--addr", s.address, folder})
}

// stockPolicies writes the modules that decide.
func stockPolicies(t *testing.T, folder string) {
	t.Helper()
	err := fs.WalkDir(policies.FS, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) != ".rego" || strings.HasSuffix(name, "_test.rego") {
			return err
		}
		source, err := fs.ReadFile(policies.FS, name)
		if err != nil {
			return err
		}
		target := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return err
		}
		return os.WriteFile(target, source, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// stockDocuments writes everything under data as Gatehouse has it: the tables, the
// routes that it prepares from them, and the directory.
func stockDocuments(t *testing.T, data, name string) {
	t.Helper()
	sources := policySources(defaultConfig())
	bundle, err := bundles.Gate(t.Context(), bundles.Sources{Defaults: policies.FS, Schemas: schemas.FS, Settings: sources.Settings})
	if err != nil {
		t.Fatal(err)
	}
	tables, err := json.Marshal(bundle.Data)
	if err != nil {
		t.Fatal(err)
	}
	collections := map[string]*bytes.Buffer{} // an export may go from one to another and back
	exportDocuments(t, data, func(c identity.Change) {
		in := collections[c.Collection]
		if in == nil {
			in = &bytes.Buffer{}
			collections[c.Collection] = in
		} else {
			in.WriteByte(',')
		}
		in.WriteString(strconv.Quote(c.Key) + ":")
		in.Write(c.Doc)
	})
	text := bytes.NewBuffer(bytes.TrimSuffix(tables, []byte("}")))
	text.WriteString(`,"identity":{"meta":{"revision":1}`)
	for name, documents := range collections {
		text.WriteString("," + strconv.Quote(name) + ":{")
		_, _ = documents.WriteTo(text) // a buffer takes everything
		text.WriteByte('}')
	}
	text.WriteString("}}")
	if err := os.WriteFile(name, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// exportDocuments gives every document that policies see.
func exportDocuments(t testing.TB, data string, each func(identity.Change)) {
	t.Helper()
	dir, err := identity.Open(context.Background(), identity.Options{Dir: data})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }() // nothing was written
	_, documents, err := dir.Export(context.Background(), "accounts", "teams", "namespaces")
	if err != nil {
		t.Fatal(err)
	}
	for change, err := range documents {
		if err != nil {
			t.Fatal(err)
		}
		each(change)
	}
}
