package bundles

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/util"
)

// route is one row of a routes table.
type route struct {
	place    string // data.custom.routes["a"][0]
	key      string
	custom   bool
	path     string
	segments []string
	host     string
	access   string
	fields   map[string]any
}

// anyKey is the key of the rows whose first segment is not fixed.
const anyKey = "**"

var (
	literalPattern   = regexp.MustCompile(`^[A-Za-z0-9._~!$&'()+,;=:@ -]+$`)
	parameterPattern = regexp.MustCompile(`^\{[a-z][a-z0-9_]*\}$`)
	hostPattern      = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)
	accessPattern    = regexp.MustCompile(`^(namespace|self|account|public|role:[a-z0-9][a-z0-9._-]*)$`)
)

// tables checks the routes of the defaults and the tables of an operator.
type tables struct {
	findings []Finding
	file     string
}

// checkTables checks the tables by themselves, routes against themselves for ties,
// and the operator's against the defaults for what would let more pass.
func checkTables(custom *tree, defaults, data map[string]any) []Finding {
	own := tables{file: custom.file(customRoot, "routes")}
	base := tables{file: "defaults/gatehouse/routes/data.json"}
	rows := own.rows(custom.data, customRoot)
	builtin := base.rows(defaults, "gatehouse")
	own.ties(rows)
	base.ties(builtin)
	open := opens(data, "ingress")
	if !open {
		own.widening(rows, builtin)
	}
	roles := tables{file: custom.file(customRoot, "roles")}
	roles.roles(custom.data, defaults, open)
	scopes := tables{file: custom.file(customRoot, "scopes")}
	scopes.scopes(custom.data, defaults, data)
	return slices.Concat(base.findings, own.findings, roles.findings, scopes.findings)
}

func (t *tables) refuse(place, format string, args ...any) {
	t.findings = append(t.findings, Finding{File: t.file, Text: place + ": " + fmt.Sprintf(format, args...)})
}

// rows reads data.<root>.routes, refusing what is malformed.
func (t *tables) rows(data map[string]any, root string) []route {
	value, present := lookup(data, root, "routes")
	if !present {
		return nil
	}
	place := "data." + root + ".routes"
	table, ok := value.(map[string]any)
	if !ok {
		t.refuse(place, "must be an object of lists of rows")
		return nil
	}
	var rows []route
	for _, key := range util.KeysSorted(table) {
		list, ok := table[key].([]any)
		if !ok {
			t.refuse(fmt.Sprintf("%s[%q]", place, key), "must be a list of rows")
			continue
		}
		for i, value := range list {
			r := route{place: fmt.Sprintf("%s[%q][%d]", place, key, i), key: key, custom: root == customRoot}
			if t.row(&r, value) {
				rows = append(rows, r)
			}
		}
	}
	return rows
}

func (t *tables) row(r *route, value any) bool {
	fields, ok := value.(map[string]any)
	if !ok {
		t.refuse(r.place, "a row must be an object")
		return false
	}
	before := len(t.findings)
	r.fields = fields
	for _, name := range util.KeysSorted(fields) {
		t.field(r, name, fields[name])
	}
	for _, name := range []string{"path", "access", "application"} {
		if _, ok := fields[name]; !ok {
			t.refuse(r.place, "%s is missing", name)
		}
	}
	if len(t.findings) > before {
		return false
	}
	t.template(r)
	t.reachable(r)
	return len(t.findings) == before
}

func (t *tables) field(r *route, name string, value any) {
	text, isText := value.(string)
	switch name {
	case "path":
		r.path = text
	case "host":
		r.host = text
		if !hostPattern.MatchString(text) {
			t.refuse(r.place, "host %v must be a host name in lower case, without a port", value)
		}
		return
	case "access":
		r.access = text
		if !accessPattern.MatchString(text) {
			t.refuse(r.place, "access %v must be namespace, self, account, public or role:<role>", value)
		}
		return
	case "application", "namespace", "audience":
	case "encoded_slash":
		if _, ok := value.(bool); !ok {
			t.refuse(r.place, "encoded_slash must be true or false")
		}
		return
	case "verbs":
		t.verbs(r, value)
		return
	default:
		t.refuse(r.place, "%q is no column of the table", name)
		return
	}
	if !isText || text == "" {
		t.refuse(r.place, "%s must be a string that is not empty", name)
	}
}

