package identity

import (
	"fmt"
	"reflect"
	"strings"
)

// stubCollections are the documents that policy reads, and what they are keyed
// by.
var stubCollections = []struct {
	name, key string
	document  reflect.Type
}{
	{CollectionAccounts, "uid", reflect.TypeFor[AccountDocument]()},
	{CollectionTeams, "uid", reflect.TypeFor[TeamDocument]()},
	{CollectionNamespaces, "name", reflect.TypeFor[NamespaceDocument]()},
}

const stubHeader = `# Generated from the document types of package identity; change those, not this.
#
# Types of the documents under data.identity, for the type checker alone: it is
# compiled beside policies when they are checked, so that a field that no
# document has is an error, and never when they are run.
package identity

meta := {"revision": 0}
`

// StubModule is a Rego module whose rules have the types of the documents under
// data.identity. OPA's schemas do not refuse a reference to a field that no
// document has; references to this module's rules are refused.
func StubModule() []byte {
	var b strings.Builder
	b.WriteString(stubHeader)
	for _, c := range stubCollections {
		fmt.Fprintf(&b, "\n%s[%s] := %s if some %s in [\"\"]\n", c.name, c.key, stubObject(c.document, "\t"), c.key)
	}
	return []byte(b.String())
}

// stubObject writes a struct as an object with a value of the right type in
// each field; optional fields are there too, since a policy may ask for them.
func stubObject(t reflect.Type, indent string) string {
	var b strings.Builder
	b.WriteString("{\n")
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		fmt.Fprintf(&b, "%s%q: %s,\n", indent, name, stubValue(field.Type, indent))
	}
	return b.String() + strings.TrimSuffix(indent, "\t") + "}"
}

func stubValue(t reflect.Type, indent string) string {
	switch t.Kind() {
	case reflect.String:
		return `""`
	case reflect.Bool:
		return "true"
	case reflect.Int64, reflect.Uint64:
		return "0"
	case reflect.Struct:
		return stubObject(t, indent+"\t")
	case reflect.Map:
		if t.Elem().Kind() == reflect.Struct { // broken over lines as opa fmt has it
			return fmt.Sprintf("{key: %s |\n%s\tsome key in [\"\"]\n%s}", stubValue(t.Elem(), indent), indent, indent)
		}
		return fmt.Sprintf(`{key: %s | some key in [""]}`, stubValue(t.Elem(), indent))
	default:
		panic("identity: a document has a field of a type that the stub module cannot write: " + t.String())
	}
}
