package engine_test

// corpus are policies that each look at input and data in another way. All answer
// through answer(x), so that whatever they saw is in a label.
var corpus = map[string]string{
	"looks up a document":            `decision := answer(data.identity.accounts[input.subject.id].handle)`,
	"looks up a whole document":      `decision := answer(data.identity.accounts[input.subject.id])`,
	"looks up by an index of a path": `decision := answer(object.keys(data.identity.namespaces[input.request.path[1]].bindings))`,
	"looks for what is absent": `decision := answer("absent") if {
	not data.identity.accounts[input.subject.id]
} else := answer("there")`,
	"negates a member": `decision := answer("no admin") if not data.identity.accounts[input.subject.id].roles.admin
decision := answer("admin") if data.identity.accounts[input.subject.id].roles.admin`,
	"negates a rule": `decision := answer("stranger") if not known
decision := answer("known") if known
known if data.identity.namespaces[input.request.path[1]].owners[concat(":", ["account", input.subject.id])]`,
	"iterates over a document":     `decision := answer({p: b.role | some p, b in data.identity.namespaces[input.request.path[1]].bindings})`,
	"iterates over a collection":   `decision := answer({k | some k, _ in data.identity.accounts})`,
	"finds in a collection":        `decision := answer({k | some k; data.identity.accounts[k].handle == input.subject.id})`,
	"counts a collection":          `decision := answer(count(data.identity.teams))`,
	"compares documents":           `decision := answer(data.identity.accounts[input.subject.id] == data.identity.accounts.u1)`,
	"joins collections":            `decision := answer({[n, a] | some n, d in data.identity.namespaces; some o, _ in d.owners; a := data.identity.accounts[trim_prefix(o, "account:")].handle})`,
	"asks for a collection":        `decision := answer(count(data.identity[input.key]))`,
	"asks whether there is one":    `decision := answer("no") if { not data.identity[input.key] } else := answer("yes")`,
	"asks for the revision":        `decision := answer(data.identity.meta.revision)`,
	"asks for all of meta":         `decision := answer(data.identity.meta)`,
	"asks for the revision if bad": `decision := answer(data.identity.meta.revision) if data.identity.accounts[input.subject.id].state == "disabled"`,
	"calls a function on documents": `decision := answer(of(data.identity.accounts[input.subject.id]))
of(account) := account.handle if account.state == "active"
of(account) := "disabled" if account.state != "active"`,
	"calls a function with else": `decision := answer(of(input.subject.id))
of(id) := data.identity.accounts[id].handle if {
	data.identity.accounts[id].state == "active"
} else := data.identity.namespaces[id].labels if {
	data.identity.namespaces[id]
} else := "nothing"`,
	"chains else": `decision := answer("first") if {
	data.identity.accounts[input.subject.id].state == "active"
} else := answer("second") if {
	data.identity.namespaces[input.request.path[1]]
} else := answer("third") if {
	input.request.method == "GET"
} else := answer("last")`,
	"collects a partial set": `decision := answer(found)
found contains r if some r, true in data.identity.accounts[input.subject.id].roles
found contains t if some t, _ in data.identity.accounts[input.subject.id].teams
found contains g if some g, true in input.subject.groups`,
	"asks a partial set": `decision := answer("in") if { found[input.key] } else := answer("out")
found contains t if some t, _ in data.identity.accounts[input.subject.id].teams`,
	"collects a partial object": `decision := answer(found)
found[p] := b.role if some p, b in data.identity.namespaces[input.request.path[1]].bindings
found.subject := input.subject.kind`,
	"asks a partial object": `decision := answer(found[input.subject.id])
found[a] := d.handle if some a, d in data.identity.accounts`,
	"nests comprehensions": `decision := answer([[n | some n, _ in d.bindings] | some d in [data.identity.namespaces[name] | some name in input.request.path]])`,
	"has a default": `default decision := {"effect": "deny", "reason": "default", "labels": {}}
decision := answer("active") if data.identity.accounts[input.subject.id].state == "active"`,
	"has a default function": `decision := answer(of(input.subject.id))
default of(_) := "unknown"
of(id) := data.identity.accounts[id].handle`,
	"asks of every": `decision := answer("all") if {
	every o, _ in data.identity.namespaces[input.request.path[1]].owners {
		data.identity.accounts[trim_prefix(o, "account:")].state == "active"
	}
} else := answer("not all")`,
	"asks of every segment":           `decision := answer("all") if { every s in input.request.path { s != "n1" } } else := answer("not all")`,
	"steps by a variable":             `decision := answer(input.request[input.key])`,
	"steps by every member":           `decision := answer({k: v | some k; v := input.subject[k]})`,
	"reads all of the input":          `decision := answer(input)`,
	"names the input":                 `decision := answer(x.subject.id) if x := input`,
	"gets from the input":             `decision := answer(object.get(input, ["subject", "id"], "none"))`,
	"walks a part of the input":       `decision := answer([p | walk(input.subject, [p, _])])`,
	"hands the input on":              "decision := answer(of(input.request))\nof(request) := request.method if request.path[0] == \"a\"\nof(request) := request.path if request.path[0] != \"a\"",
	"asks what type it is":            `decision := answer([type_name(input.subject.id), type_name(input.request.path), type_name(input.key)])`,
	"asks whether it is there":        `decision := answer("no subject") if { not input.subject } else := answer("no id") if { not input.subject.id } else := answer("id")`,
	"compares with null":              `decision := answer("null") if { input.subject == null } else := answer("other")`,
	"compares numbers":                `decision := answer(input.subject.id > 0)`,
	"unifies with the input":          `decision := answer([a, b]) if [a, b] = input.request.path`,
	"asks a set of names":             `decision := answer("member") if { input.subject.groups.staff } else := answer("none")`,
	"counts names":                    `decision := answer(count(input.subject.groups))`,
	"reads the policy's data":         `decision := answer(data.table.open)`,
	"reads nothing":                   `decision := answer("constant")`,
	"is undefined":                    `decision := answer("x") if input.nobody_says_this`,
	"tells the time":                  `decision := answer(time.now_ns())`,
	"compares the time":               `decision := answer("early") if { time.now_ns() < 1100000000000000000 } else := answer("late")`,
	"verifies a token":                `decision := answer(io.jwt.decode_verify("` + expiring + `", {"secret": "secret"})[0])`,
	"fails in a builtin":              `decision := answer("allow") if not denied` + "\n" + `denied if to_number(input.subject.id) > 3`,
	"conflicts":                       "decision := answer(1) if input.subject.id == \"u1\"\ndecision := answer(2) if data.identity.accounts.u1.state == \"active\"",
	"reads all of identity sometimes": `decision := answer(count(data.identity)) if input.key == "teams"` + "\n" + `decision := answer("fine") if input.key != "teams"`,
	"reads very many documents":       `decision := answer({x | some i in numbers.range(0, 70); x := data.identity.accounts[sprintf("u%d", [i])].handle})`,
	"reads some documents":            `decision := answer({x | some i in numbers.range(0, 20); x := data.identity.accounts[sprintf("u%d", [i])].handle})`,
	"is asked in two ways": `decision := answer(second.labels.x) if input.key == "teams"
decision := answer([input.request.method, input.subject.kind]) if input.key != "teams"

# METADATA
# scope: document
# entrypoint: true
second := answer([input.key, input.subject.kind, input.request.method])`,
	"reads the time of what expires": `decision := answer("live") if { live } else := answer("dead")
live if {
	b := data.identity.namespaces[input.request.path[1]].bindings[concat(":", ["account", input.subject.id])]
	not b.expires
}
live if {
	b := data.identity.namespaces[input.request.path[1]].bindings[concat(":", ["account", input.subject.id])]
	time.now_ns() < b.expires * 1000000000
}`,
	"replaces a document": `decision := answer(handle) if {
	handle := of with data.identity.accounts.u1.handle as "another"
}
of := data.identity.accounts[input.subject.id].handle`,
	"replaces a collection": `decision := answer([of, other]) if {
	other := of with data.identity.accounts as {"u1": {"handle": "another"}}
}
default of := "nobody"
of := data.identity.accounts[input.subject.id].handle`,
	"replaces a member of the input": `decision := answer([of, other]) if {
	other := of with input.subject.id as "u2"
}
default of := "nobody"
of := [data.identity.accounts[input.subject.id].handle, input.subject.kind]`,
	"replaces the input": `decision := answer(other) if {
	other := of with input as {"subject": {"id": input.key}}
}
default of := "nobody"
of := data.identity.accounts[input.subject.id].handle`,
	"replaces the clock": `decision := answer(at) if {
	at := now with time.now_ns as count(data.identity.accounts)
}
now := time.now_ns()`,
	"replaces a function": `decision := answer(of(input.subject.id)) if true
of(id) := x if {
	x := handle(id) with handle as data.gate.state
}
handle(id) := data.identity.accounts[id].handle
state(id) := data.identity.accounts[id].state`,
	"asks packages it does not know": `decision := answer({[n, w] | some n; some w in data.custom[n].deny})`,
	"reads the rules of a package":   `decision := answer(data.custom)`,
	"has rules that are indexed": `decision := answer("owner") if input.request.method == "GET"
else := answer("put") if { input.request.method == "PUT"; data.identity.accounts[input.subject.id].state == "active" }
else := answer(data.identity.teams[input.key].name) if input.request.method in {"POST", "DELETE"}`,
	"formats with a template": `decision := answer($"{input.subject.id} is {data.identity.accounts[input.subject.id].state}")`,
	"picks the smallest":      `decision := answer(min({[n, w] | some n, d in data.identity.namespaces; some w, _ in d.bindings}))`,
	"filters an object":       `decision := answer(object.filter(data.identity.namespaces[input.request.path[1]].bindings, {concat(":", ["account", input.subject.id])}))`,
}

// expiring is a token of HMAC secret "secret" that ends at 1100000000.
const expiring = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjExMDAwMDAwMDB9.rlttOiVb2-6QGzeeJSMauaSYk09oW3EojjsE9Vd3evM"

// custom stands beside every policy of the corpus.
const custom = `package custom.night

deny contains "it is night" if input.request.method == "DELETE"

deny contains data.identity.accounts[input.subject.id].state
`

const answerRule = `
answer(x) := {"effect": "allow", "reason": "seen", "labels": {"x": json.marshal(x)}}
`
