// Package schemas holds the JSON Schemas of what policies see and say: the
// input of each question, the identity documents, the operator's tables and
// the decision; and beside them the stub module that tells OPA's type checker
// the fields of the identity documents.
//
// It owns the written form of these contracts. It does not own the Go types
// that fill them (packages identity and admin/ingress, whose tests compare
// themselves with the files here) nor the compile that uses them (package
// bundles).
package schemas

import "embed"

// FS holds the schemas at its root, named after the document they describe,
// and the generated Rego stubs under stubs/.
//
//go:embed *.json stubs
var FS embed.FS
