// Package bundles turns policy sources into something that may be activated.
//
// It owns the gate that every policy revision passes (sizes, parsing, roots,
// strict compilation, shape of custom rules, route tables, keyless reads, the
// folder's own tests), the list of builtins that policies may use, and the
// watch over the operator's policy folder. It does not own the default policies
// or their schemas, which are handed in as file systems, nor the engine, which
// it knows only as an Activator.
package bundles

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Sources are what a policy revision is made of.
type Sources struct {
	// Defaults are the product's policies. Schemas are the JSON Schemas that
	// their metadata names and, as .rego files, the types of data.identity.
	Defaults, Schemas fs.FS
	// Overlay is the operator's folder; nil means there is none.
	Overlay fs.FS
	// Settings become members of data.gatehouse.settings.
	Settings map[string]any
}

// Activator makes a bundle the one that decides. It is only ever given what
// passed the gate.
type Activator interface {
	Activate(ctx context.Context, revision string, compiler *ast.Compiler, data map[string]any) error
}

// The stages of the gate, in their order. The first one with a finding ends it.
const (
	StageSize     = "size"
	StageSettings = "settings"
	StageParse    = "parse"
	StageRoots    = "roots"
	StageCompile  = "compile"
	StageShape    = "shape"
	StageRoutes   = "routes"
	StageReads    = "reads"
	StageTests    = "tests"
)

// Finding is one reason for a refusal. Row and Col start at 1 and are 0 where
// the reason has no place in the file; File is relative to the folder it came
// from, and default policies are under "defaults/".
type Finding struct {
	File string `json:"file"`
	Row  int    `json:"row"`
	Col  int    `json:"col"`
	Text string `json:"text"`
}

func (f Finding) String() string {
	switch {
	case f.File == "":
		return f.Text
	case f.Row == 0:
		return f.File + ": " + f.Text
	}
	return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Row, f.Col, f.Text)
}

// RejectedError says at which stage of the gate sources were refused, and why.
type RejectedError struct {
	Stage    string
	Findings []Finding
}

// Error has every finding on a line of its own.
func (e *RejectedError) Error() string {
	lines := make([]string, 0, len(e.Findings)+1)
	lines = append(lines, "policy refused at stage "+e.Stage)
	for _, f := range e.Findings {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}

// reject makes a RejectedError of findings, or nil of none.
func reject(stage string, findings []Finding) error {
	if len(findings) == 0 {
		return nil
	}
	return &RejectedError{Stage: stage, Findings: findings}
}

// Report tells what passing the gate took.
type Report struct {
	// Modules counts the policy files that are active, Tests the folder's own
	// tests, all of which passed.
	Modules, Tests int
	Took           time.Duration
}

// Bundle is what passed the gate.
type Bundle struct {
	// Revision is a hash over all sources.
	Revision string
	Compiler *ast.Compiler
	// Data is everything under data but identity.
	Data   map[string]any
	Report Report
}

// at makes a finding of an OPA location.
func at(loc *ast.Location, format string, args ...any) Finding {
	f := Finding{Text: fmt.Sprintf(format, args...)}
	if loc != nil {
		f.File, f.Row, f.Col = loc.File, loc.Row, loc.Col
	}
	return f
}

// findingsOf takes OPA's errors apart, so that each keeps its place.
func findingsOf(file string, err error) []Finding {
	var many ast.Errors
	if !errors.As(err, &many) {
		var one *ast.Error
		if !errors.As(err, &one) {
			return []Finding{{File: file, Text: err.Error()}}
		}
		many = ast.Errors{one}
	}
	findings := make([]Finding, 0, len(many))
	for _, e := range many {
		f := at(e.Location, "%s: %s", e.Code, e.Message)
		if f.File == "" {
			f.File = file
		}
		if e.Details != nil {
			f.Text += "\n\t" + strings.Join(e.Details.Lines(), "\n\t")
		}
		findings = append(findings, f)
	}
	return findings
}
