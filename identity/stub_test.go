package identity_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/gatehouse-authz/gatehouse/identity"
)

var update = flag.Bool("update", false, "write generated files instead of comparing them")

func TestStub_module_is_the_committed_one(t *testing.T) {
	path := filepath.Join("..", "schemas", "stubs", "identity.rego")
	got := identity.StubModule()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("the document types say:\n%s\n%s holds:\n%s\nrun go test ./identity -update", got, path, want)
	}
}
