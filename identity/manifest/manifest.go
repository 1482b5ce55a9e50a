// Package manifest turns files that say who may do what into a directory that
// holds exactly that, and a directory back into such a file.
//
// It owns the reading of Gatehouse's own YAML and of Kubeflow's Profile and
// RoleBinding manifests (State), the comparison with a directory and the writing
// of what differs in batches (Run, State.Batches, Batch.Apply), and the file form of a
// whole directory (Export).
//
// It does not own the rules that names and documents must keep: identity checks
// them, and this package adds the file and line at which they were broken. It
// neither opens files nor prints; its neighbours are identity below, and above it the
// import and export commands and the import of the REST API.
package manifest

import (
	"fmt"
	"strings"
	"time"
)

// Position is a place in a file. Line and Column count from 1; 0 means unknown.
type Position struct {
	File   string
	Line   int
	Column int
}

// String is file:line:column, the form that editors and terminals jump to.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// line is file:line, for places where the column only disturbs.
func (p Position) line() string {
	p.Column = 0
	return p.String()
}

// Problem is one reason why the files cannot be taken as they are. Text also says
// what to do. Field is the member of the line, where ReadLines has read it. Err is what
// the directory said, for errors.Is and errors.As.
type Problem struct {
	At    Position
	Field string
	Text  string
	Err   error
}

func (p *Problem) Error() string { return p.At.String() + ": " + p.Text }

// Unwrap gives the directory's own error, if there was one.
func (p *Problem) Unwrap() error { return p.Err }

// Problems is every problem found while reading, in the order of the files.
type Problems []*Problem

// maxProblems bounds what is reported of one hopeless file.
const maxProblems = 50

func (p Problems) Error() string {
	var b strings.Builder
	for i, problem := range p {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(problem.Error())
	}
	return b.String()
}

// Unwrap lets errors.Is and errors.As look at each problem.
func (p Problems) Unwrap() []error {
	errs := make([]error, len(p))
	for i, problem := range p {
		errs[i] = problem
	}
	return errs
}

// Note tells the operator about something that was read and not taken, or taken
// in another way than it stood there. It stops nothing.
type Note struct {
	At   Position
	Text string
}

func (n Note) String() string { return n.At.String() + ": " + n.Text }

// account is one entry of `accounts`. A nil field was left out: the directory's
// value stays. An id is what an export holds, so that what was written elsewhere
// about an account still fits after a restore.
type account struct {
	at                    Position
	id                    *string
	handle, email, userID *string
	kind, state, name     *string
	roles                 []text
	rolesGiven            bool
	identities            []linked
}

// linked is an identity of a trusted issuer that is to be the account's.
type linked struct {
	at              Position
	issuer, subject string
}

type organisation struct {
	at              Position
	handle          string
	id, name, state *string
	members         []member
	teams           []team
}

type team struct {
	at       Position
	handle   string
	id, name *string
	members  []member
}

type member struct {
	who reference
	// owner says role owner; otherwise role member.
	owner bool
}

// namespace is one entry of `namespaces` or one Profile.
type namespace struct {
	at         Position
	name       string
	owners     []reference
	labels     map[string]string // nil = left out
	quota      []byte            // compact JSON of a ResourceQuotaSpec
	quotaGiven bool              // with quota nil: no quota
}

// binding is one row of `bindings` or one subject of a RoleBinding.
type binding struct {
	at        Position
	namespace string
	who       reference
	role      string
	expires   time.Time // zero = never
	kubeflow  bool      // one person may have several RoleBindings: the strongest counts
}

// text is a string and where it stood.
type text struct {
	at    Position
	value string
}

// referenceKind says what a reference's name is.
type referenceKind string

const (
	toAccount referenceKind = "account" // a handle, or an e-mail when it holds an @
	toUserID  referenceKind = "user_id" // a platform's own name of a person, exact
	toTeam    referenceKind = "team"    // <organisation handle>/<team handle>
	toGroup   referenceKind = "group"   // a group of an outside identity provider
	toUser    referenceKind = "user"    // a Kubernetes User: a user_id that is often also an e-mail
)

// reference names somebody who is granted something.
type reference struct {
	at   Position
	kind referenceKind
	name string
}

func (r reference) String() string {
	if r.kind == toAccount || r.kind == toUser {
		return r.name
	}
	return string(r.kind) + " " + r.name
}
