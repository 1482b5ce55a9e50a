//go:build !bench

package main

import (
	"path/filepath"
	"testing"

	"github.com/gatehouse-authz/gatehouse/internal/testtools"
)

func TestDocs_the_page_about_policies_shows_what_a_server_answers(t *testing.T) {
	testtools.Program(t, "curl")
	testtools.Program(t, "jq")
	h := &house{addr: freeAddress(t), ops: freeAddress(t), data: filepath.Join(t.TempDir(), "data"), log: &lockedBuffer{}}
	h.importFiles(t, "../../testdata/demo.yaml")
	h.serve(t)
	tryPage(t, "policies.md", "./data", h.data, "127.0.0.1:9700", h.addr)
}
