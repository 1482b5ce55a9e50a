package terms

import "github.com/open-policy-agent/opa/v1/ast"

// words are the strings that the directory's documents are full of. Each takes
// one byte in the compact form and is never allocated when it is read. A string
// that is not listed costs its letters and nothing else, so the list need not be
// complete; it may be changed freely, as the compact form never leaves memory.
var words = [...]string{
	// Members of documents and common labels.
	"account", "bindings", "created", "description", "email", "env", "expires", "handle", "id", "kind",
	"labels", "n", "name", "namespace", "organisation", "organisations", "owners", "project", "revision",
	"role", "roles", "state", "teams", "tier", "title", "type", "user_id", "value", "version",
	// Kinds, states, roles and common values of labels.
	"active", "admin", "contributor", "default", "dev", "disabled", "edit", "false", "group", "guest",
	"invited", "maintainer", "manager", "member", "none", "operator", "owner", "person", "platform_admin",
	"prod", "production", "reader", "service", "staging", "system", "team", "test", "true", "user",
	"view", "viewer", "writer",
}

// prefixes may stand before a ULID: they name the kind of a principal.
var prefixes = [...]string{"account:", "team:"}

// wordLength is up to which length a string is looked for among words.
const wordLength = 16

var (
	wordCodes = make(map[string]byte, len(words))
	wordTerms [len(words)]*ast.Term
)

func init() {
	for i, word := range words {
		wordCodes[word] = byte(i)
		wordTerms[i] = ast.NewTerm(ast.String(word))
	}
}
