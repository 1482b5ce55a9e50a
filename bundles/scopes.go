package bundles

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/open-policy-agent/opa/v1/util"
)

// anything stands in a scope for all things, or for all that is done to them.
const anything = "*"

// scopePattern is what a token can carry.
var scopePattern = regexp.MustCompile(`^[a-z0-9_.:-]{1,63}$`)

// words are what a question speaks of: applications and verbs at the ingress, kinds of
// resources and actions elsewhere.
type words struct {
	things, verbs   map[string]bool
	noThing, noVerb string // what is wrong with others
}

func newWords(noThing, noVerb string) words {
	return words{
		things: map[string]bool{anything: true}, noThing: noThing,
		verbs: map[string]bool{anything: true}, noVerb: noVerb,
	}
}

// vocabulary collects the words of each question from the tables of the defaults and of
// the operator.
func vocabulary(custom, defaults map[string]any) map[string]words {
	ingress := newWords("is no application of a routes table", "is no verb of the roles, methods or routes")
	admin := newWords("is no kind of resource", "is no action")
	for _, root := range []map[string]any{members(defaults, "gatehouse"), members(custom, customRoot)} {
		for name := range members(root, "roles") {
			for verb := range members(root, "roles", name) {
				ingress.verbs[verb] = true
			}
		}
		for _, rows := range members(root, "routes") {
			ingress.rows(rows)
		}
	}
	for _, verb := range members(defaults, "gatehouse", "methods") {
		ingress.verb(verb)
	}
	for kind := range members(defaults, "gatehouse", "actions") {
		admin.things[kind] = true
		for relation := range members(defaults, "gatehouse", "actions", kind) {
			for action := range members(defaults, "gatehouse", "actions", kind, relation) {
				admin.verbs[action] = true
			}
		}
	}
	return map[string]words{"ingress": ingress, "admin": admin}
}

// rows adds the words of the rows under one key of a routes table.
func (w words) rows(value any) {
	list, _ := value.([]any)
	for _, row := range list {
		fields, _ := row.(map[string]any)
		if application, ok := fields["application"].(string); ok {
			w.things[application] = true
		}
		for _, verb := range members(fields, "verbs") {
			w.verb(verb)
		}
	}
}

func (w words) verb(value any) {
	if verb, ok := value.(string); ok {
		w.verbs[verb] = true
	}
}

// members is the object at a place, none where there is no object.
func members(data map[string]any, keys ...string) map[string]any {
	value, _ := lookup(data, keys...)
	object, _ := value.(map[string]any)
	return object
}

// scopes checks the operator's scopes, which may only say what the questions know: one
// that is misspelt would narrow a token to less than its author believes. One that bears
// the name of a default scope widens every token that has it.
func (t *tables) scopes(custom, defaults, data map[string]any) {
	value, present := lookup(custom, customRoot, "scopes")
	if !present {
		return
	}
	table, ok := value.(map[string]any)
	if !ok {
		t.refuse("data.custom.scopes", "must be an object of scopes")
		return
	}
	known := vocabulary(custom, defaults)
	for _, name := range util.KeysSorted(table) {
		place := fmt.Sprintf("data.custom.scopes[%q]", name)
		shipped := members(defaults, "gatehouse", "scopes", name)
		switch questions, ok := table[name].(map[string]any); {
		case !ok:
			t.refuse(place, "a scope must be an object of question to what it gives there")
		case !scopePattern.MatchString(name):
			t.refuse(place, "no token can carry it: a scope is 1 to 63 of a-z, 0-9 and _ . : -")
		case strings.HasPrefix(name, "namespace:") && shipped == nil:
			t.refuse(place, "namespace:<name> names a namespace and gives nothing by itself")
		default:
			t.scope(place, questions, shipped, known, data)
		}
	}
}

// scope checks one scope; shipped is the default one of its name, if there is one.
func (t *tables) scope(place string, questions, shipped map[string]any, known map[string]words, data map[string]any) {
	for _, question := range util.KeysSorted(questions) {
		in := fmt.Sprintf("%s[%q]", place, question)
		w, ok := known[question]
		if !ok {
			t.refuse(in, "is no question; questions are admin and ingress")
			continue
		}
		t.gives(in, questions[question], w)
		if shipped != nil && !opens(data, question) {
			t.widened(in, question, questions[question], members(shipped, question))
		}
	}
}

// gives checks what a scope gives in one question.
func (t *tables) gives(place string, value any, w words) {
	things, ok := value.(map[string]any)
	if !ok {
		t.refuse(place, "must be an object of what it is done to, and of verb to true in it")
		return
	}
	for _, thing := range util.KeysSorted(things) {
		if !w.things[thing] {
			t.refuse(place, "%q %s", thing, w.noThing)
		}
		verbs, ok := things[thing].(map[string]any)
		if !ok {
			t.refuse(place, "%q must be an object of verb to true", thing)
			continue
		}
		for _, verb := range util.KeysSorted(verbs) {
			switch {
			case !w.verbs[verb]:
				t.refuse(place, "%q %s", verb, w.noVerb)
			case verbs[verb] != true:
				t.refuse(place, "%q must be true; leave out what the scope does not give", verb)
			}
		}
	}
}

// widened refuses what goes beyond a default scope of the name.
func (t *tables) widened(place, question string, value any, shipped map[string]any) {
	things, _ := value.(map[string]any)
	for _, thing := range util.KeysSorted(things) {
		for _, verb := range util.KeysSorted(members(things, thing)) {
			given := false
			for _, wide := range []string{thing, anything} {
				verbs := members(shipped, wide)
				given = given || verbs[verb] == true || verbs[anything] == true
			}
			if !given {
				t.refuse(place, "gives the default scope %q of %q too, which configuration does not let policies do: add %s to policies.custom_allow", verb, thing, question)
			}
		}
	}
}
