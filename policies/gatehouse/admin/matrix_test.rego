package gatehouse.admin_test

# Every kind of resource and every action, for eight callers: nobody who signed in,
# bob without a part in anything, tom who owns a team, olga who owns its
# organisation, ada who owns a namespace, ann who is admin in it by a binding, a
# platform admin, and a service with a token that may only read lab and its bindings.
# The cells are reasons, of which three are short: login is not_signed_in, no is
# not_granted, scope is scope_missing. `*` stands for all five actions.
callers := ["anonymous", "BOB", "TOM", "OLGA", "ADA", "ANN", "ROOT", "BOT"]

matrix["account"] := `
                        anonymous bob   tom   olga  ada   ann   root  robot
	list    all         login     no    no    no    no    no    role  scope
	list    own         login     self  self  self  self  self  role  scope
	read    self        login     self  self  self  self  self  role  scope
	read    nia         login     no    no    no    no    no    role  scope
	create  new         login     no    no    no    no    no    role  scope
	update  self/name   login     self  self  self  self  self  role  scope
	update  self/email  login     no    no    no    no    no    role  scope
	update  self        login     no    no    no    no    no    role  scope
	update  nia/name    login     no    no    no    no    no    role  scope
	delete  self        login     no    no    no    no    no    role  scope
	delete  nia         login     no    no    no    no    no    role  scope
`

matrix["password"] := `
	list    own         login     no    no    no    no    no    role  scope
	read    own         login     no    no    no    no    no    role  scope
	create  own         login     no    no    no    no    no    role  scope
	update  own         login     self  self  self  self  self  role  scope
	update  nia's       login     no    no    no    no    no    role  scope
	delete  own         login     no    no    no    no    no    role  scope
`

matrix["token"] := `
	list    own         login     self  self  self  self  self  role  scope
	list    nia's       login     no    no    no    no    no    role  scope
	read    own         login     self  self  self  self  self  role  scope
	read    nia's       login     no    no    no    no    no    role  scope
	create  own         login     self  self  self  self  self  role  scope
	create  nia's       login     no    no    no    no    no    no    scope
	create  bot's       login     no    no    no    no    no    role  scope
	update  own/name    login     self  self  self  self  self  role  scope
	update  own/scopes  login     no    no    no    no    no    role  scope
	update  nia's/name  login     no    no    no    no    no    role  scope
	delete  own         login     self  self  self  self  self  role  scope
	delete  nia's       login     no    no    no    no    no    role  scope
`

matrix["identity"] := `
	list    own         login     self  self  self  self  self  role  scope
	list    nia's       login     no    no    no    no    no    role  scope
	read    own         login     self  self  self  self  self  role  scope
	read    nia's       login     no    no    no    no    no    role  scope
	create  own         login     no    no    no    no    no    role  scope
	update  own         login     no    no    no    no    no    role  scope
	delete  own         login     no    no    no    no    no    role  scope
`

matrix["platform_role"] := `
	list    own         login     self  self  self  self  self  role  scope
	list    nia's       login     no    no    no    no    no    role  scope
	list    all         login     no    no    no    no    no    role  scope
	read    own         login     no    no    no    no    no    role  scope
	create  own         login     no    no    no    no    no    role  scope
	create  nia's       login     no    no    no    no    no    role  scope
	update  own         login     no    no    no    no    no    role  scope
	delete  nia's       login     no    no    no    no    no    role  scope
`

matrix["principal"] := `
	list    all      login     account  account  account  account  account  role  scope
	read    all      login     no       no       no       no       no       role  scope
	create  all      login     no       no       no       no       no       role  scope
	update  all      login     no       no       no       no       no       role  scope
	delete  all      login     no       no       no       no       no       role  scope
`

matrix["organisation"] := `
	list    all         login     no    no      no     no    no    role  scope
	list    own         login     self  self    self   self  self  role  scope
	read    acme        login     no    member  owner  no    no    role  scope
	read    other       login     no    no      no     no    no    role  scope
	create  new         login     no    no      no     no    no    role  scope
	update  acme/name   login     no    no      owner  no    no    role  scope
	update  acme/handle login     no    no      no     no    no    role  scope
	update  other/name  login     no    no      no     no    no    role  scope
	delete  acme        login     no    no      no     no    no    role  scope
`

matrix["organisation_member"] := `
	list    acme        login     no    member  owner  no    no    role  scope
	list    other       login     no    no      no     no    no    role  scope
	read    acme/self   login     self  self    self   self  self  role  scope
	read    acme/nia    login     no    member  owner  no    no    role  scope
	create  acme/self   login     no    no      owner  no    no    role  scope
	create  acme/nia    login     no    no      owner  no    no    role  scope
	create  other/nia   login     no    no      no     no    no    role  scope
	update  acme/self   login     no    no      owner  no    no    role  scope
	update  acme/nia    login     no    no      owner  no    no    role  scope
	delete  acme/self   login     self  self    self   self  self  role  scope
	delete  acme/nia    login     no    no      owner  no    no    role  scope
`

