//go:build bench

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// importRow is one import: how long it took, and the memory of whoever did it.
type importRow struct {
	what          string
	objects       int
	took          time.Duration
	cpu           float64 // seconds of whoever did it
	before, after float64 // MiB resident
	highest       float64
}

func (r importRow) perSecond() float64 { return float64(r.objects) / r.took.Seconds() }

// TestBenchImport prints how fast accounts and namespaces come in by lines of JSON: over
// REST, where the server decides with them when it answers, and by the command beside no
// server. Each is a row of its own in the journal, and unique among all there are.
func TestBenchImport(t *testing.T) {
	quiet(t)
	size := benchPlentyOf()
	lines := importLines(t, size)
	empty := func() string { return emptyDirectory(t) }
	full := func() string { return managedDirectory(t, size) }
	rows := []importRow{
		importOverREST(t, "`POST /admin/v1/import`, empty directory", empty(), lines, size),
		importOverREST(t, "`POST /admin/v1/import`, the directory full", full(), lines, size),
		importByCommand(t, "`gatehouse import`, empty directory", empty(), lines, size),
		importByCommand(t, "`gatehouse import`, the directory full", full(), lines, size),
	}
	fmt.Printf("\n%d accounts and %d namespaces, each with an owner and a label, one a line; full: as many there already, with %d bindings:\n", size, size, 3*size)
	fmt.Print("\n| | objects/s | took | CPU | resident before | after | at its highest |\n|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		before, after := "-", "-"
		if r.after > 0 {
			before, after = fmt.Sprintf("%.0f MiB", r.before), fmt.Sprintf("%.0f MiB", r.after)
		}
		fmt.Printf("| %s | %.0f | %.1f s | %.1f s | %s | %s | %.0f MiB |\n", r.what, r.perSecond(), r.took.Seconds(), r.cpu, before, after, r.highest)
	}
	worse := rows[0]
	if rows[1].perSecond() < worse.perSecond() {
		worse = rows[1]
	}
	reachImport.is(worse.perSecond()/1000, "%s: %d objects in %.1f s", worse.what, worse.objects, worse.took.Seconds())
}

// importLines writes what is imported to a file.
func importLines(t *testing.T, size int) (name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "lines.json")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewWriterSize(file, 1<<20)
	for n := range size {
		_, _ = fmt.Fprintf(out, `{"accounts":[{"handle":"new-%d","email":"new-%[1]d@example.org","name":"New %[1]d"}]}`+"\n", n)
	}
	for n := range size {
		_, _ = fmt.Fprintf(out, `{"namespaces":[{"name":"new%d","owners":[{"account":"new-%[1]d"}],"labels":{"stage":"demo"}}]}`+"\n", n)
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

// emptyDirectory has the admin and nothing else.
func emptyDirectory(t *testing.T) (data string) {
	t.Helper()
	data = t.TempDir()
	dir, err := identity.Open(t.Context(), identity.Options{Dir: data, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }() // writes are stored when they return
	_, err = dir.Write(t.Context(), "cli:bench", func(tx *identity.Tx) error {
		_, err := tx.CreateAccount(identity.Account{ID: benchAdmin, Handle: "root", Kind: identity.Person, State: identity.Active})
		if err != nil {
			return err
		}
		return tx.GrantPlatformRole(benchAdmin, "admin")
	})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func importOverREST(t *testing.T, what, data, lines string, size int) importRow {
	t.Helper()
	raw := tokensOf(t, data, benchAdmin)[0]
	gate := startGate(t, data, bothCores(t))
	waitReady(t, gate)
	row := importRow{what: what, objects: 2 * size, before: gate.residentMiB()}
	cpu := cpuSeconds(t, gate.pid)
	file, err := os.Open(lines)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+gate.address+"/admin/v1/import", file)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+raw)
	request.Header.Set("Content-Type", "application/x-ndjson")
	begin := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("%v; the server says:\n%s", err, gate.tail())
	}
	defer func() { _ = response.Body.Close() }()
	var last []byte
	answer := bufio.NewScanner(response.Body)
	answer.Buffer(nil, 1<<20)
	for answer.Scan() {
		last = append(last[:0], answer.Bytes()...)
	}
	row.took = time.Since(begin)
	var end struct {
		Done struct{ Created int }
	}
	if err := json.Unmarshal(last, &end); err != nil || answer.Err() != nil || end.Done.Created != row.objects {
		t.Fatalf("the import ended with %s (%s, %v); the server says:\n%s", last, response.Status, answer.Err(), gate.tail())
	}
	row.cpu = cpuSeconds(t, gate.pid) - cpu
	row.after, row.highest = gate.residentMiB(), residentMiB(strconv.Itoa(gate.pid), "VmHWM")
	note("%s: %.0f objects a second", what, row.perSecond())
	return row
}

func importByCommand(t *testing.T, what, data, lines string, size int) importRow {
	t.Helper()
	row := importRow{what: what, objects: 2 * size}
	command := exec.Command(gatehouseBinary(t), "import", "--data", data, lines)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	begin := time.Now()
	said, err := command.CombinedOutput()
	row.took = time.Since(begin)
	if err != nil {
		t.Fatalf("import: %v\n%s", err, said)
	}
	used, _ := command.ProcessState.SysUsage().(*syscall.Rusage)
	row.cpu = (command.ProcessState.UserTime() + command.ProcessState.SystemTime()).Seconds()
	row.highest = float64(used.Maxrss) / 1024
	note("%s: %.0f objects a second", what, row.perSecond())
	return row
}
