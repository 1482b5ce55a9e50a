package manifest

import (
	"fmt"
	"hash/maphash"
)

// State is what the files want to be so, gathered over any number of Read calls.
// The zero value wants nothing. Its entries are kept as a [spool] keeps them: of
// a large State most lies in a temporary file, and what stays in memory is some tens of
// bytes for each name. Close gives the file back.
type State struct {
	// MaxNames bounds how many names ReadLines may keep in memory; 0 = any number. Each
	// takes some fifty bytes, and an entry has from one to three.
	MaxNames int

	spool spool
	files []string // by their number in the spool
	order uint64   // of the next entry
	count struct{ accounts, organisations, namespaces, bindings int }
	notes notes
	roles map[string]bool // roles that a note tells of
	read  int             // lines

	strict  bool       // contradicting bindings are looked for
	doubles []*Problem // that were found

	seeds [2]maphash.Seed
	names map[fingerprint]place // where each name was first given
	// spaces numbers the namespaces in the order in which the files first speak of
	// them, so that all that is said of one comes together when it is applied.
	spaces map[fingerprint]uint64
}

// The groups of the spool: accounts, then organisations, then one for each namespace.
const (
	groupAccounts uint64 = iota
	groupOrganisations
	groupNamespaces // plus the number of the namespace
)

// A record of a namespace's group begins with what it is.
const (
	recordNamespace = 'n'
	recordBinding   = 'b'
)

// fingerprint stands for a name. Two hashes under seeds of this process make it
// impossible to meet, or to choose, two names that share one.
type fingerprint [2]uint64

// place is a Position without the text of its file.
type place struct{ file, line, column uint32 }

// Close gives back what a large State has set aside.
func (s *State) Close() error {
	if err := s.spool.close(); err != nil {
		return fmt.Errorf("close the temporary file: %w", err)
	}
	return nil
}

// settle forgets what only reading needs, and empties the memory of a large State.
func (s *State) settle() error {
	s.names, s.spaces = nil, nil
	if len(s.spool.runs) == 0 {
		return nil
	}
	err := s.spool.setAside()
	s.spool.data, s.spool.index = nil, nil
	return err
}

// Notes is what Read has to tell, in the order of the files.
func (s *State) Notes() []Note { return s.notes.all() }

// Entries is how many accounts, organisations, namespaces and bindings the files hold.
func (s *State) Entries() int {
	return s.count.accounts + s.count.organisations + s.count.namespaces + s.count.bindings
}

// Empty says that the files held nothing that import reads.
func (s *State) Empty() bool { return s.Entries() == 0 }

// Prunable says that the files name a namespace, by a Profile or an entry of
// `namespaces`; otherwise pruning has nothing to look at.
func (s *State) Prunable() bool { return s.count.namespaces > 0 }

func (s *State) addAccount(a *account) error {
	s.count.accounts++
	return s.add(groupAccounts, func(buf []byte) []byte { return encode(&s.files, buf, a, accountFields) })
}

func (s *State) addOrganisation(o *organisation) error {
	s.count.organisations++
	return s.add(groupOrganisations, func(buf []byte) []byte { return encode(&s.files, buf, o, organisationFields) })
}

func (s *State) addNamespace(n *namespace) error {
	s.count.namespaces++
	return s.add(s.group(n.name), func(buf []byte) []byte {
		return encode(&s.files, append(buf, recordNamespace), n, namespaceFields)
	})
}

func (s *State) addBinding(b *binding) error {
	if s.strict && !b.kubeflow {
		first, twice := s.firstNamed("a binding", b.namespace+"\x00"+string(b.who.kind)+"\x00"+b.who.name, b.at)
		if twice {
			s.doubles = append(s.doubles, boundTwice(b.who, b.namespace, b.at, first))
		}
	}
	s.count.bindings++
	return s.add(s.group(b.namespace), func(buf []byte) []byte {
		return encode(&s.files, append(buf, recordBinding), b, bindingFields)
	})
}

func (s *State) add(group uint64, write func([]byte) []byte) error {
	s.order++
	return s.spool.add(group, s.order, write)
}

// group is that of everything about one namespace.
func (s *State) group(namespace string) uint64 {
	if s.spaces == nil {
		s.spaces = map[fingerprint]uint64{}
	}
	print := s.fingerprint("", namespace)
	number, known := s.spaces[print]
	if !known {
		number = uint64(len(s.spaces))
		s.spaces[print] = number
	}
	return groupNamespaces + number
}

// firstNamed takes note of where a name was given, and says whether and where it was
// given before.
func (s *State) firstNamed(noun, name string, at Position) (Position, bool) {
	if s.names == nil {
		s.names = map[fingerprint]place{}
	}
	print := s.fingerprint(noun, name)
	if first, twice := s.names[print]; twice {
		return Position{File: s.files[first.file], Line: int(first.line), Column: int(first.column)}, true
	}
	c := codec{files: &s.files}
	s.names[print] = place{uint32(c.file(at.File)), uint32(at.Line), uint32(at.Column)}
	return Position{}, false
}

func (s *State) fingerprint(noun, name string) (print fingerprint) {
	for i := range s.seeds {
		if s.seeds[i] == (maphash.Seed{}) {
			s.seeds[i] = maphash.MakeSeed()
		}
		var h maphash.Hash
		h.SetSeed(s.seeds[i])
		_, _ = h.WriteString(noun) // never fails
		_ = h.WriteByte(0)
		_, _ = h.WriteString(name)
		print[i] = h.Sum64()
	}
	return print
}

// maxNotes bounds what is told of one import: nobody reads on after so many.
const maxNotes = 1000

// notes are the first of them, and how many came after.
type notes struct {
	kept []Note
	more int
}

func (n *notes) add(at Position, format string, args ...any) {
	if len(n.kept) >= maxNotes {
		n.more++
		return
	}
	n.kept = append(n.kept, Note{At: at, Text: fmt.Sprintf(format, args...)})
}

func (n *notes) all() []Note {
	if n.more == 0 {
		return n.kept
	}
	last := n.kept[len(n.kept)-1]
	return append(n.kept[:len(n.kept):len(n.kept)], Note{At: Position{File: last.At.File}, Text: fmt.Sprintf("%d more notes", n.more)})
}
