package manifest

import (
	"fmt"
	"io"
)

// Op is what a Step does to the directory.
type Op string

// The three things that can happen to what a file names.
const (
	Create Op = "create"
	Update Op = "update"
	Remove Op = "remove"
)

// Step is one change of the directory in plain words, and the place in the files
// that asked for it. For a removal that is the namespace whose files no longer hold
// what is removed.
type Step struct {
	Op   Op
	What string
	At   Position
}

// String is one line of the plan.
func (s Step) String() string {
	return fmt.Sprintf("%s %s (%s)", s.Op, s.What, s.At.line())
}

// Report is what Apply did, or would do.
type Report struct {
	Steps []Step
	Notes []Note
	// Kept counts the bindings and owners of named namespaces that the files do not
	// hold and that stay because nobody asked to prune.
	Kept int
}

// WriteTo prints one line for each step.
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	var written int64
	for _, step := range r.Steps {
		n, err := fmt.Fprintln(w, step)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

func (r *Report) step(op Op, at Position, format string, args ...any) {
	r.Steps = append(r.Steps, Step{Op: op, What: fmt.Sprintf(format, args...), At: at})
}

func (r *Report) note(at Position, format string, args ...any) {
	r.Notes = append(r.Notes, Note{At: at, Text: fmt.Sprintf(format, args...)})
}
