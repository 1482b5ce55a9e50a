// Package policies holds the default Rego policies and tables that ship inside
// the binary: one folder per question that is asked, the library that policy
// authors import, and the tables for roles, routes and methods.
//
// It owns what the defaults decide and the tests beside them. It does not own
// compiling, gating or activating them (package bundles) nor evaluating them
// (package engine). Nothing but this file is Go.
package policies

import "embed"

// FS holds every module, test and data file, rooted so that a file's folder is
// its package path: gatehouse/ingress/ingress.rego is package gatehouse.ingress.
//
//go:embed gatehouse custom
var FS embed.FS
