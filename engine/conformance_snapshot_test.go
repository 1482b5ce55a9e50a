package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"

	"github.com/gatehouse-authz/gatehouse/engine/internal/snapshot"
	"github.com/gatehouse-authz/gatehouse/engine/internal/terms"
)

// leastHeld is how many cases are to run with their data in a snapshot at least. Those
// of OPA 1.22 are 2,399, of which 265 have data.
const leastHeld = 240

// heldCollection and heldKey are where a case's data is held if its members are no
// collections of documents.
const (
	heldCollection = "held"
	heldKey        = "data"
)

// wantCompact checks that a case's data or input comes back from the compact form as it is.
func wantCompact(t *testing.T, text []byte) {
	t.Helper()
	want := ast.MustInterfaceToValue(util.MustUnmarshalJSON(text))
	compact, err := terms.Append(nil, text)
	if err != nil {
		t.Errorf("compact form of %s: %v", text, err)
		return
	}
	if got := terms.Decode(compact); want.Compare(got) != 0 {
		t.Errorf("compact form:\ngot  %v\nwant %v", got, want)
	}
}

// held is the case with its data in a snapshot and its references to data rewritten to
// where that is. why tells why that cannot be, "" if it can.
func (e *example) held(t *testing.T) (held *example, how, why string) {
	if e.data.Len() == 0 {
		return nil, "", "no data"
	}
	data, prefix, how := heldData(t, e.data)
	m := move{data: e.data, prefix: prefix, packages: map[string]bool{}}
	modules := map[string]*ast.Module{}
	for name, module := range e.modules {
		modules[name] = module.Copy()
		m.packages[string(module.Package.Path[1].Value.(ast.String))] = true
	}
	body := e.body.Copy()
	for _, module := range modules {
		for _, imported := range module.Imports {
			m.rewrite(t, imported)
		}
		for _, rule := range module.Rules {
			m.rewrite(t, rule)
		}
	}
	m.rewrite(t, body)
	switch {
	case m.why != "":
		return nil, "", m.why
	case m.moved == 0:
		return nil, "", "no reference to data"
	}
	held = &example{TestCase: e.TestCase, body: body, input: e.input, compiler: compileExample(t, modules, e.options)}
	held.txn = &transaction{state: state{policy: &policy{data: ast.NewObject()}, data: data}}
	return held, how, ""
}

// heldData puts data into a snapshot: objects of objects of objects as collections of
// documents, anything else as one document. prefix is what comes after data.identity.
func heldData(t *testing.T, data ast.Object) (held *snapshot.Snapshot, prefix []string, how string) {
	edit := snapshot.New(1 << 20).Edit(1)
	put := func(collection, key string, document ast.Value) {
		text := util.MustMarshalJSON(ast.MustJSON(document))
		if err := edit.Put(Change{Collection: collection, Key: key, Doc: text}); err != nil {
			t.Fatal(err)
		}
	}
	if !areCollections(data) {
		put(heldCollection, heldKey, data)
		return edit.Done(), []string{heldCollection, heldKey}, "as one document"
	}
	data.Foreach(func(collection, documents *ast.Term) {
		documents.Value.(ast.Object).Foreach(func(key, document *ast.Term) {
			put(string(collection.Value.(ast.String)), string(key.Value.(ast.String)), document.Value)
		})
	})
	return edit.Done(), nil, "as collections"
}

func areCollections(data ast.Object) bool {
	all := true
	data.Foreach(func(name, collection *ast.Term) {
		documents, ok := collection.Value.(ast.Object)
		if all = all && ok && documents.Len() > 0 && name.Value.Compare(ast.String(snapshot.Meta)) != 0; !all {
			return
		}
		documents.Foreach(func(key, document *ast.Term) {
			_, ok := document.Value.(ast.Object)
			all = all && ok && key.Value.Compare(ast.String("")) != 0
		})
	})
	return all
}

// move rewrites references to data.
type move struct {
	data     ast.Object
	prefix   []string
	packages map[string]bool // first names of the modules' packages
	moved    int
	why      string // why it cannot be
}

func (m *move) rewrite(t *testing.T, x any) {
	_, err := ast.TransformRefs(x, func(ref ast.Ref) (ast.Value, error) {
		if !ref[0].Equal(ast.DefaultRootDocument) {
			return ref, nil
		}
		if len(ref) == 1 {
			m.why = "data as a whole"
			return ref, nil
		}
		name, ok := ref[1].Value.(ast.String)
		if !ok {
			m.why = "a name under data is a variable"
			return ref, nil
		}
		switch taken, base := m.packages[string(name)], m.data.Get(ref[1]) != nil; {
		case taken && base, name == identityRoot:
			m.why = "a package and data have one name"
		case !taken:
			m.moved++
			to := ast.Ref{ref[0], ast.StringTerm(identityRoot)}
			for _, step := range m.prefix {
				to = append(to, ast.StringTerm(step))
			}
			return append(to, ref[1:]...), nil
		}
		return ref, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// byHow counts.
type byHow map[string]int

// log prints what was counted, and returns how much it is.
func (b byHow) log(t *testing.T, title string) (total int) {
	var text strings.Builder
	for _, how := range slices.Sorted(maps.Keys(b)) {
		total += b[how]
		_, _ = fmt.Fprintf(&text, "\n%4d %s", b[how], how)
	}
	t.Logf("%s: %d%s", title, total, text.String())
	return total
}