func (t *tables) verbs(r *route, value any) {
	verbs, ok := value.(map[string]any)
	if !ok {
		t.refuse(r.place, "verbs must be an object of method to verb")
		return
	}
	for _, method := range util.KeysSorted(verbs) {
		if verb, ok := verbs[method].(string); !ok || verb == "" || method == "" {
			t.refuse(r.place, "verbs[%q] must be a verb", method)
		}
	}
}

// template checks the syntax of a path and that the row stands under the key
// where a request looks for it.
func (t *tables) template(r *route) {
	if !strings.HasPrefix(r.path, "/") {
		t.refuse(r.place, "path %q must start with /", r.path)
		return
	}
	r.segments = strings.Split(r.path[1:], "/")
	names := map[string]bool{}
	for i, segment := range r.segments {
		last := i == len(r.segments)-1
		switch {
		case segment == "**" && last, segment == "" && last:
		case segment == "**":
			t.refuse(r.place, "path %q: ** stands only at the end", r.path)
		case parameterPattern.MatchString(segment):
			if names[segment] {
				t.refuse(r.place, "path %q names %s twice", r.path, segment)
			}
			names[segment] = true
		case segment == "." || segment == ".." || !literalPattern.MatchString(segment):
			t.refuse(r.place, "path %q: segment %q is neither literal, {name} nor **", r.path, segment)
		}
	}
	if want := keyOf(r.segments); r.key != want {
		t.refuse(r.place, "path %q belongs under the key %q", r.path, want)
	}
}

// keyOf is the key under which a request finds a template.
func keyOf(segments []string) string {
	if first := segments[0]; first != "**" && !isParameter(first) {
		return first
	}
	return anyKey
}

func isParameter(segment string) bool { return strings.HasPrefix(segment, "{") }

// reachable refuses rows that could never let anybody pass.
func (t *tables) reachable(r *route) {
	switch r.access {
	case "self":
		if !slices.Contains(r.segments, "{handle}") {
			t.refuse(r.place, "access self needs {handle} in the path")
		}
	case "namespace":
		_, fixed := r.fields["namespace"]
		if !fixed && !slices.Contains(r.segments, "{namespace}") && !slices.Contains(r.segments, "{deployment}") {
			t.refuse(r.place, "access namespace needs {namespace} or {deployment} in the path, or a fixed namespace")
		}
	}
}

// roles checks the operator's roles. One that bears the name of a default role
// adds its verbs to that one, which widens every binding there is.
func (t *tables) roles(custom, defaults map[string]any, open bool) {
	value, present := lookup(custom, customRoot, "roles")
	if !present {
		return
	}
	table, ok := value.(map[string]any)
	if !ok {
		t.refuse("data.custom.roles", "must be an object of roles")
		return
	}
	for _, name := range util.KeysSorted(table) {
		place := fmt.Sprintf("data.custom.roles[%q]", name)
		verbs, ok := table[name].(map[string]any)
		if !ok || name == "" {
			t.refuse(place, "a role must be an object of verb to true")
			continue
		}
		builtin, known := lookup(defaults, "gatehouse", "roles", name)
		existing, _ := builtin.(map[string]any)
		for _, verb := range util.KeysSorted(verbs) {
			switch {
			case verbs[verb] != true:
				t.refuse(place, "%q must be true; leave out what the role may not do", verb)
			case known && !open && existing[verb] != true:
				t.refuse(place, "gives the default role the further verb %q, which configuration does not let policies do: add ingress to policies.custom_allow", verb)
			}
		}
	}
}

// sameFields tells whether two rows mean the same for whoever passes them.
func sameFields(a, b route, names ...string) bool {
	for _, name := range names {
		x, y := a.fields[name], b.fields[name]
		if xs, ok := x.(map[string]any); ok {
			ys, ok := y.(map[string]any)
			if !ok || !maps.Equal(xs, ys) {
				return false
			}
			continue
		}
		if _, ok := y.(map[string]any); ok || x != y {
			return false
		}
	}
	return true
}