matrix["team"] := `
	list    all         login     no    no      no     no    no    role  scope
	list    own         login     self  self    self   self  self  role  scope
	list    acme's      login     no    member  owner  no    no    role  scope
	read    ml          login     no    owner   owner  no    no    role  scope
	read    ops         login     no    member  owner  no    no    role  scope
	read    foreign     login     no    no      no     no    no    role  scope
	create  acme's      login     no    no      owner  no    no    role  scope
	create  other's     login     no    no      no     no    no    role  scope
	update  ml/name     login     no    owner   owner  no    no    role  scope
	update  ml/handle   login     no    no      owner  no    no    role  scope
	update  ops/name    login     no    no      owner  no    no    role  scope
	delete  ml          login     no    no      owner  no    no    role  scope
	delete  foreign     login     no    no      no     no    no    role  scope
`

matrix["team_member"] := `
	list    ml          login     no    owner   owner  no    no    role  scope
	list    ops         login     no    member  owner  no    no    role  scope
	read    ops/self    login     self  self    self   self  self  role  scope
	read    ml/nia      login     no    owner   owner  no    no    role  scope
	read    ops/nia     login     no    member  owner  no    no    role  scope
	create  ml/nia      login     no    owner   owner  no    no    role  scope
	create  ops/self    login     no    no      owner  no    no    role  scope
	create  foreign/nia login     no    no      no     no    no    role  scope
	update  ml/nia      login     no    owner   owner  no    no    role  scope
	update  ops/self    login     no    no      owner  no    no    role  scope
	delete  ml/nia      login     no    owner   owner  no    no    role  scope
	delete  ops/self    login     self  self    self   self  self  role  scope
	delete  ops/nia     login     no    no      owner  no    no    role  scope
`

matrix["namespace"] := `
	list    all         login     no    no    no    no     no       role  scope
	list    own         login     self  self  self  self   self     role  scope
	read    lab         login     no    no    no    owner  binding  role  binding
	read    gone        login     no    no    no    no     no       role  scope
	create  gone        login     no    no    no    no     no       role  scope
	update  lab/labels  login     no    no    no    owner  no       role  scope
	update  lab/owners  login     no    no    no    owner  no       role  scope
	update  lab/quota   login     no    no    no    no     no       role  scope
	update  lab         login     no    no    no    no     no       role  scope
	delete  lab         login     no    no    no    owner  no       role  scope
`

matrix["binding"] := `
	list    all         login     no    no    no    no       no       role  scope
	list    own         login     self  self  self  self     self     role  scope
	list    lab         login     no    no    no    binding  binding  role  binding
	list    gone        login     no    no    no    no       no       role  scope
	read    lab/self    login     self  self  self  self     self     role  self
	read    lab/nia     login     no    no    no    binding  binding  role  binding
	create  lab/nia     login     no    no    no    binding  binding  role  scope
	create  lab/self    login     no    no    no    binding  binding  role  scope
	update  lab/nia     login     no    no    no    binding  binding  role  scope
	update  lab/self    login     no    no    no    binding  binding  role  scope
	delete  lab/nia     login     no    no    no    binding  binding  role  scope
	delete  lab/self    login     self  self  self  self     self     role  scope
`

matrix["documentation"] := `
	list    all      login     no       no       no       no       no       role  scope
	read    all      login     account  account  account  account  account  role  scope
	create  all      login     no       no       no       no       no       role  scope
	update  all      login     no       no       no       no       no       role  scope
	delete  all      login     no       no       no       no       no       role  scope
`

matrix[kind] := `
	*       all         login     no    no    no    no    no    role  scope
` if {
	some kind in ["decision", "import", "journal", "key", "metrics", "policy", "setting"]
}

# What the words of a row stand for, beside the kind; SELF is whoever asks. What
# follows a slash is the field that changes, or who is a member or bound.
everywhere := {
	"all": {}, "new": {}, "own": {"account": "SELF"}, "nia's": {"account": "NIA"}, "bot's": {"account": "BOT"},
	"self": {"id": "SELF"}, "nia": {"id": "NIA"},
}

things := {
	"organisation": {"acme": {"id": "ACME"}, "other": {"id": "OTHER"}},
	"organisation_member": {"acme": {"organisation": "ACME"}, "other": {"organisation": "OTHER"}},
	"team": {
		"ml": {"id": "ML"}, "ops": {"id": "OPS"}, "foreign": {"id": "FOREIGN"},
		"acme's": {"organisation": "ACME"}, "other's": {"organisation": "OTHER"},
	},
	"team_member": {"ml": {"team": "ML"}, "ops": {"team": "OPS"}, "foreign": {"team": "FOREIGN"}},
	"namespace": {"lab": {"id": "lab"}, "gone": {"id": "gone"}},
	"binding": {"lab": {"namespace": "lab"}, "gone": {"namespace": "gone"}},
}

further(_, []) := {}

further(kind, [field]) := {"fields": {field: true}} if not kind in {"organisation_member", "team_member", "binding"}

further("binding", [who]) := {"principal": concat("", ["account:", upper(who)]), "role": "edit"}

further(kind, [who]) := {"account": upper(who)} if kind in {"organisation_member", "team_member"}

resource(kind, words, caller) := json.unmarshal(replace(json.marshal(whole), "SELF", caller)) if {
	[name, rest] := [words[0], array.slice(words, 1, 2)]
	thing := object.union(everywhere, object.get(things, kind, {}))[name]
	whole := object.union_n([{"kind": kind}, thing, further(kind, rest)])
}
